"""What a year of reuse adds up to, as somebody may see it: the counted figure, its range, quarters, units, the net sum (docs/value.md)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.metering.quota import next_period
from consumption.models import SharedCost
from marketplace.accounts.models import User
from marketplace.core.money import from_micros
from marketplace.insights.ledger import quarters, rules
from marketplace.insights.ledger.permissions import sees_all_value
from marketplace.insights.models import (
    EffortKind,
    LineKind,
    PublishingEffort,
    ReuseEvent,
    SignedQuarter,
    ValueClaim,
)

MOST_LINES = 500


@dataclass(frozen=True)
class Range:
    """Avoided cost, USD: what counts, what is likely, at most."""

    low: Decimal = Decimal()
    mid: Decimal = Decimal()
    high: Decimal = Decimal()

    def plus(self, other: "Group") -> "Range":
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)


@dataclass(frozen=True)
class Group:
    """The lines of one kind that a business unit has in a quarter. `line`: the first of them."""

    quarter: date
    unit: str
    kind: str
    low: Decimal
    mid: Decimal
    high: Decimal
    count: int
    line: int


@dataclass(frozen=True)
class QuarterSum:
    """One quarter. `state`: signed, open (its lines may change), running, or ahead."""

    first: date
    avoided: Range
    lines: int
    state: str

    @property
    def name(self) -> str:
        return quarters.name_of(self.first)

    @property
    def short(self) -> str:
        return self.name[5:]


@dataclass(frozen=True)
class UnitSum:
    """One business unit that reused: its sum, and its first line to open."""

    name: str
    avoided: Range
    line: int
    note: str


@dataclass(frozen=True)
class Net:
    """The net sum of a year, USD; None for who does not see the whole company."""

    avoided: Decimal
    claims: Decimal
    platform: Decimal
    platform_months: int
    publishing: Decimal
    published: int
    hours: Decimal

    @property
    def total(self) -> Decimal:
        return self.avoided + self.claims - self.platform - self.publishing


@dataclass(frozen=True)
class Headline:
    """A year. `is_whole`: everything that the company has, not the reader's own units only."""

    year: int
    since: date
    until: date
    avoided: Range
    signed: Decimal
    open: Decimal
    reuses: int
    reversals: int
    quarters: list[QuarterSum]
    units: list[UnitSum]
    claims: list[ValueClaim]
    net: Net | None
    is_whole: bool

    @property
    def validated(self) -> list[ValueClaim]:
        return [claim for claim in self.claims if claim.state == ValueClaim.State.VALIDATED]


def headline(user: User, year: int) -> Headline:
    """The Headline of a year."""
    today, firsts = timezone.now().date(), quarters.of_year(year)
    seen = ReuseEvent.objects.visible_to(user).in_year(year)
    groups = _groups(seen)
    signed = set(SignedQuarter.objects.filter(quarter__in=firsts).values_list("quarter", flat=True))
    claims = list(_claims(user, year))
    avoided, is_whole = _sum(groups), sees_all_value(user)
    return Headline(
        year=year,
        since=firsts[0],
        until=min(today, quarters.span_of(year)[1]),
        avoided=avoided,
        signed=_sum([one for one in groups if one.quarter in signed]).low,
        open=_sum([one for one in groups if one.quarter not in signed]).low,
        reuses=sum(one.count for one in groups if one.kind == LineKind.REUSE),
        reversals=sum(one.count for one in groups if one.kind == LineKind.REVERSAL),
        quarters=[_quarter(first, groups, signed, today) for first in firsts],
        units=_units(groups),
        claims=claims,
        net=_net(year, avoided.low, claims, today) if is_whole else None,
        is_whole=is_whole,
    )


def lines(user: User, year: int) -> "QuerySet[ReuseEvent]":
    """The lines of a year that the person sees, as for_list(), in the order of the ledger."""
    seen = ReuseEvent.objects.visible_to(user).in_year(year)
    return seen.for_list().order_by("quarter", "kind", "-low", "pk")


def _groups(seen: "QuerySet[ReuseEvent]") -> list[Group]:
    """One query, and as many rows as units have quarters, however many lines there are."""
    rows = seen.order_by().values_list("quarter", "business_unit__name", "kind")
    sums = rows.annotate(Sum("low"), Sum("mid"), Sum("high"), Count("pk"), Min("pk"))
    return [Group(*row) for row in sums]


def years(user: User) -> list[int]:
    """The years with lines that the person sees, and the running one, newest first."""
    posted = (
        ReuseEvent.objects.visible_to(user).order_by().values_list("quarter", flat=True).distinct()
    )
    return sorted({running_year(), *map(quarters.year_of, posted)}, reverse=True)


def running_year() -> int:
    """The fiscal year that today lies in."""
    return quarters.year_of(quarters.quarter_of(timezone.now().date()))


def _claims(user: User, year: int) -> Any:
    """Those that the year counts, and those that wait or were rejected of the year's quarters."""
    seen = ValueClaim.objects.visible_to(user).for_list()
    waiting = seen.exclude(state=ValueClaim.State.VALIDATED).filter(
        quarter__in=quarters.of_year(year)
    )
    return (seen.filter(posted_quarter__in=quarters.of_year(year)) | waiting).distinct()


def _sum(groups: list[Group]) -> Range:
    total = Range()
    for one in groups:
        total = total.plus(one)
    return total


def _quarter(first: date, groups: list[Group], signed: set[date], today: date) -> QuarterSum:
    inside = [one for one in groups if one.quarter == first]
    state = "signed" if first in signed else "ahead" if first > today else "open"
    return QuarterSum(first, _sum(inside), sum(one.count for one in inside), state)


def _units(groups: list[Group]) -> list[UnitSum]:
    by_unit: dict[str, list[Group]] = defaultdict(list)
    for one in groups:
        by_unit[one.unit].append(one)
    found = [
        UnitSum(name, _sum(inside), min(one.line for one in inside), _unit_note(inside))
        for name, inside in by_unit.items()
    ]
    return sorted(found, key=lambda unit: (-unit.avoided.low, unit.name))


def _unit_note(groups: list[Group]) -> str:
    total = _sum(groups)
    if not total.low and any(one.kind == LineKind.REVERSAL for one in groups):
        return "posted, then reversed"
    return "fixed price" if total.low == total.high else ""


def _net(year: int, avoided: Decimal, claims: list[ValueClaim], today: date) -> Net:
    months = _platform(year, today)
    published, hours = _publishing(year)
    counted = sum((claim.counts for claim in claims), Decimal())
    platform = sum(months, Decimal())
    return Net(avoided, counted, platform, len(months), hours * rules.HOURLY_RATE, published, hours)


def _platform(year: int, today: date) -> list[Decimal]:
    """What the platform cost in each month of the year so far in which it cost something, USD."""
    costs = list(SharedCost.objects.filter(currency=rules.CURRENCY))
    first, last = quarters.span_of(year)
    months, month = [], first
    while month <= min(last, today):
        held = [
            c
            for c in costs
            if c.from_month <= month and (c.until_month is None or month < c.until_month)
        ]
        if held:
            months.append(sum((from_micros(cost.amount_micros) for cost in held), Decimal()))
        month = next_period(month)
    return months


def _publishing(year: int) -> tuple[int, Decimal]:
    """How many models were published for the first time in the year, and the hours of it: logged, else rules.PUBLICATION_HOURS each."""
    first = RegisteredModel.objects.annotate(first=Min("versions__published_at")).filter(
        first__date__range=quarters.span_of(year)
    )
    models = set(first.values_list("pk", flat=True))
    logged = dict(
        PublishingEffort.objects.filter(
            kind=EffortKind.PUBLICATION, spent_on__range=quarters.span_of(year)
        )
        .order_by()
        .values_list("model")
        .annotate(hours=Sum("amount"))
    )
    default = rules.PUBLICATION_HOURS * len(models - set(logged))
    return len(models), default + sum(logged.values(), Decimal())
