"""Benchmark data that governance owns, and the runs that measure versions on it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0009_approval_ends"),
        ("governance", "0009_reminders"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BenchmarkDataset",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                (
                    "task",
                    models.CharField(
                        choices=[
                            ("binary", "Binary classification"),
                            ("multiclass", "Classification into several classes"),
                            ("regression", "Regression"),
                        ],
                        max_length=12,
                    ),
                ),
                ("label", models.CharField(help_text="The column with the truth", max_length=100)),
                (
                    "positive",
                    models.CharField(
                        blank=True,
                        help_text="Binary: the label's value that the score is about",
                        max_length=60,
                    ),
                ),
                (
                    "positive_is_favourable",
                    models.BooleanField(
                        default=True, help_text="Whether the positive answer is good for the person"
                    ),
                ),
                (
                    "cutoff",
                    models.FloatField(
                        default=0.5, help_text="Scores from here on count as positive"
                    ),
                ),
                (
                    "floor",
                    models.FloatField(
                        blank=True, help_text="What the primary metric must reach", null=True
                    ),
                ),
                (
                    "output",
                    models.CharField(
                        blank=True,
                        help_text="The version's output; empty: its first",
                        max_length=100,
                    ),
                ),
                (
                    "groups",
                    models.JSONField(
                        default=list, help_text="Columns that say who belongs to which group"
                    ),
                ),
                ("columns", models.JSONField(default=list)),
                ("rows", models.PositiveIntegerField()),
                ("size", models.PositiveIntegerField(help_text="Bytes")),
                ("sha256", models.CharField(max_length=64)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "capability",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="benchmarks",
                        to="catalog.capability",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="BenchmarkRows",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("csv", models.BinaryField()),
                (
                    "dataset",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="content",
                        to="governance.benchmarkdataset",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "benchmark rows",
            },
        ),
        migrations.CreateModel(
            name="EvaluationRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("scored", "Scored"),
                            ("broken", "Could not run"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("seed", models.PositiveIntegerField(default=0)),
                ("summary", models.TextField(blank=True)),
                (
                    "record",
                    models.JSONField(
                        default=dict, help_text="What a replay needs to get the same figures"
                    ),
                ),
                ("metrics_sha256", models.CharField(blank=True, max_length=64)),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="governance.benchmarkdataset",
                    ),
                ),
                (
                    "requested_by",
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
                        related_name="evaluation_runs",
                        to="catalog.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["waiting", "running", "scored", "broken"])
                        ),
                        name="evaluation_run_state",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "running"])),
                        fields=("version", "dataset"),
                        name="evaluation_run_once_at_a_time",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "".join(
                f"CREATE TRIGGER {table}_immutable BEFORE UPDATE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION governance_immutable();"
                for table in ("governance_benchmarkdataset", "governance_benchmarkrows")
            ),
            "".join(
                f"DROP TRIGGER {table}_immutable ON {table};"
                for table in ("governance_benchmarkdataset", "governance_benchmarkrows")
            ),
        ),
    ]
