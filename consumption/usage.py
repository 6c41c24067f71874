"""Usage as pages show it: summed from the roll-ups, newest hours included. Shared by consumer, publisher and API."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Max, Sum
from django.utils import timezone

from consumption.models import UsageDay, UsageHour
from consumption.quota import period_start

COUNTS = ("calls", "ok", "client_errors", "upstream_errors", "aborted", "unknown", "refused", "duration_us")
# (name, tone of its colour in charts, columns)
SERIES = [
    ("Answered", "1", ("ok",)),
    ("Caller's errors", "warn", ("client_errors",)),
    ("Model's errors", "bad", ("upstream_errors", "aborted", "unknown")),
]


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
    """The Window of that slug; 30 days when there is none."""
    return next((choice for choice in WINDOWS if choice.slug == slug), WINDOWS[2])


def summary(subscriptions, window):
    """Totals, a labelled series per outcome, and slowest p95 of the window, for charts and figures."""
    rows = _rows(subscriptions, window)
    starts = window.starts()
    by_start = {row[window.field]: row for row in rows.values(window.field).annotate(**_sums())}
    totals = {name: sum(row[name] or 0 for row in by_start.values()) for name in COUNTS}
    return {
        "labels": [f"{start:%d %b %H:%M}" if window.table is UsageHour else f"{start:%d %b}" for start in starts],
        "series": [
            {"name": label, "tone": tone, "values": [sum((by_start.get(start) or {}).get(name) or 0 for name in names) for start in starts]}
            for label, tone, names in SERIES
        ],
        "totals": totals | {"errors": totals["client_errors"] + totals["upstream_errors"] + totals["aborted"]},
        "latency": [_ms((by_start.get(start) or {}).get("p95")) for start in starts],
        "p95_us": rows.aggregate(p95=Max("p95_us"))["p95"],
        "success_percent": 100 * totals["ok"] / totals["calls"] if totals["calls"] else None,
    }


def by(subscriptions, window, field):
    """Calls, errors and cost per value of a subscription field: [{"label", "calls", "errors", "p95_us", "cost_micros"}]."""
    path = f"subscription__{field}"
    rows = _rows(subscriptions, window).values(label=F(path)).annotate(
        **_sums(), cost_micros=Sum(F("units") * F("subscription__plan__price_micros_per_1000")) / 1000
    )
    return [
        row | {"errors": row["client_errors"] + row["upstream_errors"] + row["aborted"], "p95_us": row["p95"]}
        for row in rows.order_by("-calls")
    ]


def by_version(subscriptions, window):
    """Calls per version number, busiest first."""
    return list(_rows(subscriptions, window).values(label=F("version__number")).annotate(**_sums()).order_by("-calls"))


def this_month(subscriptions):
    """{subscription id: {"used", "quota", "left"}} of the running calendar month (UTC); quota None means none is set."""
    days = UsageDay.objects.filter(subscription__in=subscriptions, day__gte=period_start(timezone.now())).values("subscription_id")
    used = {row["subscription_id"]: row["units"] for row in days.annotate(units=Sum("units"))}
    return {one.pk: _month(used.get(one.pk, 0), one.plan.monthly_quota) for one in subscriptions}


def _month(used, quota):
    return {"used": used, "quota": quota, "left": None if quota is None else max(0, quota - used)}


def _rows(subscriptions, window):
    return window.table.objects.filter(
        subscription__in=subscriptions, **{f"{window.field}__gte": window.starts()[0]}
    )


def _sums():
    return {name: Sum(name) for name in COUNTS} | {"p95": Max("p95_us")}


def _ms(microseconds):
    return None if microseconds is None else microseconds / 1000
