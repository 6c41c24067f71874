"""What a gateway holds in memory and has changed, noted by the database itself, so that no verb can forget it.

Each trigger says: the kind of record, the column that names it, and which columns matter, either "but" some that the gateway
does not read or "only" some. A column that is added later matters until somebody says otherwise.
"""

from django.db import migrations, models
from django.db.models.functions import Now

import hosting.models

FORWARD = """
CREATE FUNCTION hosting_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE FUNCTION hosting_note_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  listed text[] := ARRAY['published', 'deprecated', 'retired'];
BEGIN
  IF OLD.* IS DISTINCT FROM NEW.* AND (coalesce(OLD.state, '') = ANY(listed) OR coalesce(NEW.state, '') = ANY(listed)) THEN
    INSERT INTO hosting_change (kind, name) SELECT 'model', coalesce(NEW.model_id, OLD.model_id);
  END IF;
  RETURN NULL;
END $$;
"""
TRIGGERS = {  # table: its trigger's function with arguments
    "catalog_registeredmodel": "hosting_note_change('model', 'id', 'only', 'slug')",
    "catalog_modelversion": "hosting_note_version()",
    "hosting_upstream": "hosting_note_change('model', 'version_id', 'only', 'version_id kind base_url credential is_ready')",
    "hosting_deployment": "hosting_note_change('model', 'version_id', 'only', 'version_id state')",
    "consumption_apikey": "hosting_note_change('key', 'kid', 'but', 'last_used_at')",
    "consumption_subscription": "hosting_note_change('subscription', 'id', 'but', '')",
    "consumption_plan": "hosting_note_change('plan', 'id', 'but', '')",
    "consumption_application": "hosting_note_change('application', 'id', 'only', 'team_id environment')",
}
CREATE = "".join(
    f"CREATE TRIGGER hosting_noted AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function};\n"
    for table, function in TRIGGERS.items()
)
BACKWARD = "".join(f"DROP TRIGGER hosting_noted ON {table};\n" for table in TRIGGERS) + (
    "DROP FUNCTION hosting_note_change(); DROP FUNCTION hosting_note_version();"
)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_p95_is_hostings"),
        ("consumption", "0007_asked_once"),
        ("hosting", "0005_late_calls"),
    ]
    operations = [
        migrations.CreateModel(
            name="Change",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                ("at", models.DateTimeField(db_default=Now(), db_index=True)),
            ],
        ),
        migrations.RunSQL(FORWARD + CREATE, BACKWARD),
    ]
