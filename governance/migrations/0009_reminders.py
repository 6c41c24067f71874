"""When the next reminder of a review is due, so that the sweep reads what is due and not all that is open."""

from django.db import migrations, models

FIRST = """
UPDATE governance_review SET remind_at = opened_at + (due_at - opened_at) * 0.75 WHERE state = 'open'
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0008_rounds")]

    operations = [
        migrations.AddField(
            model_name="review",
            name="remind_at",
            field=models.DateTimeField(
                blank=True, help_text="When its next reminder is due; empty: never", null=True
            ),
        ),
        migrations.RunSQL(FIRST, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["remind_at"],
                name="review_to_remind",
            ),
        ),
    ]
