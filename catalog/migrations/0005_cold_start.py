from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_candidate_order_and_text_limits")]
    operations = [
        migrations.AddField(
            "modelversion",
            "cold_start_s",
            models.FloatField(
                null=True,
                help_text="A first call waits so long; empty: always awake. Writer: hosting",
            ),
        ),
    ]
