from django.db import migrations, models


class Migration(migrations.Migration):
    """How long texts may be: forms, serializers and verbs read it off the models; no change to the tables."""

    dependencies = [("consumption", "0011_application_name_keys")]

    operations = [
        migrations.AlterField(
            "application", "description", models.TextField(blank=True, max_length=10_000)
        ),
        migrations.AlterField(
            "subscription", "decision_reason", models.TextField(blank=True, max_length=4_000)
        ),
        migrations.AlterField("subscription", "purpose", models.TextField(max_length=4_000)),
    ]
