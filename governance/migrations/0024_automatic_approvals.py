"""Approvals of patches by their checks alone."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER governance_automaticapproval_immutable BEFORE UPDATE ON governance_automaticapproval
FOR EACH ROW EXECUTE FUNCTION governance_immutable()
"""
BACKWARD = "DROP TRIGGER governance_automaticapproval_immutable ON governance_automaticapproval"


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0023_announced_suspension"),
        ("governance", "0001_squashed_0023_same_purpose_cases"),
    ]

    operations = [
        migrations.CreateModel(
            name="AutomaticApproval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "evidence",
                    models.JSONField(help_text="ids of the gate results, all of them green"),
                ),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("card_sha256", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.policyversion",
                    ),
                ),
                (
                    "previous",
                    models.ForeignKey(
                        help_text="What people approved",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.modelversion",
                    ),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="automatic_approval",
                        to="catalog.modelversion",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
