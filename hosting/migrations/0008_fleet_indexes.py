"""Indexes for what the operations page reads of a large fleet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_cold_start"),
        ("hosting", "0007_sleep_and_slots"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="deployment",
            index=models.Index(fields=["state"], name="deployment_by_state"),
        ),
        migrations.AddIndex(
            model_name="replica",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["deployment"], name="replica_live"
            ),
        ),
        migrations.AddIndex(
            model_name="replica",
            index=models.Index(
                condition=models.Q(("state", "crashed")),
                fields=["ended_at"],
                name="replica_crashed",
            ),
        ),
    ]
