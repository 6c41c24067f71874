"""Leases by holder, so that a killed gateway's unspent quota comes back; and the list of hours to recompute."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0002_usage_partitions")]
    operations = [
        migrations.CreateModel(
            name="StaleHour",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("touched_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="QuotaLease",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("holder", models.CharField(db_index=True, max_length=120)),
                ("granted", models.BigIntegerField(default=0)),
                (
                    "spent",
                    models.BigIntegerField(
                        default=0, help_text="Units of shipped events. Writer: metering"
                    ),
                ),
                (
                    "period",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="leases",
                        to="consumption.quotaperiod",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("period", "holder"), name="quota_lease_once_a_holder"
                    )
                ],
            },
        ),
    ]
