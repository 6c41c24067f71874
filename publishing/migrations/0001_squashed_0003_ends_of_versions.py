"""All tables of publishing at once, as 0001 to 0003 made them step by step (docs/contributing.md, "Migrations")."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


class Migration(migrations.Migration):
    replaces = [
        ("publishing", "0001_uploads_on_their_way"),
        ("publishing", "0002_gate_runs"),
        ("publishing", "0003_ends_of_versions"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0006_sign_in_attempts"),
        ("catalog", "0001_squashed_0018_brownouts"),
        ("consumption", "0001_squashed_0039_paused_by_budget"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="MigrationGuide",
                    fields=[
                        (
                            "version",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="migration_guide",
                                serialize=False,
                                to="catalog.modelversion",
                            ),
                        ),
                        ("what_changes", models.TextField(max_length=10000)),
                        ("steps", models.TextField(max_length=10000, verbose_name="how to move")),
                        (
                            "checks",
                            models.TextField(
                                max_length=10000, verbose_name="how to know that it works"
                            ),
                        ),
                        ("renames", models.JSONField(blank=True, default=dict)),
                        ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "written_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Campaign",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("announced_at", models.DateTimeField()),
                        (
                            "reached_at",
                            models.DateTimeField(
                                help_text="Notices that were due until then have gone out"
                            ),
                        ),
                        ("next_at", models.DateTimeField(help_text="When the next notice is due")),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="campaigns",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("ended_at", None)),
                                fields=("version",),
                                name="campaign_open_once",
                            )
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("ended_at", None)),
                                fields=["next_at"],
                                name="campaign_due",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GateRun",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("running", "Running"),
                                    ("done", "Done"),
                                    ("broken", "Broke off"),
                                ],
                                default="waiting",
                                max_length=8,
                            ),
                        ),
                        (
                            "subject",
                            models.CharField(
                                help_text="Digest of package, signature, example and service level",
                                max_length=64,
                            ),
                        ),
                        ("manifest_sha256", models.CharField(max_length=64)),
                        ("findings", models.JSONField(default=list)),
                        ("summary", models.TextField(blank=True)),
                        ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
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
                                related_name="gate_runs",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["waiting", "running", "done", "broken"])
                                ),
                                name="gate_run_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["waiting", "running"])),
                                fields=("version",),
                                name="gate_run_once_at_a_time",
                            ),
                        ],
                        "indexes": [models.Index(fields=["subject"], name="gate_run_subject")],
                    },
                ),
                migrations.CreateModel(
                    name="MigrationMessage",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("is_from_owner", models.BooleanField()),
                        ("text", models.TextField(max_length=4000)),
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
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="migration_messages",
                                to="consumption.subscription",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="migration_messages",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-at", "-id"],
                        "indexes": [
                            models.Index(
                                fields=["version", "subscription", "-at"], name="migrationmessage"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RetirementWaiver",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        ("reason", models.TextField(max_length=4000)),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "instead",
                            models.TextField(
                                max_length=4000, verbose_name="what the consumer does instead"
                            ),
                        ),
                        ("ends_on", models.DateField(help_text="The last day on which it holds")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Asked for"),
                                    ("granted", "In force"),
                                    ("refused", "Refused"),
                                    ("ended", "Ended"),
                                ],
                                default="open",
                                max_length=8,
                            ),
                        ),
                        (
                            "decided_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "proposed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="retirement_waivers",
                                to="consumption.subscription",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="retirement_waivers",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["ends_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "granted", "refused", "ended"])
                                ),
                                name="retirementwaiver_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("decided_by", None),
                                    models.Q(
                                        ("decided_by", models.F("proposed_by")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                name="retirementwaiver_decided_by_another",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["open", "granted"])),
                                fields=("version", "subscription"),
                                name="retirementwaiver_once_at_a_time",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "granted")),
                                fields=["ends_on"],
                                name="retirementwaiver_ends",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Upload",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("size", models.BigIntegerField(verbose_name="declared bytes")),
                        (
                            "server",
                            models.CharField(
                                help_text="Host and run folder of the process that receives it",
                                max_length=255,
                            ),
                        ),
                        ("began_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("expires_at", models.DateTimeField()),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [models.Index(fields=["expires_at"], name="upload_expires")],
                    },
                ),
            ]
        ),
    ]
