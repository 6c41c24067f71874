"""Names only: journal positions, rejected hours, lease owners and request ids. No row changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0019_open_month_as_owner")]

    operations = [
        migrations.RenameModel("SpoolOffset", "JournalPosition"),
        migrations.RenameField("journalposition", "spool", "segment"),
        migrations.RenameModel("RefusedHour", "RejectedHour"),
        migrations.RenameField("rejectedhour", "told", "reported"),
        migrations.AlterField(
            "rejectedhour",
            "reported",
            models.JSONField(
                default=dict,
                help_text="calls by gateway process: what each has reported so far is not added again",
            ),
        ),
        migrations.RemoveConstraint("rejectedhour", "refusedhour_once"),
        migrations.AddConstraint(
            "rejectedhour",
            models.UniqueConstraint(
                fields=["hour", "subscription", "limit"], name="rejectedhour_once"
            ),
        ),
        migrations.RemoveConstraint("quotalease", "quota_lease_once_a_holder"),
        migrations.RenameField("quotalease", "holder", "owner"),
        migrations.RenameField("quotalease", "last_ask", "last_request_id"),
        migrations.AlterField(
            "quotalease",
            "last_request_id",
            models.BigIntegerField(
                default=0,
                help_text="The owner's id of its last request: a request that is repeated gets the same answer and changes nothing",
            ),
        ),
        migrations.AddConstraint(
            "quotalease",
            models.UniqueConstraint(fields=["period", "owner"], name="quota_lease_once_an_owner"),
        ),
    ]
