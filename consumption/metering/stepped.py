"""Prices that depend on a call's number in its month: the cost of hours and days, and what the events say of it.

The calls of a subscription are numbered by hour, and within an hour by the row whose first call came first. A late call moves the
numbers of those behind it: all rows from its hour to the end of the month are priced anew, in the roll-up's transaction.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import Sum

from consumption.metering import valuation
from consumption.metering.quota import next_period, period_start
from consumption.models import Outcome, PlanTerms, UsageDay, UsageHour
from consumption.plans import pricing

STEPPED = [kind.value for kind in pricing.STEPPED]
WRITE_HOURS = """
UPDATE consumption_usagehour row SET cost = priced.cost FROM unnest(%s::bigint[], %s::numeric[]) AS priced (id, cost)
WHERE row.id = priced.id
"""
WRITE_DAYS = """
UPDATE consumption_usageday day SET cost = hours.cost FROM (
  SELECT subscription_id, version_id, team_id, business_unit_id, terms_id, (hour AT TIME ZONE 'UTC')::date AS day, sum(cost) AS cost
  FROM consumption_usagehour WHERE hour >= %(since)s AND hour < %(until)s AND subscription_id = ANY(%(subscriptions)s)
  GROUP BY 1, 2, 3, 4, 5, 6
) hours
WHERE day.day = hours.day AND day.subscription_id = hours.subscription_id AND day.version_id = hours.version_id
  AND day.team_id = hours.team_id AND day.business_unit_id = hours.business_unit_id AND day.terms_id = hours.terms_id
  AND day.cost <> hours.cost
RETURNING day.day
"""
# As the roll-up groups them, for subscriptions that paid by steps.
EVENT_ROWS = f"""
WITH {valuation.PERIODS}
SELECT e.subscription_id, date_trunc('hour', at, 'UTC') AS hour, min(at) AS first_at, e.version_id, e.team_id, unit.business_unit_id,
  price.terms_id, sum(e.units)::bigint
FROM consumption_usageevent e {valuation.JOINS}
WHERE at >= %(since)s AND at < %(until)s AND outcome <> '{Outcome.REFUSED}'
  AND e.subscription_id = ANY(ARRAY(SELECT subscription_id FROM price_period WHERE is_stepped))
GROUP BY 1, 2, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
ORDER = (
    "subscription_id",
    "hour",
    "first_at",
    "version_id",
    "team_id",
    "business_unit_id",
    "terms_id",
)


def price_since(hours: Iterable[datetime]) -> set[date]:
    """Price the rows from the earliest of these hours to the end of its month, of each month. Returns the days of which a cost changed."""
    first: dict[date, datetime] = {}
    for hour in hours:
        month = period_start(hour)
        first[month] = min(hour, first.get(month, hour))
    changed: set[date] = set()
    for month, hour in first.items():
        changed |= _price_month(month, hour)
    return changed


def cost_of_events(since: datetime, until: datetime) -> dict[tuple[date, int], Decimal]:
    """{(day, team id): cost of its events that are priced by steps} of whole days.

    In the month of `since`, the calls before it are those that its days say: each of them is reconciled by itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(EVENT_ROWS, {"since": since, "until": until})
        rows = cursor.fetchall()
    if not rows:
        return {}
    first, month = since.astimezone(UTC).date(), period_start(since)
    days = UsageDay.objects.filter(day__gte=month, day__lt=first)
    before = _units(days, {row[0] for row in rows})
    prices = _prices({row[6] for row in rows})
    costs: dict[tuple[date, int], Decimal] = defaultdict(Decimal)
    for (subscription, of_month), grouped in groupby(
        rows, lambda row: (row[0], period_start(row[1]))
    ):
        group = list(grouped)
        calls = [pricing.Calls(prices[row[6]][0], row[7]) for row in group]
        number = before.get(subscription, 0) if of_month == month else 0
        for row, billionths in zip(group, pricing.price_period(calls, number), strict=True):
            if prices[row[6]][1]:
                costs[row[1].astimezone(UTC).date(), row[4]] += pricing.amount(billionths)
    return costs


def numbered(subscription: int, month: date) -> list[tuple[int, int, dict[str, Any]]]:
    """Each hour's row of a subscription in a month: after which call it begins, which call is its last, and whose it is."""
    rows = (
        UsageHour.objects.filter(
            subscription=subscription,
            hour__gte=_midnight(month),
            hour__lt=_midnight(next_period(month)),
        )
        .order_by(*ORDER)
        .values(*ORDER, "units")
    )
    found, number = [], 0
    for row in rows:
        found.append((number, number + row["units"], row))
        number += row["units"]
    return found


def _price_month(month: date, first: datetime) -> set[date]:
    until = _midnight(next_period(month))
    hours = UsageHour.objects.filter(hour__gte=first, hour__lt=until)
    by_steps = PlanTerms.objects.filter(price_kind__in=STEPPED)
    subscriptions = set(hours.filter(terms__in=by_steps).values_list("subscription_id", flat=True))
    if not subscriptions:
        return set()
    earlier = UsageHour.objects.filter(hour__gte=_midnight(month), hour__lt=first)
    before = _units(earlier, subscriptions)
    rows = list(
        hours.filter(subscription__in=subscriptions)
        .order_by(*ORDER)
        .values("id", "hour", "subscription_id", "terms_id", "units", "cost")
    )
    prices = _prices({row["terms_id"] for row in rows})
    ids, costs, changed = [], [], set()
    for subscription, group in groupby(rows, itemgetter("subscription_id")):
        of_one = list(group)
        calls = [pricing.Calls(prices[row["terms_id"]][0], row["units"]) for row in of_one]
        amounts = pricing.price_period(calls, before.get(subscription, 0))
        for row, billionths in zip(of_one, amounts, strict=True):
            cost = pricing.amount(billionths)
            if row["cost"] != cost:
                ids.append(row["id"])
                costs.append(cost)
                changed.add(row["hour"].astimezone(UTC).date())
    with connection.cursor() as cursor:
        cursor.execute(WRITE_HOURS, [ids, costs])
        whose = {"since": _midnight(first.astimezone(UTC).date()), "until": until}
        cursor.execute(WRITE_DAYS, whose | {"subscriptions": list(subscriptions)})
        return changed | {day for (day,) in cursor.fetchall()}


def _units(buckets: Any, subscriptions: set[int]) -> dict[int, int]:
    """{subscription id: billed calls} of roll-ups."""
    rows = buckets.filter(subscription__in=subscriptions).order_by().values_list("subscription_id")
    return dict(rows.annotate(Sum("units")))


def _prices(terms: set[int]) -> dict[int, tuple[pricing.Price, bool]]:
    """{terms id: (its Price, whether it has steps)}."""
    return {
        row.pk: (pricing.Price.of(row), row.price_kind in STEPPED)
        for row in PlanTerms.objects.filter(pk__in=terms)
    }


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
