"""All tables of audit at once, as 0001 to 0005 made them step by step (docs/contributing.md, "Migrations")."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


FORWARD = r"""
CREATE FUNCTION audit_refuse()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'the audit record is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION audit_sequence_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF OLD.seq IS NOT NULL
     OR (to_jsonb(NEW) - 'seq' - 'prev_hash' - 'hash') <> (to_jsonb(OLD) - 'seq' - 'prev_hash' - 'hash') THEN
    RAISE EXCEPTION 'the audit record is append-only' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION audit_chain(ids bigint[], seqs bigint[], prev_hashes text[], hashes text[])
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $$
  UPDATE audit_auditevent AS event SET seq = link.seq, prev_hash = link.prev_hash, hash = link.hash
  FROM unnest(ids, seqs, prev_hashes, hashes) AS link(id, seq, prev_hash, hash)
  WHERE event.id = link.id;
$$;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_auditevent FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_update_once BEFORE UPDATE ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_sequence_once();
"""
BACKWARD = """
DROP FUNCTION audit_chain(ids bigint[], seqs bigint[], prev_hashes text[], hashes text[]) CASCADE;
DROP FUNCTION audit_sequence_once() CASCADE;
DROP FUNCTION audit_refuse() CASCADE;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="Checkpoint",
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
                        ("size", models.BigIntegerField(unique=True)),
                        ("head", models.CharField(max_length=64)),
                        ("signature", models.CharField(max_length=128)),
                        ("at", models.DateTimeField()),
                    ],
                    options={
                        "ordering": ["-size"],
                    },
                ),
                migrations.CreateModel(
                    name="Watch",
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
                        ("seq", models.BigIntegerField(default=0)),
                        (
                            "head",
                            models.CharField(
                                default="0000000000000000000000000000000000000000000000000000000000000000",
                                max_length=64,
                            ),
                        ),
                        ("is_sealed", models.BooleanField(default=False)),
                        ("witness_offset", models.BigIntegerField(default=0)),
                        ("found", models.JSONField(default=list)),
                        (
                            "faults",
                            models.JSONField(
                                default=list, help_text="Sentences; empty: nothing is wrong"
                            ),
                        ),
                        ("broken_since", models.DateTimeField(null=True)),
                        ("stepped_at", models.DateTimeField(null=True)),
                        (
                            "completed_at",
                            models.DateTimeField(
                                help_text="When the last whole round ended", null=True
                            ),
                        ),
                        (
                            "size",
                            models.BigIntegerField(
                                default=0, help_text="Events that the last whole round saw"
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Verification",
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
                    options={
                        "ordering": ["-id"],
                        "get_latest_by": "id",
                    },
                ),
                migrations.CreateModel(
                    name="AuditEvent",
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
                        ("at", models.DateTimeField(db_index=True)),
                        ("action", models.CharField(db_index=True, max_length=60)),
                        ("object_type", models.CharField(max_length=60)),
                        ("object_id", models.CharField(max_length=60)),
                        ("object_label", models.CharField(max_length=200)),
                        ("reason", models.TextField(blank=True)),
                        ("detail", models.JSONField(default=dict)),
                        ("request_id", models.CharField(blank=True, max_length=64)),
                        ("seq", models.BigIntegerField(null=True, unique=True)),
                        ("prev_hash", models.CharField(blank=True, max_length=64)),
                        ("hash", models.CharField(blank=True, max_length=64)),
                        (
                            "nonce",
                            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                        ),
                        (
                            "mac",
                            models.CharField(
                                blank=True,
                                help_text="The writer's keyed digest; blank before release 0.2",
                                max_length=64,
                            ),
                        ),
                        (
                            "actor",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="audit_events",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "indexes": [
                            models.Index(
                                fields=["object_type", "object_id"],
                                name="audit_audit_object__0e78a5_idx",
                            ),
                            models.Index(
                                condition=models.Q(("seq", None)),
                                fields=["id"],
                                name="audit_unsequenced",
                            ),
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
