"""To which business unit a team belonged when: kept by the database, whoever changes `Team.business_unit`."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
INSERT INTO accounts_teamunit (team_id, business_unit_id, since) SELECT id, business_unit_id, 'epoch' FROM accounts_team;
CREATE FUNCTION accounts_keep_team_unit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accounts_teamunit (team_id, business_unit_id, since)
  VALUES (NEW.id, NEW.business_unit_id, CASE TG_OP WHEN 'INSERT' THEN 'epoch'::timestamptz ELSE clock_timestamp() END);
  RETURN NULL;
END $$;
CREATE TRIGGER team_unit_first AFTER INSERT ON accounts_team FOR EACH ROW EXECUTE FUNCTION accounts_keep_team_unit();
CREATE TRIGGER team_unit_next AFTER UPDATE ON accounts_team FOR EACH ROW
  WHEN (OLD.business_unit_id IS DISTINCT FROM NEW.business_unit_id) EXECUTE FUNCTION accounts_keep_team_unit();
"""
BACKWARD = """
DROP TRIGGER team_unit_first ON accounts_team;
DROP TRIGGER team_unit_next ON accounts_team;
DROP FUNCTION accounts_keep_team_unit();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_idempotent_answer")]
    operations = [
        migrations.CreateModel(
            name="TeamUnit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.DateTimeField()),
                (
                    "business_unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.businessunit",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="units",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("team", "since"), name="team_unit_since_once")
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
