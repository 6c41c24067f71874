"""All tables of publishing at once, as 0001 to 0004 made them step by step (docs/contributing.md, "Migrations")."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0007_people"),
        ("catalog", "0001_squashed_0022_recommended_for"),
        ("consumption", "0001_squashed_0040_rollouts"),
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
                    name="RegistryConnection",
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
                        ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ("name", models.CharField(max_length=60)),
                        ("tracking_url", models.CharField(max_length=300)),
                        (
                            "trigger",
                            models.CharField(
                                choices=[
                                    ("created", "Each new version"),
                                    ("alias", "A version that gets this alias"),
                                    ("tag", "A version that gets this tag"),
                                ],
                                default="alias",
                                max_length=10,
                            ),
                        ),
                        ("marker", models.CharField(blank=True, max_length=200)),
                        (
                            "state",
                            models.CharField(
                                choices=[("active", "Active"), ("removed", "Removed")],
                                default="active",
                                max_length=10,
                            ),
                        ),
                        ("secret", models.BinaryField()),
                        ("old_secret", models.BinaryField(null=True)),
                        ("old_secret_until", models.DateTimeField(blank=True, null=True)),
                        ("credential", models.BinaryField(null=True)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "acts_for",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="registry_connections",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "pk"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["active", "removed"])),
                                name="registry_connection_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("trigger__in", ["created", "alias", "tag"])),
                                name="registry_trigger",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("old_secret", None),
                                    ("old_secret_until__isnull", False),
                                    _connector="OR",
                                ),
                                name="registry_old_secret_ends",
                            ),
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
                    name="RegistryImport",
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
                            "registered_model",
                            models.CharField(help_text="Its name in the registry", max_length=256),
                        ),
                        (
                            "registered_version",
                            models.CharField(help_text="Its number in the registry", max_length=20),
                        ),
                        ("number", models.CharField(blank=True, max_length=40)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("running", "Being read"),
                                    ("submitted", "Submitted"),
                                    ("incomplete", "Incomplete"),
                                    ("failed", "Failed"),
                                ],
                                default="waiting",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("said", models.TextField(blank=True)),
                        ("problems", models.JSONField(blank=True, default=list)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="imports",
                                to="publishing.registryconnection",
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        ["waiting", "running", "submitted", "incomplete", "failed"],
                                    )
                                ),
                                name="registry_import_state",
                            ),
                            models.UniqueConstraint(
                                fields=("connection", "registered_model", "registered_version"),
                                name="registry_import_once",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state__in", ["waiting", "running"])),
                                fields=["state_since"],
                                name="registry_import_open",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RegistryDelivery",
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
                        ("delivery_id", models.CharField(max_length=100)),
                        (
                            "event",
                            models.CharField(
                                help_text="entity.action, such as model_version.created",
                                max_length=80,
                            ),
                        ),
                        ("registered_model", models.CharField(blank=True, max_length=256)),
                        ("registered_version", models.CharField(blank=True, max_length=20)),
                        ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="deliveries",
                                to="publishing.registryconnection",
                            ),
                        ),
                        (
                            "imported",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="deliveries",
                                to="publishing.registryimport",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "delivery_id"), name="registry_delivery_once"
                            )
                        ],
                    },
                ),
            ]
        ),
    ]
