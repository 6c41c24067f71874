"""Versions sleep unless something keeps them awake; starts wait for a slot; probes have a due time."""

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.utils import timezone

REASONS = [
    ("", "It may sleep"),
    ("team", "Its team keeps a replica running"),
    ("plan", "An always-on plan has subscribers"),
    ("deadline", "Its callers wait for less time than a start takes"),
    ("latency", "A start would break its promised latency"),
]


def default_sizes_sleep(apps, schema_editor):
    """Who never chose a size has the new default. All upstreams are probed once more, and then when they are due."""
    defaults = {"min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 4}
    apps.get_model("hosting", "Deployment").objects.filter(**defaults).update(min_replicas=0)
    apps.get_model("hosting", "Upstream").objects.update(probe_due_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("hosting", "0006_changes")]
    operations = [
        migrations.AlterField(
            "deployment",
            "min_replicas",
            models.PositiveSmallIntegerField(
                default=0, help_text="0: it may sleep when nobody calls it"
            ),
        ),
        migrations.AddField(
            "deployment",
            "waits_for_slot",
            models.BooleanField(
                default=False, help_text="It ran and is to run again, and others start first"
            ),
        ),
        migrations.AddField(
            "deployment",
            "awake_because",
            models.CharField(
                max_length=10,
                choices=REASONS,
                blank=True,
                default="",
                help_text="Writer: hosting.sleep",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "deployment",
            "cold_start_s",
            models.FloatField(
                null=True, help_text="Seconds of the quickest of its last starts, as measured"
            ),
        ),
        migrations.AddField(
            "replica",
            "running_at",
            models.DateTimeField(null=True, help_text="When it was first seen running"),
        ),
        migrations.AddField(
            "upstream",
            "probed_at",
            models.DateTimeField(null=True, help_text="The last end-to-end probe"),
        ),
        migrations.AddField(
            "upstream",
            "probe_due_at",
            models.DateTimeField(
                null=True,
                default=timezone.now,
                db_index=True,
                help_text="The next one; empty while nothing has to answer",
            ),
        ),
        migrations.AddIndex(
            "healthsample",
            django.contrib.postgres.indexes.BrinIndex(fields=["at"], name="healthsample_by_time"),
        ),
        migrations.RunPython(default_sizes_sleep, migrations.RunPython.noop),
    ]
