"""Checks of the whole record that people asked for."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("audit", "0003_seals_and_owner_chains"),
    ]
    operations = [
        migrations.CreateModel(
            "Verification",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "size",
                    models.BigIntegerField(
                        default=0, help_text="Chained events that were looked at"
                    ),
                ),
                (
                    "faults",
                    models.JSONField(
                        default=list, help_text="Sentences; empty: the record is intact"
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-id"], "get_latest_by": "id"},
        )
    ]
