"""Does the statement say what happened? Calls, units and cost per team and month, counted three ways, which must agree to the unit.

A day is counted when its roll-up has changed and again once a day (`ReconciledDay.due_at`), by one statement, so that the three
ways are of the same moment; the page adds up what was counted. A day whose newest events wait for their roll-up is counted after it.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from django.db import connection, transaction
from django.db.models import Max, Sum
from django.utils import timezone

from consumption.metering import stepped, valuation
from consumption.metering.quota import period_start, periods_later
from consumption.models import Outcome, ReconciledDay, ReconciledUsage, StaleHour

MONTHS = 3
WAYS = ("events", "hours", "days")
DAY = timedelta(days=1)
AFTER_CHANGE = timedelta(minutes=5)  # a busy day changes every few seconds
AGAIN_AFTER = DAY  # rows may be lost without a roll-up, and a worker while it counts
COUNTS_FOR_S = 20.0

FIELDS = [f"{way}_{name}" for way in WAYS for name in ("calls", "units", "cost")]
# Each way counts its team as it was when the calls were made. What has no price is counted by its events alone. A day with a
# roll-up that waits says so.
COUNT = f"""
WITH {valuation.PERIODS}, counted AS (
  SELECT 'events' AS way, (e.at AT TIME ZONE 'UTC')::date AS day, team.id AS team_id, count(*) AS calls, sum(e.units) AS units,
    coalesce(sum(e.units * price.price_micros_per_1000::numeric) FILTER (WHERE NOT price.is_stepped), 0) * 0.000000001 AS cost
  FROM consumption_usageevent e {valuation.JOINS.replace("JOIN", "LEFT JOIN")}
  LEFT JOIN accounts_team team ON team.id = e.team_id AND price.terms_id IS NOT NULL
  WHERE e.at >= %(since)s AND e.at < %(until)s AND e.outcome <> '{Outcome.REFUSED}'
  GROUP BY 2, 3
  UNION ALL
  SELECT 'hours', (hour AT TIME ZONE 'UTC')::date, team_id, sum(calls), sum(units), sum(cost)
  FROM consumption_usagehour WHERE hour >= %(since)s AND hour < %(until)s GROUP BY 2, 3
  UNION ALL
  SELECT 'days', day, team_id, sum(calls), sum(units), sum(cost)
  FROM consumption_usageday
  WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND day < (%(until)s AT TIME ZONE 'UTC')::date GROUP BY 2, 3
  UNION ALL
  SELECT 'waiting', (hour AT TIME ZONE 'UTC')::date, NULL, 0, 0, 0
  FROM consumption_stalehour WHERE hour >= %(since)s AND hour < %(until)s
)
SELECT day, bool_or(way = 'waiting'), team_id, {
    ", ".join(
        f"coalesce(sum({name}) FILTER (WHERE way = '{way}'), 0)::{kind}"
        for way in WAYS
        for name, kind in (("calls", "bigint"), ("units", "bigint"), ("cost", "numeric"))
    )
}
FROM counted GROUP BY day, team_id
"""
MARK_DUE = """
INSERT INTO consumption_reconciledday (day, due_at) SELECT day, %s FROM unnest(%s::date[]) AS day ORDER BY day
ON CONFLICT (day) DO UPDATE SET due_at = least(consumption_reconciledday.due_at, excluded.due_at)
"""
TAKE = """
UPDATE consumption_reconciledday SET due_at = %(next)s WHERE day = (
  SELECT day FROM consumption_reconciledday WHERE due_at <= %(now)s ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING day
"""
SUM = f"""
SELECT team.name, date_trunc('month', day)::date, {", ".join(f"sum({field}){'' if 'cost' in field else '::bigint'}" for field in FIELDS)}
FROM consumption_reconciledusage counted LEFT JOIN accounts_team team ON team.id = counted.team_id
WHERE day >= %(since)s
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
    """All lines since the first day of `since`, newest month first.

    The days of `waiting_hours`, and those of `due_days`, are counted soon. `counted_at`: the latest count, None when there is none.
    """

    since: date
    lines: list[Line]
    waiting_hours: int
    due_days: int
    counted_at: datetime | None

    @cached_property
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
    """The Reconciliation of this month and the `months` - 1 before it, as last counted."""
    since = _months_ago(months - 1)
    days = ReconciledDay.objects.filter(day__gte=since)
    return Reconciliation(
        since,
        _lines(since),
        StaleHour.objects.filter(hour__gte=_midnight(since)).count(),
        days.filter(due_at__lte=timezone.now()).count(),
        days.aggregate(last=Max("counted_at"))["last"],
    )


def have_counted(days: list[date]) -> None:
    """Days whose roll-ups have changed: they are counted in AFTER_CHANGE, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_DUE, [timezone.now() + AFTER_CHANGE, days])


def count_due(seconds: float = COUNTS_FOR_S) -> int:
    """Count the days that are due, the longest due first, and stop after `seconds`. Returns how many."""
    _open_window()
    began, counted = time.monotonic(), 0
    while time.monotonic() - began < seconds and (day := _take()):
        _count(day, day + DAY)
        counted += 1
    return counted


def count_now(since: date, until: date) -> None:
    """Count each day from `since` until `until` anew, whatever is due."""
    _open_window()
    day = since
    while day < until:
        _count(day, day + DAY)
        day += DAY


def count_window() -> None:
    """Count all days of the last months now: after many events were loaded at once, nobody reads a difference that is none."""
    today = timezone.now().astimezone(UTC).date()
    count_now(_months_ago(MONTHS - 1), today + DAY)


def waits(month: date) -> bool:
    """Has a day of the month changed since it was counted, or will it be rolled up?"""
    until, soon = periods_later(month, 1), timezone.now() + AFTER_CHANGE
    days = ReconciledDay.objects.filter(day__gte=month, day__lt=until)
    stale = StaleHour.objects.filter(hour__gte=_midnight(month), hour__lt=_midnight(until))
    return days.filter(due_at__lte=soon).exists() or stale.exists()


def of_month(month: date, teams: list[int] | None = None) -> dict[str, Count]:
    """{way: Count} of a month as last counted, of some teams or of all."""
    rows = ReconciledUsage.objects.filter(day__gte=month, day__lt=periods_later(month, 1))
    if teams is not None:
        rows = rows.filter(team__in=teams)
    sums = rows.aggregate(**{field: Sum(field) for field in FIELDS})
    return {
        way: Count(
            sums[f"{way}_calls"] or 0, sums[f"{way}_units"] or 0, sums[f"{way}_cost"] or Decimal()
        )
        for way in WAYS
    }


def _open_window(months: int = MONTHS) -> None:
    """Have a row for each day of the last months, and forget those before. A day that has none yet is due."""
    since, now = _months_ago(months - 1), timezone.now()
    days = [since + DAY * step for step in range((now.astimezone(UTC).date() - since).days + 1)]
    if ReconciledDay.objects.filter(day__in=days).count() < len(days):
        missing = (ReconciledDay(day=day, due_at=now) for day in days)
        ReconciledDay.objects.bulk_create(missing, ignore_conflicts=True)
    for table in (ReconciledUsage, ReconciledDay):
        table.objects.filter(day__lt=since).delete()


def _take() -> date | None:
    """The day that is due for longest, which is not due again for AGAIN_AFTER; None when none is."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"now": now, "next": now + AGAIN_AFTER})
        row = cursor.fetchone()
    return row[0] if row else None


@transaction.atomic
def _count(since: date, until: date) -> None:
    """Count the days from `since` until `until` at one moment. One whose roll-up waits keeps its last count, and is due soon."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(valuation.NO_NESTED_LOOPS)
        cursor.execute(COUNT, {"since": _midnight(since), "until": _midnight(until)})
        rows = cursor.fetchall()
    by_steps = stepped.cost_of_events(_midnight(since), _midnight(until))
    waiting = {day for day, is_waiting, *_ in rows if is_waiting}
    days = ReconciledDay.objects.filter(day__gte=since, day__lt=until)
    days.filter(day__in=waiting).update(due_at=now + AFTER_CHANGE)
    days.exclude(day__in=waiting).update(counted_at=now)
    ReconciledUsage.objects.filter(day__gte=since, day__lt=until).exclude(day__in=waiting).delete()
    counted = [
        ReconciledUsage(day=day, team_id=team, **dict(zip(FIELDS, counts, strict=True)))
        for day, _, team, *counts in rows
        if day not in waiting
    ]
    for row in counted:
        if row.team_id is not None:
            row.events_cost += by_steps.get((row.day, row.team_id), Decimal())
    ReconciledUsage.objects.bulk_create(counted)


def _lines(since: date) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(SUM, {"since": since})
        return [
            Line(team, month, *(Count(*counts[at : at + 3]) for at in (0, 3, 6)))
            for team, month, *counts in cursor.fetchall()
        ]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _months_ago(count: int) -> date:
    return periods_later(period_start(timezone.now()), -count)


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
