"""Decisions, gate results and policies never change once written."""

from django.db import migrations

TABLES = [
    "governance_decision",
    "governance_gateresult",
    "governance_policyversion",
    "governance_tierassessment",
]
FORWARD = """
CREATE FUNCTION governance_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% rows are immutable', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
""" + "".join(
    f"CREATE TRIGGER {table}_immutable BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION governance_immutable();"
    for table in TABLES
)
BACKWARD = "".join(f"DROP TRIGGER {table}_immutable ON {table};" for table in TABLES) + (
    "DROP FUNCTION governance_immutable();"
)


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
