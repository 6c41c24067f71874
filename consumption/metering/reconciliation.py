"""Does the statement say what happened? Calls, units and cost per team and month, counted three ways, which must agree to the unit.

One statement reads all three, so that they are of the same moment. Days whose newest events wait for their roll-up are
left out on all sides and told.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from consumption.metering import valuation
from consumption.metering.quota import period_start
from consumption.models import Outcome, StaleHour

MONTHS = 3
WAYS = ("events", "hours", "days")

# Each way counts its team as it was when the calls were made. What has no price is counted by its events alone.
COUNT = f"""
WITH {
    valuation.PERIODS
}, waiting AS (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM consumption_stalehour),
counted AS (
  SELECT 'events' AS way, team.id AS team_id, date_trunc('month', e.at, 'UTC') AS month, count(*) AS calls, sum(e.units) AS units,
    coalesce(sum(e.units * price.price_micros_per_1000::numeric), 0) * 0.000000001 AS cost
  FROM consumption_usageevent e {valuation.JOINS.replace("JOIN", "LEFT JOIN")}
  LEFT JOIN accounts_team team ON team.id = e.team_id AND price.terms_id IS NOT NULL
  WHERE e.at >= %(since)s AND e.outcome <> '{
    Outcome.REFUSED
}' AND (e.at AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM waiting)
  GROUP BY 2, 3
  UNION ALL
  SELECT 'hours', team_id, date_trunc('month', hour, 'UTC'), sum(calls), sum(units), sum(cost)
  FROM consumption_usagehour WHERE hour >= %(since)s AND (hour AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM waiting)
  GROUP BY 2, 3
  UNION ALL
  SELECT 'days', team_id, date_trunc('month', day::timestamp) AT TIME ZONE 'UTC', sum(calls), sum(units), sum(cost)
  FROM consumption_usageday WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND day NOT IN (SELECT day FROM waiting)
  GROUP BY 2, 3
)
SELECT team.name, (month AT TIME ZONE 'UTC')::date, {
    ", ".join(
        f"coalesce(sum(counted.{name}) FILTER (WHERE way = '{way}'), 0)::{kind}"
        for way in WAYS
        for name, kind in (("calls", "bigint"), ("units", "bigint"), ("cost", "numeric"))
    )
}
FROM counted LEFT JOIN accounts_team team ON team.id = counted.team_id
GROUP BY team.id, 1, 2 ORDER BY 2 DESC, 1 NULLS LAST
"""


@dataclass(frozen=True)
class Count:
    """Calls and units, whole numbers, and their cost in currency units (of all currencies together: only to be compared)."""

    calls: int
    units: int
    cost: Decimal


@dataclass(frozen=True)
class Line:
    """One team in one calendar month (UTC). `team` is None for calls of subscriptions that nobody knows."""

    team: str | None
    month: date
    events: Count
    hours: Count
    days: Count

    @property
    def differences(self) -> list[str]:
        """Sentences, one for each way of counting that departs from the events; empty when all agree."""
        return [
            said
            for way in ("hours", "days")
            if (said := _difference(way.capitalize(), getattr(self, way), self.events))
        ]

    @property
    def difference(self) -> int:
        """The largest departure from the events, of calls, units or billionths of the currency."""
        ways = (self.hours, self.days)
        return max(
            max(
                abs(way.calls - self.events.calls),
                abs(way.units - self.events.units),
                int(abs(way.cost - self.events.cost).scaleb(9)),
            )
            for way in ways
        )


@dataclass(frozen=True)
class Reconciliation:
    """All lines since the first day of `since`, newest month first; `waiting_hours` are left out with their days."""

    since: date
    lines: list[Line]
    waiting_hours: int

    @property
    def wrong(self) -> list[Line]:
        return [line for line in self.lines if line.difference]

    @property
    def totals(self) -> dict[str, Count]:
        """{way: Count} over all lines."""
        return {
            way: Count(
                sum(getattr(line, way).calls for line in self.lines),
                sum(getattr(line, way).units for line in self.lines),
                sum((getattr(line, way).cost for line in self.lines), Decimal()),
            )
            for way in WAYS
        }


def reconciliation(months: int = MONTHS) -> Reconciliation:
    """The Reconciliation of this month and the `months` - 1 before it."""
    since = _months_ago(months - 1)
    waiting = StaleHour.objects.filter(
        hour__gte=datetime(since.year, since.month, 1, tzinfo=UTC)
    ).count()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(valuation.NO_NESTED_LOOPS)
        cursor.execute(COUNT, {"since": f"{since} 00:00+00"})
        return Reconciliation(since, [_line(*row) for row in cursor.fetchall()], waiting)


def _line(team: str | None, month: date, *counts: Any) -> Line:
    return Line(team, month, *(Count(*counts[at : at + 3]) for at in (0, 3, 6)))


def _months_ago(count: int) -> date:
    first = period_start(timezone.now())
    year, month = divmod(first.year * 12 + first.month - 1 - count, 12)
    return date(year, month + 1, 1)


def _difference(way: str, counted: Count, events: Count) -> str:
    """A sentence about one way of counting; empty when it agrees with the events."""
    parts = [
        _more(getattr(counted, name) - getattr(events, name), name) for name in ("calls", "units")
    ]
    said = " and ".join(part for part in parts if part)
    if not said and counted.cost != events.cost:
        said = f"a cost of {abs(counted.cost - events.cost):f} {'more' if counted.cost > events.cost else 'less'}"
    return f"{way} count {said} than the events." if said else ""


def _more(difference: int, name: str) -> str:
    if not difference:
        return ""
    word = name.removesuffix("s") if abs(difference) == 1 else name
    return f"{abs(difference):,} {word} {'more' if difference > 0 else 'fewer'}"
