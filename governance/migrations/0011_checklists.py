"""What a reviewer answered before deciding; decisions from before there were checklists have none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0010_independent_evaluation")]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="checklist",
            field=models.JSONField(
                default=list,
                help_text="point, asks, source, answer, note (governance.checklists.Answered)",
            ),
        ),
    ]
