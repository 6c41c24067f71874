"""Usage as pages show it: summed from the roll-ups, newest hours included. Shared by consumer, publisher and API.

A scope is a Q on roll-ups. What is grouped is grouped by identity; labels are for reading. Who paid, in which unit and on
which terms is what was true when the calls were made (docs/money.md).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import F, Max, Q, Sum
from django.utils import timezone

from consumption.metering import measures
from consumption.metering.quota import period_start
from consumption.models import UsageDay, UsageHour
from marketplace.core import names
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


def summary(scope, window):
    """Totals, a labelled series per part, and slowest p95 of the window, for charts and figures."""
    rows = _rows(scope, window)
    starts = window.starts()
    by_start = {
        row[window.field]: row for row in rows.values(window.field).annotate(**measures.sums())
    }
    totals = {
        name: sum(row[name] for row in by_start.values()) for name in (*measures.COUNTS, "units")
    }
    return {
        "labels": [
            f"{start:%d %b %H:%M}" if window.table is UsageHour else f"{start:%d %b}"
            for start in starts
        ],
        "series": [
            {
                "name": part.label,
                "tone": part.tone,
                "values": [
                    by_start[start][part.column] if start in by_start else 0 for start in starts
                ],
            }
            for part in measures.PARTS
        ],
        "totals": totals,
        "parts": [
            {"label": part.label, "calls": totals[part.column], "meaning": part.meaning}
            for part in measures.PARTS
        ],
        "costs": costs(rows),
        "latency": [_ms(by_start[start]["p95"]) if start in by_start else None for start in starts],
        "p95_us": rows.aggregate(p95=Max("p95_us"))["p95"],
        "success_percent": measures.answered_percent(totals),
    }


def by(scope, window, what):
    """A row for each of BY[what], busiest first: [{"key", "label", counts, "units", "p95", "costs": {currency: Decimal}}].

    Where two rows have labels that people take for each other, the labels say whose they are.
    """
    identity, label, whose = BY[what]
    columns = {
        "currency": F("terms__plan__currency"),
        "key": F(identity),
        "label": F(label),
        "whose": F(whose),
    }
    found = {}
    for row in _rows(scope, window).values(**columns).annotate(**measures.sums()).order_by():
        _add(found.setdefault(row["key"], _nothing(row)), row)
    alike = Counter(names.fold(row["label"]) for row in found.values())
    for row in found.values():
        whose = row.pop("whose")
        row["label"] += f" · {whose}" if alike[names.fold(row["label"])] > 1 else ""
    return sorted(found.values(), key=lambda row: (-row["calls"], row["label"], row["key"]))


def costs(rows):
    """{currency: Decimal} of roll-ups, exact; without what is free."""
    summed = (
        rows.values_list("terms__plan__currency")
        .annotate(total=Sum("cost"))
        .order_by("terms__plan__currency")
    )
    return {currency: total for currency, total in summed if total}


def this_month(subscriptions):
    """{subscription id: {"used", "quota", "left"}} of the running calendar month (UTC); quota None means none is set."""
    days = UsageDay.objects.filter(
        subscription__in=subscriptions, day__gte=period_start(timezone.now())
    ).values("subscription_id")
    used = {row["subscription_id"]: row["units"] for row in days.annotate(units=Sum("units"))}
    return {one.pk: _month(used.get(one.pk, 0), one.plan.monthly_quota) for one in subscriptions}


def _month(used, quota):
    return {"used": used, "quota": quota, "left": None if quota is None else max(0, quota - used)}


def _rows(scope, window):
    return window.table.objects.filter(scope, **{f"{window.field}__gte": window.starts()[0]})


def _nothing(row):
    return {
        "key": row["key"],
        "label": row["label"],
        "whose": row["whose"],
        "p95": None,
        "costs": {},
        **dict.fromkeys((*measures.COUNTS, "units"), 0),
    }


def _add(total, row):
    for name in (*measures.COUNTS, "units"):
        total[name] += row[name]
    total["p95"] = max((one for one in (total["p95"], row["p95"]) if one is not None), default=None)
    if row["cost"]:
        total["costs"][row["currency"]] = (
            total["costs"].get(row["currency"], Decimal()) + row["cost"]
        )


def _ms(microseconds):
    return None if microseconds is None else microseconds / 1000
