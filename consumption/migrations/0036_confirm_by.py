"""Who has access already confirms it a year after it was granted, and no earlier than in sixty days: nobody is surprised."""

from django.db import migrations

FORWARD = """
UPDATE consumption_subscription
SET confirm_by = greatest(
  (coalesce(decided_at, requested_at) AT TIME ZONE 'UTC')::date + 365, (now() AT TIME ZONE 'UTC')::date + 60)
WHERE state IN ('active', 'paused') AND confirm_by IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("consumption", "0035_access_requests_and_ends")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
