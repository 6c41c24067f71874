from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_approval_ends")]

    operations = [
        migrations.AddField(
            "modelcard", "origins", models.JSONField(blank=True, db_default={}, default=dict)
        )
    ]
