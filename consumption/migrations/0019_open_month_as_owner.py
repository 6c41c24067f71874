"""The processes' role makes no tables: a partition for a coming month is made by a function of the owner, which makes nothing else."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION consumption_open_month(start date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first date := date_trunc('month', start);
BEGIN
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS %I PARTITION OF consumption_usageevent FOR VALUES FROM (%L) TO (%L)',
    'consumption_usageevent_' || to_char(first, 'YYYY_MM'), first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
END $$;
"""
BACKWARD = "DROP FUNCTION consumption_open_month(date)"


class Migration(migrations.Migration):
    dependencies = [("consumption", "0018_what_sweeps_look_for")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
