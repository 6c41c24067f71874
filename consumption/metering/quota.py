"""Monthly quotas: Postgres leases them to gateway processes, so that any number of processes never overruns a quota.

`QuotaPeriod.leased` counts the calls that were taken and not given back; it never exceeds the quota. The lease owner, one
gateway process, spends its lease without asking. Metering commits what was spent (`used`, `QuotaLease.spent`) from usage
events. Calls made without a lease, while the plan had no quota, count as leased when they are committed, so a quota that is
set later in the month includes them. Every change of a lease holds the lock of its period.

Each request of an owner has a request id. An owner that got no reply repeats the request with the same id and gets the
same answer.
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from consumption.models import QuotaLease, QuotaPeriod


class Lease(NamedTuple):
    """`granted` calls may be made now; `left` calls of the quota are not leased to any owner."""

    granted: int
    left: int


def period_start(at: datetime) -> date:
    """The first day of the calendar month (UTC) of a moment."""
    return at.astimezone(UTC).date().replace(day=1)


def next_period(start: date) -> date:
    """The first day of the following month."""
    return periods_later(start, 1)


def periods_later(start: date, count: int) -> date:
    """The first day of the month that begins `count` months later; a negative count goes back."""
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, 1)


@transaction.atomic
def take(
    subscription_id: int, start: date, quota: int, wanted: int, owner: str, request_id: int = 0
) -> Lease:
    """Lease up to `wanted` calls of the period to `owner`. Grants 0 when nothing is left. `request_id` 0: it is never repeated."""
    period = _locked(subscription_id, start, quota)
    lease = QuotaLease.objects.filter(period=period, owner=owner).first()
    if lease and request_id and lease.last_request_id == request_id:
        return Lease(lease.last_granted, period.quota - period.leased)
    granted = max(0, min(wanted, period.quota - period.leased))
    if granted:
        QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") + granted)
        lease = lease or QuotaLease.objects.create(period=period, owner=owner)
        QuotaLease.objects.filter(pk=lease.pk).update(
            granted=F("granted") + granted, last_request_id=request_id, last_granted=granted
        )
    return Lease(granted, period.quota - period.leased - granted)


@transaction.atomic
def give_back(
    subscription_id: int, start: date, owner: str, unspent: int, request_id: int = 0
) -> None:
    """Return the calls that a living owner will not spend. `request_id` as in `take`."""
    period = (
        QuotaPeriod.objects.select_for_update()
        .filter(subscription_id=subscription_id, period_start=start)
        .first()
    )
    if period is None or unspent <= 0:
        return
    lease = QuotaLease.objects.filter(period=period, owner=owner, granted__gte=F("spent") + unspent)
    if request_id:
        lease = lease.exclude(last_request_id=request_id)
    if lease.update(granted=F("granted") - unspent, last_request_id=request_id, last_granted=0):
        QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") - unspent)


# Locks the periods in one order, so that two transactions never wait for each other.
OPEN_PERIODS = """
INSERT INTO consumption_quotaperiod (subscription_id, period_start, quota, leased, used)
SELECT subscription.id, spent.start, 0, 0, 0
FROM unnest(%s::bigint[], %s::date[]) AS spent (subscription_id, start)
JOIN consumption_subscription subscription ON subscription.id = spent.subscription_id
ORDER BY 1, 2
ON CONFLICT (subscription_id, period_start) DO UPDATE SET used = consumption_quotaperiod.used
"""
COMMIT = """
WITH committed AS (
  SELECT period.id AS period_id, lease.id AS lease_id, spent.units,
    spent.units - least(spent.units, greatest(0, coalesce(lease.granted - lease.spent, 0))) AS unleased
  FROM unnest(%s::bigint[], %s::date[], %s::bigint[]) AS spent (subscription_id, start, units)
  JOIN consumption_quotaperiod period ON period.subscription_id = spent.subscription_id AND period.period_start = spent.start
  LEFT JOIN consumption_quotalease lease ON lease.period_id = period.id AND lease.owner = %s
), spent_leases AS (
  UPDATE consumption_quotalease lease SET granted = lease.granted + committed.unleased, spent = lease.spent + committed.units
  FROM committed WHERE lease.id = committed.lease_id
)
UPDATE consumption_quotaperiod period
SET used = used + committed.units, leased = leased + committed.unleased, quota = greatest(quota, leased + committed.unleased)
FROM committed WHERE period.id = committed.period_id
"""


@transaction.atomic(savepoint=False)
def commit(owner: str, spent: dict[tuple[int, date], int]) -> None:
    """Commit shipped units, {(subscription, period start): units}, in the transaction that stores their events.

    Unknown subscriptions are skipped.
    """
    if not spent:
        return
    subscriptions, starts = zip(*spent, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(OPEN_PERIODS, [list(subscriptions), list(starts)])
        cursor.execute(COMMIT, [list(subscriptions), list(starts), list(spent.values()), owner])


@transaction.atomic
def expire(owner: str) -> int:
    """End the leases of a dead owner whose events are all committed. Returns how many unspent calls went back to the quota."""
    returned = 0
    leases = QuotaLease.objects.filter(owner=owner)
    for period in (
        QuotaPeriod.objects.select_for_update()
        .filter(pk__in=leases.values("period"))
        .order_by("subscription_id", "period_start")
    ):
        for lease in leases.filter(period=period):  # none when another transaction expired it first
            unspent = max(0, lease.granted - lease.spent)
            QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") - unspent)
            lease.delete()
            returned += unspent
    return returned


# Of each subscription and month: the units of its events.
RECOUNT = """
WITH counted AS (
  SELECT e.subscription_id, date_trunc('month', e.at, 'UTC') AT TIME ZONE 'UTC' AS month, sum(e.units)::bigint AS units
  FROM consumption_usageevent e WHERE NOT e.is_demo GROUP BY 1, 2
)
INSERT INTO consumption_quotaperiod (subscription_id, period_start, quota, leased, used)
SELECT c.subscription_id, c.month::date, greatest(coalesce(plan.monthly_quota, 0), c.units), c.units, c.units
FROM counted c
JOIN consumption_subscription s ON s.id = c.subscription_id
JOIN consumption_plan plan ON plan.id = s.plan_id
ON CONFLICT (subscription_id, period_start) DO UPDATE
SET quota = greatest(consumption_quotaperiod.quota, excluded.used), leased = excluded.used, used = excluded.used
"""


@transaction.atomic
def recount() -> None:
    """Recompute every period from its events and end all leases. Only while no gateway runs."""
    QuotaLease.objects.all().delete()
    QuotaPeriod.objects.update(leased=0, used=0)
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT)


def _locked(subscription_id: int, start: date, quota: int) -> QuotaPeriod:
    """The period's row, locked. Its quota follows a changed plan but never falls below what is leased."""
    QuotaPeriod.objects.get_or_create(
        subscription_id=subscription_id, period_start=start, defaults={"quota": quota}
    )
    period = QuotaPeriod.objects.select_for_update().get(
        subscription_id=subscription_id, period_start=start
    )
    wanted = max(quota, period.leased)
    if period.quota != wanted:
        period.quota = wanted
        period.save(update_fields=["quota"])
    return period
