"""The event table: partitioned by month, so that 13 months of events can be dropped a month at a time.

`at` comes from the spool record, so a copied event always lands on the same (event_id, at) and ON CONFLICT sees it.
"""

from django.db import migrations

FORWARD = """
CREATE TABLE consumption_usageevent (
  event_id uuid NOT NULL,
  at timestamptz NOT NULL,
  subscription_id bigint NOT NULL,
  key_id bigint NOT NULL,
  application_id bigint NOT NULL,
  team_id bigint NOT NULL,
  model_id bigint NOT NULL,
  version_id bigint NOT NULL,
  outcome varchar(16) NOT NULL,
  http_status integer NOT NULL,
  units bigint NOT NULL CHECK (units >= 0),
  duration_us bigint NOT NULL CHECK (duration_us >= 0),
  request_bytes bigint NOT NULL DEFAULT 0,
  response_bytes bigint NOT NULL DEFAULT 0,
  environment varchar(10) NOT NULL DEFAULT 'prod',
  is_demo boolean NOT NULL DEFAULT false,
  PRIMARY KEY (event_id, at)
) PARTITION BY RANGE (at);
CREATE INDEX usageevent_subscription_at ON consumption_usageevent (subscription_id, at);
CREATE INDEX usageevent_at ON consumption_usageevent USING brin (at);
CREATE TABLE consumption_usageevent_default PARTITION OF consumption_usageevent DEFAULT;
"""
BACKWARD = "DROP TABLE consumption_usageevent;"


class Migration(migrations.Migration):
    dependencies = [("consumption", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
