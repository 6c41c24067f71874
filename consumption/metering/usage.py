"""Usage as pages show it: summed from the roll-ups, newest hours included. Shared by consumer, publisher and API.

A scope is a Q on roll-ups. What is grouped is grouped by identity; labels are for reading. Who paid, in which unit and on
which terms is what was true when the calls were made (docs/money.md).
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Max, Q, Sum
from django.utils import timezone

from consumption.metering import measures
from consumption.metering.fees import since_midnight
from consumption.metering.quota import period_start
from consumption.models import FeeDay, UsageDay, UsageHour
from marketplace.core import names
from marketplace.core.plots import Series
from marketplace.core.query import chosen

# What usage can be grouped by: (the column of its identity, the column that people read, the column that tells two of one name apart).
BY = {
    "model": ("version__model_id", "version__model__name", "version__model__owner_team__name"),
    "application": (
        "subscription__application_id",
        "subscription__application__name",
        "subscription__application__team__name",
    ),
    "team": ("team_id", "team__name", "team__business_unit__name"),
    "business_unit": ("business_unit_id", "business_unit__name", "business_unit__slug"),
    "version": ("version_id", "version__number", "version__model__name"),
}


NO_CALLS = dict.fromkeys((*measures.COUNTS, "units"), 0) | {"p95": None}


@dataclass(frozen=True)
class Window:
    """A stretch of time up to now and how it is cut: `step` is an hour or a day."""

    slug: str
    label: str
    step: timedelta
    count: int

    @property
    def table(self):
        return UsageHour if self.step < timedelta(days=1) else UsageDay

    @property
    def field(self):
        return "hour" if self.table is UsageHour else "day"

    def starts(self):
        """The beginnings of the steps, oldest first: datetimes (hours) or dates (days), UTC."""
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        last = now if self.table is UsageHour else now.date()
        return [last - self.step * back for back in range(self.count - 1, -1, -1)]


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOWS = [
    Window("24h", "24 hours", HOUR, 24),
    Window("7d", "7 days", HOUR, 168),
    Window("30d", "30 days", DAY, 30),
    Window("90d", "90 days", DAY, 90),
]


def window(slug):
    """The Window of that slug; 30 days when none is given. Raises UnknownChoice."""
    return chosen("window", slug, {choice.slug: choice for choice in WINDOWS}, usual=WINDOWS[2])


def of_teams(teams):
    """What these teams called and paid for."""
    return Q(team__in=teams)


def of_model(model):
    """What was called of a model."""
    return Q(version__model=model)


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
    """What is counted of one model, application, team, unit or version; `costs` are exact amounts by currency."""

    key: int
    label: str
    whose: str
    counts: Counter[str] = field(default_factory=Counter)
    p95_us: int | None = None
    costs: dict[str, Decimal] = field(default_factory=dict)

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


def summary(scope, window):
    """The Summary of what a scope says in a window."""
    rows = _rows(scope, window)
    starts = window.starts()
    by_start = {
        row[window.field]: row for row in rows.values(window.field).annotate(**measures.sums())
    }
    form = "%d %b %H:%M" if window.table is UsageHour else "%d %b"
    steps = [by_start.get(start) for start in starts]
    return Summary(
        labels=[f"{start:{form}}" for start in starts],
        series=[
            Series(part.label, [row[part.column] if row else 0 for row in steps], part.tone)
            for part in measures.PARTS
        ],
        totals={
            name: sum(row[name] for row in by_start.values())
            for name in (*measures.COUNTS, "units")
        },
        costs=costs(rows, _fees(scope, window)),
        latency=[row["p95"] / 1000 if row and row["p95"] is not None else None for row in steps],
        p95_us=rows.aggregate(p95=Max("p95_us"))["p95"],
    )


def by(scope, window, what):
    """A Row for each of BY[what], busiest first. Where two have labels that people take for each other, they say whose they are."""
    identity, label, whose = BY[what]
    columns = {
        "currency": F("terms__plan__currency"),
        "key": F(identity),
        "label": F(label),
        "whose": F(whose),
    }
    rows = {}
    for sums in _rows(scope, window).values(**columns).annotate(**measures.sums()).order_by():
        row = rows.setdefault(sums["key"], Row(sums["key"], sums["label"], sums["whose"]))
        row.add(sums)
    for fee in _fees(scope, window).values(**columns).annotate(cost=Sum("cost")).order_by():
        row = rows.setdefault(fee["key"], Row(fee["key"], fee["label"], fee["whose"]))
        row.add(NO_CALLS | fee)
    alike = Counter(names.fold(row.label) for row in rows.values())
    for row in rows.values():
        row.label += f" · {row.whose}" if alike[names.fold(row.label)] > 1 else ""
    return sorted(rows.values(), key=lambda row: (-row.counts["calls"], row.label, row.key))


def costs(*tables):
    """{currency: Decimal} of roll-ups and fees (querysets), exact; without what is free."""
    summed = Counter()
    for rows in tables:
        by_currency = rows.order_by().values_list("terms__plan__currency").annotate(Sum("cost"))
        for currency, total in by_currency:
            summed[currency] += total
    return {currency: total for currency, total in sorted(summed.items()) if total}


def this_month(subscriptions):
    """{subscription id: MonthlyUse} of the running calendar month (UTC)."""
    days = UsageDay.objects.filter(
        subscription__in=subscriptions, day__gte=period_start(timezone.now())
    ).values("subscription_id")
    used = {row["subscription_id"]: row["units"] for row in days.annotate(units=Sum("units"))}
    return {
        subscription.pk: MonthlyUse(used.get(subscription.pk, 0), subscription.plan.monthly_quota)
        for subscription in subscriptions
    }


def _fees(scope, window):
    """The fees of the days that begin in the window."""
    return FeeDay.objects.filter(scope, day__gte=since_midnight(window.starts()[0]))


def _rows(scope, window):
    return window.table.objects.filter(scope, **{f"{window.field}__gte": window.starts()[0]})
