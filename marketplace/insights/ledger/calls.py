"""The calls behind a line: its days, the hours of a day, the calls of an hour."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Max, Min, QuerySet, Sum

from consumption.models import Application, Outcome, UsageDay, UsageEvent, UsageHour
from marketplace.insights.ledger import rules
from marketplace.insights.models import ReuseEvent

MOST_CALLS = 100  # shown of one hour
MOST_DAYS = 730


@dataclass(frozen=True)
class Count:
    """Answered calls of a day or an hour; `at` names it in an address. `total`: with all before it."""

    label: str
    at: str
    ok: int
    total: int


@dataclass(frozen=True)
class Answered:
    """All answered calls of a line so far, on how many days, and the first and last of them."""

    calls: int
    days: int
    first: date | None
    last: date | None


def _of_line(line: ReuseEvent) -> dict[str, Any]:
    return {
        "team": line.team_id,
        "version__model": line.model_id,
        "subscription__application__environment": Application.Environment.PROD,
        "ok__gt": 0,
    }


def _days(line: ReuseEvent) -> "QuerySet[UsageDay]":
    return UsageDay.objects.filter(**_of_line(line), day__gte=line.window_from)


def answered(line: ReuseEvent) -> Answered:
    found = _days(line).aggregate(calls=Sum("ok"), first=Min("day"), last=Max("day"))
    days = _days(line).values("day").distinct().count()
    return Answered(found["calls"] or 0, days, found["first"], found["last"])


def days_of(line: ReuseEvent) -> list[Count]:
    """The days with answered calls from the beginning of the window on, oldest first."""
    rows = _days(line).values("day").annotate(sum=Sum("ok")).order_by("day")[:MOST_DAYS]
    counts, total = [], 0
    for row in rows:
        total += row["sum"]
        counts.append(Count(f"{row['day']:%-d %b %Y}", f"{row['day']:%Y-%m-%d}", row["sum"], total))
    return counts


def hours_of(line: ReuseEvent, day: date) -> list[Count]:
    """The hours of a day (UTC) with answered calls."""
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = (
        UsageHour.objects.filter(
            **_of_line(line), hour__gte=since, hour__lt=since + timedelta(days=1)
        )
        .values("hour")
        .annotate(sum=Sum("ok"))
        .order_by("hour")
    )
    counts, total = [], 0
    for row in rows:
        hour, total = row["hour"].astimezone(UTC), total + row["sum"]
        counts.append(Count(f"{hour:%H:%M}", f"{hour:%H}", row["sum"], total))
    return counts


def calls_of(line: ReuseEvent, hour: datetime) -> list[UsageEvent]:
    """The first MOST_CALLS answered calls of an hour, in their order."""
    versions = line.model.versions.order_by().values_list("pk", flat=True)
    calls = UsageEvent.objects.filter(
        at__gte=hour,
        at__lt=hour + timedelta(hours=1),
        team_id=line.team_id,
        version_id__in=list(versions),
        environment=Application.Environment.PROD,
        outcome=Outcome.OK,
    )
    return list(calls.order_by("at", "event_id")[:MOST_CALLS])


def suffices_from(days: list[Count]) -> str:
    """The label of the day on which the calls of the page reach rules.CALLS; "" where they do not."""
    return next((count.label for count in days if count.total >= rules.CALLS), "")
