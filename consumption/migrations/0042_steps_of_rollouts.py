"""An automatic minor update spreads in steps: what each takes, where it is, and since when each application has it."""

import django.db.models.expressions
from django.db import migrations, models

POLICIES = [
    ("pin_exact", "Stay on exactly this version"),
    ("auto_patch", "Take patches automatically"),
    ("auto_minor", "Take patches and minor updates automatically"),
]
FILL = """
UPDATE consumption_rollout SET step_at = canary_at, steps = jsonb_build_array(
  jsonb_build_object('percent', percent, 'hours', hours, 'calls', calls, 'days', days));
UPDATE consumption_rolloutmember member SET got_at = rollout.canary_at
FROM consumption_rollout rollout WHERE rollout.id = member.rollout_id AND member.is_canary;
"""


class Migration(migrations.Migration):
    dependencies = [("consumption", "0041_shared_figures")]

    operations = [
        migrations.AlterField(
            "move",
            "from_policy",
            models.CharField(blank=True, choices=POLICIES, max_length=12),
        ),
        migrations.AlterField(
            "move",
            "version_policy",
            models.CharField(blank=True, choices=POLICIES, help_text="From then on", max_length=12),
        ),
        migrations.AlterField(
            "subscription",
            "version_policy",
            models.CharField(choices=POLICIES, default="auto_minor", max_length=12),
        ),
        migrations.AddField("rollout", "steps", models.JSONField(default=list)),
        migrations.AddField("rollout", "step", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("rollout", "step_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("rolloutmember", "got_at", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField("rollout", "steps", models.JSONField()),
        *(
            migrations.RemoveField("rollout", name)
            for name in ("percent", "hours", "calls", "days")
        ),
        migrations.RemoveField("rolloutmember", "is_canary"),
        migrations.AlterModelOptions(
            "rolloutmember",
            {
                "ordering": [
                    django.db.models.expressions.OrderBy(models.F("got_at"), nulls_last=True),
                    "pk",
                ]
            },
        ),
    ]
