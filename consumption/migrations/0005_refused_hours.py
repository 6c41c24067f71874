"""Who was refused what, by the hour."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0004_key_networks")]
    operations = [
        migrations.CreateModel(
            name="RefusedHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(db_index=True)),
                (
                    "limit",
                    models.CharField(
                        help_text="A name of LIMITS in consumption/metering/rejections.py",
                        max_length=12,
                    ),
                ),
                ("calls", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
                (
                    "told",
                    models.JSONField(
                        default=dict,
                        help_text="calls by gateway process: what each has told so far is not added again",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="consumption.subscription",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["hour", "subscription", "limit"], name="refusedhour_once"
                    )
                ]
            },
        ),
    ]
