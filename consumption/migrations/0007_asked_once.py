"""What a gateway asked for and got, so that asking again after a lost reply changes nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0006_leak_reports")]
    operations = [
        migrations.AddField(
            "quotalease",
            "last_ask",
            models.BigIntegerField(
                default=0,
                help_text="The holder's number of the last change: one that comes again is answered, not done",
            ),
        ),
        migrations.AddField("quotalease", "last_granted", models.BigIntegerField(default=0)),
    ]
