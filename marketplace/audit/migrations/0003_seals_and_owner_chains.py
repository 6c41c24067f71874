"""Rows carry their writer's keyed digest; the chain is written by a function of the owner, not by the application's role."""

import uuid

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION audit_chain(ids bigint[], seqs bigint[], prev_hashes text[], hashes text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE audit_auditevent AS event SET seq = link.seq, prev_hash = link.prev_hash, hash = link.hash
  FROM unnest(ids, seqs, prev_hashes, hashes) AS link(id, seq, prev_hash, hash)
  WHERE event.id = link.id;
$$;
"""
BACKWARD = "DROP FUNCTION audit_chain(bigint[], bigint[], text[], text[])"


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        # A volatile default fills the rows that exist, each with its own, without an UPDATE, which the record refuses.
        migrations.RunSQL(
            "ALTER TABLE audit_auditevent ADD COLUMN nonce uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE;"
            "ALTER TABLE audit_auditevent ALTER COLUMN nonce DROP DEFAULT;",
            "ALTER TABLE audit_auditevent DROP COLUMN nonce",
            state_operations=[
                migrations.AddField(
                    "auditevent",
                    "nonce",
                    models.UUIDField(default=uuid.uuid4, unique=True, editable=False),
                )
            ],
        ),
        migrations.AddField(
            "auditevent",
            "mac",
            models.CharField(
                max_length=64,
                blank=True,
                default="",
                help_text="The writer's keyed digest; blank before release 0.2",
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
