"""Does the statement say what happened? Calls and units per team and month, counted three ways, which must agree to the unit.

One statement reads all three, so that they are of the same moment. Days whose newest events wait for their roll-up are
left out on all sides and told.
"""

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.utils import timezone

from consumption.models import StaleHour
from consumption.quota import period_start

MONTHS = 3
WAYS = ("events", "hours", "days")

COUNT = """
WITH waiting AS (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM consumption_stalehour),
counted AS (
  SELECT 'events' AS way, subscription_id, date_trunc('month', at, 'UTC') AS month, count(*) AS calls, sum(units) AS units
  FROM consumption_usageevent WHERE at >= %(since)s AND (at AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM waiting)
  GROUP BY 2, 3
  UNION ALL
  SELECT 'hours', subscription_id, date_trunc('month', hour, 'UTC'), sum(calls), sum(units)
  FROM consumption_usagehour WHERE hour >= %(since)s AND (hour AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM waiting)
  GROUP BY 2, 3
  UNION ALL
  SELECT 'days', subscription_id, date_trunc('month', day::timestamp) AT TIME ZONE 'UTC', sum(calls), sum(units)
  FROM consumption_usageday WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND day NOT IN (SELECT day FROM waiting)
  GROUP BY 2, 3
)
SELECT team.name, (month AT TIME ZONE 'UTC')::date,
  coalesce(sum(calls) FILTER (WHERE way = 'events'), 0)::bigint, coalesce(sum(counted.units) FILTER (WHERE way = 'events'), 0)::bigint,
  coalesce(sum(calls) FILTER (WHERE way = 'hours'), 0)::bigint, coalesce(sum(counted.units) FILTER (WHERE way = 'hours'), 0)::bigint,
  coalesce(sum(calls) FILTER (WHERE way = 'days'), 0)::bigint, coalesce(sum(counted.units) FILTER (WHERE way = 'days'), 0)::bigint
FROM counted
LEFT JOIN consumption_subscription subscription ON subscription.id = counted.subscription_id
LEFT JOIN consumption_application application ON application.id = subscription.application_id
LEFT JOIN accounts_team team ON team.id = application.team_id
GROUP BY 1, 2 ORDER BY 2 DESC, 1 NULLS LAST
"""


@dataclass(frozen=True)
class Count:
    """Calls and units, whole numbers."""

    calls: int
    units: int


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
        return [said for way in ("hours", "days") if (said := _difference(way.capitalize(), getattr(self, way), self.events))]

    @property
    def difference(self) -> int:
        """The largest departure from the events, of calls or units."""
        ways = (self.hours, self.days)
        return max(max(abs(way.calls - self.events.calls), abs(way.units - self.events.units)) for way in ways)


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
            way: Count(sum(getattr(line, way).calls for line in self.lines), sum(getattr(line, way).units for line in self.lines))
            for way in WAYS
        }


def reconciliation(months: int = MONTHS) -> Reconciliation:
    """The Reconciliation of this month and the `months` - 1 before it."""
    since = _months_ago(months - 1)
    waiting = StaleHour.objects.filter(hour__date__gte=since).count()
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"since": f"{since} 00:00+00"})
        return Reconciliation(since, [_line(*row) for row in cursor.fetchall()], waiting)


def _line(team: str | None, month: date, *counts: int) -> Line:
    return Line(team, month, *(Count(*counts[at : at + 2]) for at in (0, 2, 4)))


def _months_ago(count: int) -> date:
    first = period_start(timezone.now())
    year, month = divmod(first.year * 12 + first.month - 1 - count, 12)
    return date(year, month + 1, 1)


def _difference(way: str, counted: Count, events: Count) -> str:
    """A sentence about one way of counting; empty when it agrees with the events."""
    parts = [_more(getattr(counted, name) - getattr(events, name), name) for name in ("calls", "units")]
    said = " and ".join(part for part in parts if part)
    return f"{way} count {said} than the events." if said else ""


def _more(difference: int, name: str) -> str:
    if not difference:
        return ""
    word = name.removesuffix("s") if abs(difference) == 1 else name
    return f"{abs(difference):,} {word} {'more' if difference > 0 else 'fewer'}"
