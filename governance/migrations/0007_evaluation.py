"""Figures with who measured them; they never change once written."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_versions_highest_first"),
        ("governance", "0006_most_urgent_reviews"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Evaluation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("declared", "Declared by the team"),
                            ("independent", "Measured by the marketplace"),
                            ("consumer", "Measured by a consumer"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "suite",
                    models.CharField(help_text="What was run, with its version", max_length=80),
                ),
                ("metric", models.CharField(max_length=60)),
                (
                    "slice",
                    models.CharField(blank=True, help_text="Empty: all rows", max_length=120),
                ),
                ("value", models.FloatField()),
                (
                    "low",
                    models.FloatField(blank=True, help_text="95 % interval, lower end", null=True),
                ),
                (
                    "high",
                    models.FloatField(blank=True, help_text="95 % interval, upper end", null=True),
                ),
                (
                    "n",
                    models.PositiveIntegerField(
                        blank=True, help_text="Rows it was computed over", null=True
                    ),
                ),
                ("threshold", models.FloatField(blank=True, null=True)),
                (
                    "baseline",
                    models.FloatField(
                        blank=True, help_text="What a naive model reaches", null=True
                    ),
                ),
                ("data", models.CharField(help_text="The data set, in words", max_length=200)),
                ("data_sha256", models.CharField(blank=True, max_length=64)),
                (
                    "artifact_sha256",
                    models.CharField(
                        help_text="Of the version's graph, or of its address", max_length=64
                    ),
                ),
                (
                    "environment",
                    models.CharField(blank=True, help_text="Versions of the tools", max_length=200),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="evaluations",
                        to="catalog.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["declared", "independent", "consumer"])),
                        name="evaluation_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("value__gte", -1000000000000000.0), ("value__lte", 1000000000000000.0)
                        ),
                        name="evaluation_value_is_a_number",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("high", None), ("low", None)),
                            ("low__lte", models.F("high")),
                            _connector="OR",
                        ),
                        name="evaluation_interval_in_order",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER governance_evaluation_immutable BEFORE UPDATE ON governance_evaluation "
            "FOR EACH ROW EXECUTE FUNCTION governance_immutable();",
            "DROP TRIGGER governance_evaluation_immutable ON governance_evaluation;",
        ),
    ]
