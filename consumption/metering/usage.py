"""Usage as pages show it: summed from the roll-ups, newest hours included. Shared by consumer, publisher and API.

A Scope says of which roll-ups. What is grouped is grouped by identity; labels are for reading. Who paid, in which unit, with
which key and on which terms is what was true when the calls were made (docs/money.md).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import F, Q, Sum
from django.urls import reverse
from django.utils import timezone

from consumption.metering import measures
from consumption.metering.fees import since_midnight
from consumption.metering.quota import period_start
from consumption.models import (
    Application,
    FailureDay,
    FailureHour,
    FeeDay,
    KeyDay,
    KeyHour,
    UsageDay,
    UsageHour,
)
from marketplace.core import names
from marketplace.core.money import split_amount
from marketplace.core.plots import Series
from marketplace.core.query import chosen


@dataclass(frozen=True)
class Grouping:
    """What usage can be grouped by: columns of its identity, of what people read, of whose it is, of its name in addresses.

    page         the address of what a row names, from the row's columns; `more` are those that only it needs.
    is_of_keys   whether only roll-ups by key tell it apart.
    """

    identity: str
    label: str
    whose: str
    name: str
    page: Callable[[dict[str, Any]], str] | None = None
    more: tuple[str, ...] = ()
    is_of_keys: bool = False


def _application_page(row: dict[str, Any]) -> str:
    return reverse("consumption:application", args=[row["name"]])


def _key_page(row: dict[str, Any]) -> str:
    address = reverse("consumption:application", args=[row["subscription__application__slug"]])
    return f"{address}#subscription-{row['subscription_id']}"


BY = {
    "model": Grouping(
        "version__model_id",
        "version__model__name",
        "version__model__owner_team__name",
        "version__model__slug",
        lambda row: reverse("catalog:model", args=[row["name"]]),
    ),
    "application": Grouping(
        "subscription__application_id",
        "subscription__application__name",
        "subscription__application__team__name",
        "subscription__application__slug",
        _application_page,
    ),
    "team": Grouping("team_id", "team__name", "team__business_unit__name", "team__slug"),
    "business_unit": Grouping(
        "business_unit_id", "business_unit__name", "business_unit__slug", "business_unit__slug"
    ),
    "version": Grouping(
        "version_id",
        "version__number",
        "version__model__name",
        "version__number",
        lambda row: reverse("catalog:version", args=[row["version__model__slug"], row["name"]]),
        ("version__model__slug",),
    ),
    "key": Grouping(
        "key_id",
        "key__name",
        "key__kid",
        "key__kid",
        _key_page,
        ("subscription_id", "subscription__application__slug"),
        is_of_keys=True,
    ),
    "environment": Grouping(
        "environment", "environment", "environment", "environment", is_of_keys=True
    ),
}


NO_CALLS = dict.fromkeys((*measures.COUNTS, "units"), 0) | {"p95": None}
FEES = "Monthly fees"  # what no key and no environment costs


@dataclass(frozen=True)
class Window:
    """A stretch of time up to now and how it is cut: `step` is an hour or a day."""

    slug: str
    label: str
    step: timedelta
    count: int

    @property
    def is_of_hours(self) -> bool:
        return self.step < timedelta(days=1)

    @property
    def table(self) -> type[UsageHour | UsageDay]:
        return UsageHour if self.is_of_hours else UsageDay

    @property
    def table_of_keys(self) -> type[KeyHour | KeyDay]:
        return KeyHour if self.is_of_hours else KeyDay

    @property
    def table_of_failures(self) -> type[FailureHour | FailureDay]:
        return FailureHour if self.is_of_hours else FailureDay

    @property
    def field(self) -> str:
        return "hour" if self.is_of_hours else "day"

    def starts(self) -> list[Any]:
        """The beginnings of the steps, oldest first: datetimes (hours) or dates (days), UTC."""
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        last: datetime | date = now if self.is_of_hours else now.date()
        return [last - self.step * back for back in range(self.count - 1, -1, -1)]

    def labels(self) -> list[str]:
        """What charts call the steps."""
        form = "%d %b %H:%M" if self.is_of_hours else "%d %b"
        return [f"{start:{form}}" for start in self.starts()]


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOWS = [
    Window("24h", "24 hours", HOUR, 24),
    Window("7d", "7 days", HOUR, 168),
    Window("30d", "30 days", DAY, 30),
    Window("90d", "90 days", DAY, 90),
]


@dataclass(frozen=True)
class Scope:
    """Of which roll-ups: a condition on them, which may ask for a key or an environment when `is_of_keys`."""

    condition: Q
    is_of_keys: bool = False

    def narrowed(self, *, is_of_keys: bool = False, **wanted: Any) -> "Scope":
        """Those of them for which this is true as well."""
        return replace(
            self,
            condition=self.condition & Q(**wanted),
            is_of_keys=self.is_of_keys or is_of_keys,
        )


def window(slug: str | None) -> Window:
    """The Window of that slug; 30 days when none is given. Raises UnknownChoice."""
    return chosen("window", slug, {choice.slug: choice for choice in WINDOWS}, usual=WINDOWS[2])


def of_teams(teams: Any) -> Scope:
    """What these teams called and paid for."""
    return Scope(Q(team__in=teams))


def of_model(model: Any) -> Scope:
    """What was called of a model."""
    return Scope(Q(version__model=model))


@dataclass(frozen=True)
class PartCalls:
    """How many calls ended in one way."""

    label: str
    calls: int
    meaning: str


@dataclass(frozen=True)
class Summary:
    """A window in figures and charts: a label and a value of each series a step.

    totals   calls, their parts and billed units.
    costs    exact amounts by currency; None where the reader may not know them.
    latency  the slowest p95 of each step, milliseconds; None without a call.
    p95_us   the slowest p95 of the window, microseconds.
    """

    labels: list[str]
    series: list[Series]
    totals: dict[str, int]
    costs: dict[str, Decimal] | None
    latency: list[float | None]
    p95_us: int | None

    @property
    def parts(self) -> list[PartCalls]:
        return [PartCalls(p.label, self.totals[p.column], p.meaning) for p in measures.PARTS]

    @property
    def success_percent(self) -> float | None:
        return measures.answered_percent(self.totals)


@dataclass
class Row:
    """What is counted of one model, application, team, unit, version, key or environment; `costs` are exact amounts by currency.

    amounts  what pages show of `costs`: shares of the rounded sum of all rows, so that they add up to it.
    name  its slug, number or kid; url: the page of what it names, "" without one; only: the same page for this row alone.
    """

    key: int | str
    label: str
    whose: str
    name: str = ""
    url: str = ""
    only: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    p95_us: int | None = None
    costs: dict[str, Decimal] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    @property
    def success_percent(self) -> float | None:
        return measures.answered_percent(self.counts)

    def add(self, sums: dict[str, Any]) -> None:
        """Add the sums of one currency (measures.sums)."""
        for name in (*measures.COUNTS, "units"):
            self.counts[name] += sums[name]
        slowest = [p95 for p95 in (self.p95_us, sums["p95"]) if p95 is not None]
        self.p95_us = max(slowest, default=None)
        if sums["cost"]:
            currency = sums["currency"]
            self.costs[currency] = self.costs.get(currency, Decimal()) + sums["cost"]


@dataclass(frozen=True)
class MonthlyUse:
    """Billed calls of a subscription in the running month, and its quota; None when it has none."""

    used: int
    quota: int | None


def summary(scope: Scope, window: Window) -> Summary:
    """The Summary of what a scope says in a window."""
    found = rows(scope, window)
    starts = window.starts()
    by_start = {
        row[window.field]: row
        for row in found.values(window.field).annotate(**measures.sums()).order_by()
    }
    steps = [by_start.get(start) for start in starts]
    return Summary(
        labels=window.labels(),
        series=[
            Series(part.label, [row[part.column] if row else 0 for row in steps], part.tone)
            for part in measures.PARTS
        ],
        totals={
            name: sum(row[name] for row in by_start.values())
            for name in (*measures.COUNTS, "units")
        },
        costs=costs(found, _fees(scope, window)),
        latency=[row["p95"] / 1000 if row and row["p95"] is not None else None for row in steps],
        p95_us=max(
            (row["p95"] for row in by_start.values() if row["p95"] is not None), default=None
        ),
    )


def by(scope: Scope, window: Window, what: str) -> list[Row]:
    """A Row for each of BY[what], busiest first. Where two have labels that people take for each other, they say whose they are."""
    grouping = BY[what]
    columns = {
        "currency": F("terms__plan__currency"),
        "identity": F(grouping.identity),
        "label": F(grouping.label),
        "whose": F(grouping.whose),
        "name": F(grouping.name),
    }
    found: dict[int | str, Row] = {}
    of_keys = replace(scope, is_of_keys=scope.is_of_keys or grouping.is_of_keys)
    grouped = rows(of_keys, window).values(*grouping.more, **columns)
    for sums in grouped.annotate(**measures.sums()).order_by():
        if sums["identity"] not in found:
            found[sums["identity"]] = _row(grouping, sums)
        found[sums["identity"]].add(sums)
    _add_fees(found, _fees(scope, window), grouping, columns)
    _share_out(list(found.values()))
    alike = Counter(names.fold(row.label) for row in found.values())
    for row in found.values():
        row.label += f" · {row.whose}" if alike[names.fold(row.label)] > 1 else ""
    return sorted(found.values(), key=lambda row: (-row.counts["calls"], row.label, row.key))


def _row(grouping: Grouping, sums: dict[str, Any]) -> Row:
    """Without its counts. A key that was deleted is known by its id."""
    label = sums["label"] or f"Key {sums['identity']}"
    url = grouping.page(sums) if grouping.page else ""
    if grouping.identity == "environment":
        label = dict(Application.Environment.choices).get(label, label)
    return Row(sums["identity"], label, sums["whose"] or "", sums["name"] or "", url)


def _add_fees(
    found: dict[int | str, Row], fees: Any, grouping: Grouping, columns: dict[str, F]
) -> None:
    """Fees go to what they are of; those of keys and environments are a row of their own."""
    if grouping.is_of_keys:
        for currency, cost in costs(fees).items():
            row = found.setdefault(FEES, Row(FEES, FEES, ""))
            row.add(NO_CALLS | {"currency": currency, "cost": cost})
        return
    for fee in fees.values(*grouping.more, **columns).annotate(cost=Sum("cost")).order_by():
        if fee["identity"] not in found:
            found[fee["identity"]] = _row(grouping, fee)
        found[fee["identity"]].add(NO_CALLS | fee)


def _share_out(found: list[Row]) -> None:
    """The rows' `amounts`. What gets no coin but was not free stays exact, and reads as less than one."""
    for currency in sorted({one for row in found for one in row.costs}):
        paid = [row for row in found if currency in row.costs]
        exact = [row.costs[currency] for row in paid]
        shares = split_amount(sum(exact, Decimal()), currency, [Fraction(cost) for cost in exact])
        for row, share in zip(paid, shares, strict=True):
            row.amounts[currency] = share or row.costs[currency]


def costs(*tables: Any) -> dict[str, Decimal]:
    """{currency: Decimal} of roll-ups and fees (querysets), exact; without what is free."""
    summed: dict[str, Decimal] = {}
    for rows_ in tables:
        by_currency = rows_.order_by().values_list("terms__plan__currency").annotate(Sum("cost"))
        for currency, total in by_currency:
            summed[currency] = summed.get(currency, Decimal()) + total
    return {currency: total for currency, total in sorted(summed.items()) if total}


def this_month(subscriptions: Any) -> dict[int, MonthlyUse]:
    """{subscription id: MonthlyUse} of the running calendar month (UTC)."""
    days = UsageDay.objects.filter(
        subscription__in=subscriptions, day__gte=period_start(timezone.now())
    ).values("subscription_id")
    used = {row["subscription_id"]: row["units"] for row in days.annotate(units=Sum("units"))}
    return {
        subscription.pk: MonthlyUse(used.get(subscription.pk, 0), subscription.plan.monthly_quota)
        for subscription in subscriptions
    }


def rows(scope: Scope, window: Window) -> Any:
    """The roll-ups of a scope in a window."""
    table = window.table_of_keys if scope.is_of_keys else window.table
    return of_window(table.objects.filter(scope.condition), window)


def _fees(scope: Scope, window: Window) -> Any:
    """The fees of the days that begin in the window; none of a key or an environment."""
    if scope.is_of_keys:
        return FeeDay.objects.none()
    return FeeDay.objects.filter(scope.condition, day__gte=since_midnight(window.starts()[0]))


def of_window(buckets: Any, window: Window) -> Any:
    """Those of them that begin in the window."""
    return buckets.filter(**{f"{window.field}__gte": window.starts()[0]})
