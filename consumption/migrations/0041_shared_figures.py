from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consumption", "0001_squashed_0040_rollouts"),
    ]

    operations = [
        migrations.AddField(
            model_name="batchevaluation",
            name="shared_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When its figures were put beside the versions' others",
                null=True,
            ),
        ),
    ]
