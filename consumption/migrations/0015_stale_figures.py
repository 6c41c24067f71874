"""Which models' figures in the catalog wait to be written anew, noted by the database with every change of a roll-up.

The update takes the mark's lock even when it is there, so that whoever works at it waits for hours that are just being written;
in one order for all, so that two writers never wait for each other.
"""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION consumption_mark_figures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO consumption_stalefigures (model_id, figures, at)
  SELECT model_id, figures, now() FROM (SELECT DISTINCT model_id FROM changed JOIN consumption_subscription s ON s.id = changed.subscription_id) AS model,
    unnest(ARRAY['service', 'usage']) AS figures
  ORDER BY 1, 2
  ON CONFLICT (model_id, figures) DO UPDATE SET at = consumption_stalefigures.at;
  RETURN NULL;
END $$;
CREATE TRIGGER figures_insert AFTER INSERT ON consumption_usagehour REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION consumption_mark_figures();
CREATE TRIGGER figures_update AFTER UPDATE ON consumption_usagehour REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION consumption_mark_figures();
CREATE TRIGGER figures_delete AFTER DELETE ON consumption_usagehour REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION consumption_mark_figures();
"""
BACKWARD = """
DROP TRIGGER figures_insert ON consumption_usagehour;
DROP TRIGGER figures_update ON consumption_usagehour;
DROP TRIGGER figures_delete ON consumption_usagehour;
DROP FUNCTION consumption_mark_figures();
"""


class Migration(migrations.Migration):
    dependencies = [("consumption", "0014_always_on_plans"), ("catalog", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="StaleFigures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("figures", models.CharField(max_length=10)),
                ("at", models.DateTimeField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.registeredmodel",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("model", "figures"), name="stale_figures_once")
                ]
            },
        ),
        migrations.CreateModel(
            name="FiguresDay",
            fields=[("day", models.DateField(primary_key=True, serialize=False))],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
