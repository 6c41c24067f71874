"""Whether a month may be closed, what it is compared with, and its fingerprint (docs/statements.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from consumption.metering import reconciliation
from consumption.metering.quota import next_period
from consumption.models import ChargedDay, ChargeLine, ClosedMonth, StaleHour
from consumption.statements import lines as statement_lines
from consumption.statements.statement import Group, Statement
from marketplace.core.canonical import digest

HASHED = (
    "key kind cost_centre business_unit_id team_id subscription_id version_id terms_id about calls ok client_errors upstream_errors"
    " aborted unknown units currency cost amount description is_charged"
).split()
INSERT = f"INSERT INTO consumption_chargeline (month, {statement_lines.COLUMNS}) SELECT %(since)s, lines.* FROM ({{lines}}) lines"


@dataclass(frozen=True)
class Check:
    """One thing that must hold before a month is closed; `remedy` says what to do where it does not."""

    label: str
    holds: bool
    remedy: str


@dataclass(frozen=True)
class Reconciled:
    """One month counted three ways, and what is on its statements. Units are whole, costs exact, of all currencies together.

    waits  calls have just arrived: the lines have them, and the counts follow within minutes.
    """

    units: dict[str, int]
    cost: dict[str, Decimal]
    waits: bool = False

    @property
    def difference(self) -> Decimal:
        """The largest departure from the events: of units, or of the cost."""
        counts = max(abs(count - self.units["events"]) for count in self.units.values())
        costs = max(abs(cost - self.cost["events"]) for cost in self.cost.values())
        return max(Decimal(counts), costs)

    def as_data(self) -> dict[str, dict[str, str]]:
        return {
            "units": {way: str(count) for way, count in self.units.items()},
            "cost": {way: f"{cost:.9f}" for way, cost in self.cost.items()},
        }


def reconciled(statement: Statement, groups: Sequence[Group] | None = None) -> Reconciled:
    """As last counted; of a closed month, as it was compared when it was closed, where all lines are seen.

    groups  all groups of the statement, where they are known: their sums are those of the lines.
    """
    closed = statement.closed
    if closed and statement.teams is None:
        data = closed.reconciled
        return Reconciled(
            {way: int(count) for way, count in data["units"].items()},
            {way: Decimal(cost) for way, cost in data["cost"].items()},
        )
    counts = reconciliation.of_month(statement.month, statement.teams)
    known = statement.groups("unit") if groups is None else groups
    units = sum(group.units for group in known)
    cost = sum((group.usage_cost for group in known), Decimal())
    return Reconciled(
        {way: count.units for way, count in counts.items()} | {"lines": units},
        {way: count.cost for way, count in counts.items()} | {"lines": cost},
        reconciliation.waits(statement.month),
    )


def checks(month: date) -> list[Check]:
    """What must hold before the month is closed; the comparison itself is made by the close."""
    now, until = timezone.now(), next_period(month)
    last = ClosedMonth.objects.order_by("-month").values_list("month", flat=True).first()
    expected = next_period(last) if last else month
    late = StaleHour.objects.filter(hour__gte=_midnight(month), hour__lt=_midnight(until)).count()
    return [
        Check("The month is over", _midnight(until) <= now, f"It ends on {until:%-d %B %Y}, UTC."),
        Check(
            "Months are closed in their order",
            expected == month,
            f"{expected:%B %Y} comes first." if expected < month else "It is closed already.",
        ),
        Check(
            "All calls are in the hours",
            not late,
            f"{late} hours wait for their roll-up; that takes seconds.",
        ),
        Check(
            "All fees are charged",
            ChargedDay.objects.filter(day__gte=_last_day(month)).exists(),
            "The sweep charges the last day within five minutes of its end.",
        ),
    ]


def write_lines(statement: Statement) -> None:
    """Write the open month's lines down, as they are at this moment."""
    lines = statement_lines.of_month(False, None)
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(lines=lines), statement._parameters)


def fingerprint(month: date) -> str:
    """Hex SHA-256 of all lines of a closed month, in the order of their keys."""
    lines = ChargeLine.objects.filter(month=month).order_by("key").values_list(*HASHED)
    return digest({"month": f"{month:%Y-%m}", "lines": [_plain(row) for row in lines]})


def is_unchanged(closed: ClosedMonth) -> bool:
    """Do the lines still have the fingerprint that was recorded?"""
    return fingerprint(closed.month) == closed.sha256


def _plain(row: Iterable[Any]) -> list[Any]:
    return [
        value if value is None or isinstance(value, bool | int | str) else str(value)
        for value in row
    ]


def _last_day(month: date) -> date:
    return date.fromordinal(next_period(month).toordinal() - 1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
