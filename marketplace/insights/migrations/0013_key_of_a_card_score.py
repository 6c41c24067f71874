from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("insights", "0012_findings_that_wait"),
    ]

    operations = [
        migrations.AddField(
            model_name="healthscore",
            name="card_key",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Of what the card's score follows from",
                max_length=64,
            ),
        ),
    ]
