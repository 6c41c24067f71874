"""The oracle of billing: what events, hours, days, statements and quotas say of the same calls, and how it differs."""

from django.db import connection

from consumption.models import (
    ApiKey,
    FailureDay,
    FailureHour,
    JournalPosition,
    KeyDay,
    KeyHour,
    QuotaLease,
    QuotaPeriod,
    StaleHour,
    UsageDay,
    UsageHour,
)
from tests.consumption.counting import count_all

MONTHS = 24
GROUPED = """
SELECT {team}, {model}, {version}, {day}, {calls}, {units}::bigint FROM {table} WHERE {mine} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
OF_EVENTS = GROUPED.format(
    team="team_id",
    model="model_id",
    version="version_id",
    day="(at AT TIME ZONE 'UTC')::date",
    calls="count(*)",
    units="sum(units)",
    table="consumption_usageevent",
    mine="subscription_id = ANY(%s)",
)
OF_BUCKETS = GROUPED.format(
    team="application.team_id",
    model="subscription.model_id",
    version="bucket.version_id",
    day="{day}",
    calls="sum(calls)::bigint",
    units="sum(units)",
    mine="bucket.subscription_id = ANY(%s)",
    table="{table} bucket JOIN consumption_subscription subscription ON subscription.id = bucket.subscription_id"
    " JOIN consumption_application application ON application.id = subscription.application_id",
)
OF_HOURS = OF_BUCKETS.format(
    table="consumption_usagehour", day="(bucket.hour AT TIME ZONE 'UTC')::date"
)
OF_DAYS = OF_BUCKETS.format(table="consumption_usageday", day="bucket.day")
DRIFT = """
SELECT subscription_id, month, used, units FROM
  (SELECT subscription_id, period_start AS month, used FROM consumption_quotaperiod) period
  FULL JOIN (
    SELECT subscription_id, (date_trunc('month', at, 'UTC') AT TIME ZONE 'UTC')::date AS month, sum(units)::bigint AS units
    FROM consumption_usageevent WHERE NOT is_demo GROUP BY 1, 2
  ) event USING (subscription_id, month)
WHERE coalesce(used, 0) <> coalesce(units, 0)
"""


def who_of(subscription, version):
    """What the journal says of each call: subscription, key, application, team, model and version ids."""
    key = ApiKey.objects.get(subscription=subscription)
    application = subscription.application
    return (
        subscription.pk,
        key.pk,
        application.pk,
        application.team_id,
        version.model_id,
        version.pk,
    )


def empty():
    """Forget every call, and all that was counted. The event table is not Django's own: no flush between tests reaches it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    counted = (UsageHour, UsageDay, KeyHour, KeyDay, FailureHour, FailureDay)
    for table in (*counted, StaleHour, JournalPosition, QuotaLease, QuotaPeriod):
        table.objects.all().delete()


def rows(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def quota_drift():
    """(subscription, month, used, units of its events) where the quota counted something else than what happened."""
    return rows(DRIFT)


def assert_agree():
    """All that is not waiting for its roll-up is counted alike by events, hours, days; and the quotas count what happened."""
    assert count_all(MONTHS).wrong == [] and quota_drift() == []


def assert_exact(subscriptions):
    """Nothing waits, and the difference is 0 at each level: per team, model, version and day; per month; in the quotas."""
    events = rows(OF_EVENTS, subscriptions)
    assert events and events == rows(OF_HOURS, subscriptions) == rows(OF_DAYS, subscriptions)
    assert not StaleHour.objects.exists()
    assert_agree()
