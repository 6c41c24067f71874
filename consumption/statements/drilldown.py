"""One line of a statement taken apart: its days, the hours of a day, the calls of an hour, and how its calls fall on price steps.

Shares of a rounded amount are by the largest remainder, so that they add up to it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from consumption.metering import stepped
from consumption.metering.quota import next_period
from consumption.models import (
    ChargeKind,
    FeeDay,
    Outcome,
    PlanTerms,
    UsageDay,
    UsageEvent,
    UsageHour,
)
from consumption.plans import pricing
from consumption.statements.statement import Line
from marketplace.core.money import split_amount

MOST_CALLS = 100  # shown of one hour
HOUR = timedelta(hours=1)
# What an event says; the unit and the terms follow from its moment.
SAME_CALLS = ("subscription_id", "version_id", "team_id")


@dataclass(frozen=True)
class Part:
    """A day or an hour of a line: `at` names it in an address. `amount` is its share of the line's amount; `cost` is exact."""

    label: str
    at: str
    units: int
    cost: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Step:
    """Calls of a line on one step of its price."""

    label: str
    units: int
    micros: int
    amount: Decimal


@dataclass(frozen=True)
class Days:
    """All days of the month, for the chart, and the parts that are not nothing."""

    labels: list[str]
    units: list[int]
    parts: list[Part]


def days_of(line: Line, month: date) -> Days:
    """The days of a line of calls or of a fee; of a correction, those of the month that it corrects, as they are now."""
    first = line.about or month
    rows: list[tuple[date, int, Decimal]]
    bounds = {"day__gte": first, "day__lt": next_period(first)}
    if line.kind == ChargeKind.FEE:
        fees = FeeDay.objects.filter(**_identity(line), **bounds).order_by("day")
        rows = [(day, 0, cost) for day, cost in fees.values_list("day", "cost")]
    else:
        days = UsageDay.objects.filter(**_identity(line), **bounds).order_by("day")
        rows = list(days.values_list("day", "units", "cost"))
    amounts = _shares(line, [cost for *_, cost in rows])
    parts = [
        Part(f"{day:%-d %b}", f"{day:%Y-%m-%d}", units, cost, amount)
        for (day, units, cost), amount in zip(rows, amounts, strict=True)
    ]
    by_day = {part.at: part.units for part in parts}
    month_days = [first + timedelta(days=n) for n in range((next_period(first) - first).days)]
    return Days(
        [f"{day.day}" for day in month_days],
        [by_day.get(f"{day:%Y-%m-%d}", 0) for day in month_days],
        parts,
    )


def hours_of(line: Line, day: date, amount: Decimal) -> list[Part]:
    """The hours of a day of a line of calls; `amount` is the day's."""
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = list(
        UsageHour.objects.filter(
            **_identity(line), hour__gte=since, hour__lt=since + timedelta(days=1)
        )
        .order_by("hour")
        .values_list("hour", "units", "cost")
    )
    amounts = split_amount(amount, line.currency, [Fraction(cost) for *_, cost in rows])
    return [
        Part(f"{hour.astimezone(UTC):%H:%M}", f"{hour.astimezone(UTC):%H}", units, cost, share)
        for (hour, units, cost), share in zip(rows, amounts, strict=True)
    ]


def calls_of(line: Line, hour: datetime) -> Sequence[UsageEvent]:
    """The first MOST_CALLS calls of an hour of a line, in their order."""
    row = UsageHour.objects.filter(**_identity(line), hour=hour).first()
    if row is None:
        return []
    same = UsageHour.objects.filter(
        hour=hour, **{name: _identity(line)[name] for name in SAME_CALLS}
    )
    until = hour + HOUR
    if row.first_at is not None:
        later = same.filter(first_at__gt=row.first_at).order_by("first_at").first()
        until = later.first_at if later and later.first_at else until
    calls = UsageEvent.objects.filter(
        at__gte=row.first_at or hour,
        at__lt=until,
        **{name: _identity(line)[name] for name in SAME_CALLS},
    ).exclude(outcome=Outcome.REFUSED)
    return list(calls.order_by("at", "event_id")[:MOST_CALLS])


def steps_of(line: Line, month: date) -> list[Step]:
    """How the calls of a line fall on the steps of its price; [] where the price has none."""
    if line.kind != ChargeKind.USAGE or line.price_kind not in pricing.STEPPED:
        return []
    price = pricing.Price.of(PlanTerms.objects.get(pk=_identity(line)["terms_id"]))
    counted: Counter[int] = Counter()
    for first, last, row in stepped.numbered(line.subscription or 0, month):
        if all(row[name] == value for name, value in _identity(line).items()):
            for place, step in enumerate(pricing.step_amounts(price, first, last)):
                counted[place] += step[1]
    costs = [Fraction(counted[place] * micros) for place, (_, micros) in enumerate(price.steps)]
    amounts = split_amount(line.amount, line.currency, costs)
    return [
        Step("above" if upper is None else f"to {upper:,}", counted[place], micros, amount)
        for place, ((upper, micros), amount) in enumerate(zip(price.steps, amounts, strict=True))
    ]


def _identity(line: Line) -> dict[str, Any]:
    return {
        "subscription_id": line.subscription,
        "version_id": line.version_id,
        "team_id": line.team_id,
        "business_unit_id": line.business_unit_id,
        "terms_id": line.terms_id,
    }


def _shares(line: Line, costs: list[Decimal]) -> list[Decimal]:
    if line.kind == ChargeKind.CORRECTION:
        return costs
    return split_amount(line.amount, line.currency, [Fraction(cost) for cost in costs])
