"""All tables of hosting at once, as 0001 to 0012 made them step by step (docs/contributing.md, "Migrations")."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import hosting.models
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


FORWARD = r"""
CREATE FUNCTION hosting_note_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  columns text[] := string_to_array(TG_ARGV[3], ' ');
BEGIN
  IF TG_OP = 'UPDATE' AND TG_ARGV[2] = 'but' AND before - columns = after - columns THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND TG_ARGV[2] = 'only'
      AND NOT EXISTS (SELECT 1 FROM unnest(columns) AS name WHERE before -> name IS DISTINCT FROM after -> name) THEN
    RETURN NULL;
  END IF;
  INSERT INTO hosting_change (kind, name)
  SELECT DISTINCT TG_ARGV[0], CASE TG_ARGV[1] WHEN 'version_id'
    THEN (SELECT model_id::text FROM catalog_modelversion WHERE id = value::bigint) ELSE value END
  FROM unnest(ARRAY[before ->> TG_ARGV[1], after ->> TG_ARGV[1]]) AS value WHERE value IS NOT NULL;
  RETURN NULL;
END $$;
CREATE FUNCTION hosting_note_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
DECLARE
  listed text[] := ARRAY['published', 'deprecated', 'retired'];
BEGIN
  IF OLD.* IS DISTINCT FROM NEW.* AND (coalesce(OLD.state, '') = ANY(listed) OR coalesce(NEW.state, '') = ANY(listed)) THEN
    INSERT INTO hosting_change (kind, name) SELECT 'model', coalesce(NEW.model_id, OLD.model_id);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION hosting_note_model()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.slug = NEW.slug THEN
    RETURN NULL;
  END IF;
  INSERT INTO hosting_change (kind, name)
  SELECT 'model', coalesce(NEW.id, OLD.id)::text
  UNION
  SELECT 'model', version.model_id::text FROM catalog_modelversion AS successor
  JOIN catalog_modelversion AS version ON version.successor_id = successor.id
  WHERE successor.model_id = coalesce(NEW.id, OLD.id);
  RETURN NULL;
END $$;
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON catalog_modelversion FOR EACH ROW EXECUTE FUNCTION hosting_note_version();
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON hosting_upstream FOR EACH ROW EXECUTE FUNCTION hosting_note_change('model', 'version_id', 'only', 'version_id kind base_url credential is_ready');
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON hosting_deployment FOR EACH ROW EXECUTE FUNCTION hosting_note_change('model', 'version_id', 'only', 'version_id state');
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON consumption_apikey FOR EACH ROW EXECUTE FUNCTION hosting_note_change('key', 'kid', 'but', 'last_used_at');
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON consumption_subscription FOR EACH ROW EXECUTE FUNCTION hosting_note_change('subscription', 'id', 'but', '');
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON consumption_plan FOR EACH ROW EXECUTE FUNCTION hosting_note_change('plan', 'id', 'but', '');
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON consumption_application FOR EACH ROW EXECUTE FUNCTION hosting_note_change('application', 'id', 'only', 'team_id environment');
CREATE TRIGGER hosting_noted AFTER INSERT OR DELETE OR UPDATE ON catalog_registeredmodel FOR EACH ROW EXECUTE FUNCTION hosting_note_model();
"""
BACKWARD = """
DROP FUNCTION hosting_note_model() CASCADE;
DROP FUNCTION hosting_note_version() CASCADE;
DROP FUNCTION hosting_note_change() CASCADE;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_squashed_0022_recommended_for"),
        ("consumption", "0001_squashed_0040_rollouts"),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="Change",
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
                            "transaction",
                            hosting.models.TransactionId(
                                db_default=hosting.models.CurrentTransaction(), db_index=True
                            ),
                        ),
                        ("kind", models.CharField(max_length=12)),
                        ("name", models.CharField(max_length=20)),
                        (
                            "at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), db_index=True
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="RuntimeEnvironment",
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
                        ("slug", models.SlugField(unique=True)),
                        ("name", models.CharField(max_length=60)),
                        ("packages", models.JSONField(default=list)),
                    ],
                ),
                migrations.CreateModel(
                    name="Deployment",
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
                        ("environment", models.CharField(default="prod", max_length=10)),
                        ("driver", models.CharField(default="ray", max_length=20)),
                        ("app_name", models.CharField(max_length=120, unique=True)),
                        ("spec_sha256", models.CharField(blank=True, max_length=64)),
                        (
                            "min_replicas",
                            models.PositiveSmallIntegerField(
                                default=0, help_text="0: it may sleep when nobody calls it"
                            ),
                        ),
                        ("max_replicas", models.PositiveSmallIntegerField(default=2)),
                        ("target_ongoing_requests", models.PositiveSmallIntegerField(default=4)),
                        ("is_stopped_by_owner", models.BooleanField(default=False)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("pending", "Pending"),
                                    ("starting", "Starting"),
                                    ("ready", "Ready"),
                                    ("degraded", "Degraded"),
                                    ("unhealthy", "Unhealthy"),
                                    ("restarting", "Restarting"),
                                    ("scaled_to_zero", "Scaled to zero"),
                                    ("stopping", "Stopping"),
                                    ("stopped", "Stopped"),
                                    ("failed", "Failed"),
                                ],
                                default="pending",
                                max_length=16,
                            ),
                        ),
                        (
                            "reason",
                            models.TextField(blank=True, help_text="What a publisher can act on"),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("ready_at", models.DateTimeField(blank=True, null=True)),
                        ("restarts", models.PositiveIntegerField(default=0)),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "waits_for_slot",
                            models.BooleanField(
                                default=False,
                                help_text="It ran and is to run again, and others start first",
                            ),
                        ),
                        (
                            "awake_because",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "It may sleep"),
                                    ("team", "Its team keeps a replica running"),
                                    ("plan", "An always-on plan has subscribers"),
                                    (
                                        "deadline",
                                        "Its callers wait for less time than a start takes",
                                    ),
                                    ("latency", "A start would break its promised latency"),
                                ],
                                help_text="Writer: hosting.sleep",
                                max_length=10,
                            ),
                        ),
                        (
                            "cold_start_s",
                            models.FloatField(
                                help_text="Seconds of the quickest of its last starts, as measured",
                                null=True,
                            ),
                        ),
                        (
                            "sleep_due_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                help_text="When `awake_because` is judged again. Writer: hosting.sleep",
                            ),
                        ),
                        (
                            "version",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="deployment",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["app_name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "pending",
                                            "starting",
                                            "ready",
                                            "degraded",
                                            "unhealthy",
                                            "restarting",
                                            "scaled_to_zero",
                                            "stopping",
                                            "stopped",
                                            "failed",
                                        ],
                                    )
                                ),
                                name="deployment_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("max_replicas__gt", 0),
                                    ("max_replicas__gte", models.F("min_replicas")),
                                ),
                                name="deployment_replica_bounds",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["state"], name="deployment_by_state"),
                            models.Index(
                                condition=models.Q(("state", "stopped"), _negated=True),
                                fields=["sleep_due_at"],
                                name="deployment_sleep_due",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="HealthSample",
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
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("is_ok", models.BooleanField()),
                        ("latency_ms", models.FloatField(null=True)),
                        ("replicas", models.PositiveSmallIntegerField(default=0)),
                        ("detail", models.CharField(blank=True, max_length=300)),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="health_samples",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-at"],
                        "indexes": [
                            models.Index(
                                fields=["version", "-at"], name="hosting_hea_version_a4a4b4_idx"
                            ),
                            models.Index(fields=["at", "id"], name="healthsample_newest"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Incident",
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
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("closed_at", models.DateTimeField(blank=True, null=True)),
                        ("summary", models.CharField(max_length=300)),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="incidents",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-opened_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("closed_at", None)),
                                fields=("version",),
                                name="incident_one_open",
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["opened_at", "id"], name="incident_newest")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Upstream",
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
                            "kind",
                            models.CharField(
                                choices=[
                                    ("engine", "Serving engine"),
                                    ("external", "External endpoint"),
                                ],
                                default="engine",
                                max_length=10,
                            ),
                        ),
                        ("base_url", models.URLField(max_length=300)),
                        (
                            "credential",
                            models.BinaryField(
                                help_text="AES-GCM, decrypted in the gateway only", null=True
                            ),
                        ),
                        (
                            "is_ready",
                            models.BooleanField(
                                default=False, help_text="The last end-to-end probe succeeded"
                            ),
                        ),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "probed_at",
                            models.DateTimeField(help_text="The last end-to-end probe", null=True),
                        ),
                        (
                            "probe_due_at",
                            models.DateTimeField(
                                db_index=True,
                                default=django.utils.timezone.now,
                                help_text="The next one; empty while nothing has to answer",
                                null=True,
                            ),
                        ),
                        (
                            "version",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="upstream",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    ("kind", "external"), ("probe_due_at__isnull", False)
                                ),
                                fields=["is_ready", "version"],
                                name="upstream_elsewhere",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Replica",
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
                        ("replica_id", models.CharField(max_length=120)),
                        ("node", models.CharField(blank=True, max_length=80)),
                        ("pid", models.PositiveIntegerField(null=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("starting", "Starting"),
                                    ("running", "Running"),
                                    ("unhealthy", "Unhealthy"),
                                    ("gone", "Gone"),
                                    ("crashed", "Crashed"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "left_none",
                            models.BooleanField(
                                default=False, help_text="It crashed, and no other one was running"
                            ),
                        ),
                        (
                            "running_at",
                            models.DateTimeField(
                                help_text="When it was first seen running", null=True
                            ),
                        ),
                        (
                            "deployment",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="replicas",
                                to="hosting.deployment",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-started_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("deployment", "replica_id"), name="replica_once"
                            )
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("ended_at", None)),
                                fields=["deployment"],
                                name="replica_live",
                            ),
                            models.Index(
                                condition=models.Q(("state", "crashed")),
                                fields=["ended_at"],
                                name="replica_crashed",
                            ),
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
