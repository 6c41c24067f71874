"""Monthly quotas, given out in leases by Postgres so that any number of gateway processes never overrun one.

`QuotaPeriod.leased` counts all that was ever taken and not brought back; it never passes the quota. A process spends
its lease by itself. What is settled (`used`, `QuotaLease.spent`) is written by metering, from events.
"""

from collections.abc import Iterable
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
def take(subscription_id: int, start: date, quota: int, wanted: int, holder: str) -> Lease:
    """Lease up to `wanted` calls of the period to `holder`. Grants 0 when nothing is left."""
    period = _locked(subscription_id, start, quota)
    granted = max(0, min(wanted, period.quota - period.leased))
    if granted:
        QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") + granted)
        lease, _ = QuotaLease.objects.get_or_create(period=period, holder=holder)
        QuotaLease.objects.filter(pk=lease.pk).update(granted=F("granted") + granted)
    return Lease(granted, period.quota - period.leased - granted)


@transaction.atomic
def bring_back(subscription_id: int, start: date, holder: str, unspent: int) -> None:
    """A living process returns what it will not spend."""
    period = QuotaPeriod.objects.select_for_update().filter(subscription_id=subscription_id, period_start=start).first()
    if period is None or unspent <= 0:
        return
    if QuotaLease.objects.filter(period=period, holder=holder, granted__gte=F("spent") + unspent).update(granted=F("granted") - unspent):
        QuotaPeriod.objects.filter(pk=period.pk).update(leased=F("leased") - unspent)


@transaction.atomic(savepoint=False)
def settle(holder: str, spent: dict[tuple[int, date], int]) -> None:
    """Book shipped units: {(subscription, period start): units}. Call it in the transaction that stores the events."""
    for (subscription_id, start), units in sorted(spent.items()):
        QuotaPeriod.objects.filter(subscription_id=subscription_id, period_start=start).update(used=F("used") + units)
        QuotaLease.objects.filter(period__subscription_id=subscription_id, period__period_start=start, holder=holder).update(
            spent=F("spent") + units
        )


@transaction.atomic
def release(holders: Iterable[str]) -> int:
    """Give back the unspent part of dead holders whose every event is settled. Returns how many calls came back."""
    returned = 0
    for lease in QuotaLease.objects.select_for_update().filter(holder__in=list(holders)).order_by("period_id"):
        unspent = max(0, lease.granted - lease.spent)
        QuotaPeriod.objects.filter(pk=lease.period_id).update(leased=F("leased") - unspent)
        lease.delete()
        returned += unspent
    return returned


# Of each subscription and month: the units of its events, where the plan has a quota or a period is there already.
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
WHERE plan.monthly_quota IS NOT NULL
   OR EXISTS (SELECT 1 FROM consumption_quotaperiod q WHERE q.subscription_id = c.subscription_id AND q.period_start = c.month::date)
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
    QuotaPeriod.objects.get_or_create(subscription_id=subscription_id, period_start=start, defaults={"quota": quota})
    period = QuotaPeriod.objects.select_for_update().get(subscription_id=subscription_id, period_start=start)
    wanted = max(quota, period.leased)
    if period.quota != wanted:
        period.quota = wanted
        period.save(update_fields=["quota"])
    return period
