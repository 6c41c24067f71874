"""What both sides of a rollout called, counted from usage events (docs/updates.md, "The guard")."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from consumption.models import Outcome, Rollout
from consumption.rollouts.guard import Evidence, Side

MOST = 10_000  # the newest calls of each side are judged
EARLIER = timedelta(
    days=7
)  # at least so far back, where the same applications are compared with themselves
# Limits and cancelled calls (499) say nothing about a version. The index on (subscription_id, at) finds the newest ones.
COUNT = f"""
WITH newest AS (
  SELECT e.at, e.outcome, e.http_status, e.duration_us FROM consumption_usageevent e
  WHERE e.subscription_id = ANY(%(subscriptions)s) AND e.at >= %(since)s AND e.at < %(until)s
    AND (e.version_id = %(version)s) = %(is_new)s AND e.outcome <> '{Outcome.REFUSED}' AND e.http_status <> 499
    AND e.environment <> 'sandbox'
  ORDER BY e.at DESC LIMIT %(most)s
)
SELECT count(*), count(*) FILTER (WHERE http_status >= 500), count(*) FILTER (WHERE http_status BETWEEN 400 AND 498),
  percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = '{Outcome.OK}'), min(at)
FROM newest
"""


def count(rollout: Rollout) -> Evidence:
    """Both sides since the newest of the first applications has the new version, or since the oldest of its newest MOST calls.

    The other side are the applications that have it not, in the same time. Where they called less than is judged, it is what the
    first ones called before, for as long, and for a week at least. A rollout without `canary_at` has no calls.
    """
    now = timezone.now()
    if rollout.canary_at is None:
        return Evidence(Side(), Side())
    members = dict(rollout.members.values_list("subscription_id", "got_at"))
    first = [pk for pk, got_at in members.items() if got_at]
    others = [pk for pk, got_at in members.items() if not got_at]
    since = max(filter(None, members.values()), default=rollout.canary_at)
    canary, oldest = _side(rollout, first, since, now, is_new=True)
    if canary.calls == MOST and oldest:
        since = oldest
    old, _ = _side(rollout, others, since, now, is_new=False)
    if old.calls >= rollout.rule["calls"]:
        return Evidence(canary, old)
    until = rollout.canary_at
    back = max(now - until, EARLIER)
    earlier, _ = _side(rollout, first, until - back, until, is_new=False)
    return (
        Evidence(canary, earlier, is_earlier=True)
        if earlier.calls > old.calls
        else Evidence(canary, old)
    )


def _side(
    rollout: Rollout, subscriptions: list[int], since: datetime, until: datetime, *, is_new: bool
) -> tuple[Side, datetime | None]:
    values: dict[str, Any] = {
        "subscriptions": subscriptions,
        "since": since,
        "until": until,
        "version": rollout.version_id,
        "is_new": is_new,
        "most": MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        calls, failed, refused, p95_us, oldest = cursor.fetchone()
    return Side(calls, failed, refused, p95_us), oldest
