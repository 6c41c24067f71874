"""Calls that a version did not answer in time are found without reading the others: they are few, and count against it."""

from django.db import migrations

FORWARD = "CREATE INDEX usageevent_late ON consumption_usageevent (version_id, at) WHERE http_status = 504"
BACKWARD = "DROP INDEX usageevent_late"


class Migration(migrations.Migration):
    dependencies = [("hosting", "0004_state_since"), ("consumption", "0002_usage_partitions")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
