"""Monthly quotas, given out in leases by Postgres so that any number of gateway processes never overrun one.

`QuotaPeriod.leased` counts all that was ever taken and not brought back; it never passes the quota. A process spends
its lease by itself. What is settled (`used`, `QuotaLease.spent`) is written by metering, from events. Calls that no lease
stood for, because the plan had no quota then, count as leased when they are settled: a quota that comes later in the month
finds them. Whoever changes a lease holds the lock of its period.

A holder numbers what it asks for (`ask`), and asks again with the same number when no reply came: it gets the same answer.
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from consumption.models import QuotaLease, QuotaPeriod


class Lease(NamedTuple):
    """`granted` calls may be made now; `left` is what nobody has taken yet after this grant."""

    granted: int
    left: int


def period_start(at: datetime) -> date:
    """The first day of the calendar month (UTC) of a moment."""
    return at.astimezone(UTC).date().replace(day=1)


def next_period(start: date) -> date:
    """The first day of the following month."""
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


@transaction.atomic
def take(
    subscription_id: int, start: date, quota: int, wanted: int, holder: str, ask: int = 0
) -> Lease:
    """Lease up to `wanted` calls of the period to `holder`. Grants 0 when nothing is left. `ask` 0: it will not be asked again."""
    period = _locked(subscription_id, start, quota)
    known = QuotaLease.objects.filter(period=period, holder=holder).first()
    if known and ask and known.last_ask == ask:
        return Lease(known.last_granted, period.quota - period.leased)
    granted = max(0, min(wanted, period.quota - period.leased))
    if granted:
        QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") + granted)
        lease = known or QuotaLease.objects.create(period=period, holder=holder)
        QuotaLease.objects.filter(pk=lease.pk).update(
            granted=F("granted") + granted, last_ask=ask, last_granted=granted
        )
    return Lease(granted, period.quota - period.leased - granted)


@transaction.atomic
def bring_back(subscription_id: int, start: date, holder: str, unspent: int, ask: int = 0) -> None:
    """A living process returns what it will not spend. `ask` as in `take`."""
    period = (
        QuotaPeriod.objects.select_for_update()
        .filter(subscription_id=subscription_id, period_start=start)
        .first()
    )
    if period is None or unspent <= 0:
        return
    lease = QuotaLease.objects.filter(
        period=period, holder=holder, granted__gte=F("spent") + unspent
    )
    if ask:
        lease = lease.exclude(last_ask=ask)
    if lease.update(granted=F("granted") - unspent, last_ask=ask, last_granted=0):
        QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") - unspent)


# Locks the periods in one order for all.
OPEN_PERIODS = """
INSERT INTO consumption_quotaperiod (subscription_id, period_start, quota, leased, used)
SELECT subscription.id, spent.start, 0, 0, 0
FROM unnest(%s::bigint[], %s::date[]) AS spent (subscription_id, start)
JOIN consumption_subscription subscription ON subscription.id = spent.subscription_id
ORDER BY 1, 2
ON CONFLICT (subscription_id, period_start) DO UPDATE SET used = consumption_quotaperiod.used
"""
BOOK = """
WITH booked AS (
  SELECT period.id AS period_id, lease.id AS lease_id, spent.units,
    spent.units - least(spent.units, greatest(0, coalesce(lease.granted - lease.spent, 0))) AS unleased
  FROM unnest(%s::bigint[], %s::date[], %s::bigint[]) AS spent (subscription_id, start, units)
  JOIN consumption_quotaperiod period ON period.subscription_id = spent.subscription_id AND period.period_start = spent.start
  LEFT JOIN consumption_quotalease lease ON lease.period_id = period.id AND lease.holder = %s
), settled AS (
  UPDATE consumption_quotalease lease SET granted = lease.granted + booked.unleased, spent = lease.spent + booked.units
  FROM booked WHERE lease.id = booked.lease_id
)
UPDATE consumption_quotaperiod period
SET used = used + booked.units, leased = leased + booked.unleased, quota = greatest(quota, leased + booked.unleased)
FROM booked WHERE period.id = booked.period_id
"""


@transaction.atomic(savepoint=False)
def settle(holder: str, spent: dict[tuple[int, date], int]) -> None:
    """Book shipped units: {(subscription, period start): units}. Call it in the transaction that stores the events.

    Subscriptions that nobody knows are passed over.
    """
    if not spent:
        return
    subscriptions, starts = zip(*spent, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(OPEN_PERIODS, [list(subscriptions), list(starts)])
        cursor.execute(BOOK, [list(subscriptions), list(starts), list(spent.values()), holder])


@transaction.atomic
def release(holder: str) -> int:
    """Give back what a dead holder did not spend, once its every event is settled. Returns how many calls came back."""
    returned = 0
    leases = QuotaLease.objects.filter(holder=holder)
    for period in (
        QuotaPeriod.objects.select_for_update()
        .filter(pk__in=leases.values("period"))
        .order_by("subscription_id", "period_start")
    ):
        for lease in leases.filter(period=period):  # none when somebody was first
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
    """Set every period to what its events say, with nothing leased. Only while no gateway runs: it ends all leases."""
    QuotaLease.objects.all().delete()
    QuotaPeriod.objects.update(leased=0, used=0)
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT)


def _locked(subscription_id: int, start: date, quota: int) -> QuotaPeriod:
    """The period's row, locked, following a changed plan but never below what is leased."""
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
