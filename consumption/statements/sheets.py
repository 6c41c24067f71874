"""Finance's small tables as CSV: exact amounts, machine names (docs/statements.md)."""

from collections.abc import Iterable

from consumption.dashboards.sheets import Sheet
from consumption.metering.reconciliation import Count, Line
from consumption.models import ClosedMonth, Dispute, SharedCost, UnitCharging
from marketplace.core.money import from_micros

MOST = 10_000  # rows of a file


def of_shared_costs() -> Sheet:
    """What is shared, from when until when."""
    rows = SharedCost.objects.select_related("set_by").order_by("from_month", "pk")[:MOST]
    return Sheet(
        [
            "name",
            "currency",
            "amount_a_month",
            "method",
            "shares",
            "from_month",
            "until_month",
            "set_by",
        ],
        (
            [
                row.name,
                row.currency,
                from_micros(row.amount_micros),
                row.method,
                " ".join(f"{slug}={percent}" for slug, percent in sorted(row.shares.items())),
                f"{row.from_month:%Y-%m}",
                f"{row.until_month:%Y-%m}" if row.until_month else "",
                row.set_by.username,
            ]
            for row in rows
        ),
    )


def of_charging() -> Sheet:
    """Which unit is charged from which month on."""
    rows = UnitCharging.objects.select_related("unit", "set_by").order_by(
        "unit__name", "from_month"
    )
    return Sheet(
        ["unit", "name", "from_month", "is_charged", "set_by", "set_at"],
        (
            [
                row.unit.slug,
                row.unit.name,
                f"{row.from_month:%Y-%m}",
                row.is_charged,
                row.set_by.username,
                row.set_at.isoformat(),
            ]
            for row in rows[:MOST]
        ),
    )


def of_closed_months() -> Sheet:
    """The months whose statements are final, with the whole fingerprint."""
    rows = ClosedMonth.objects.select_related("closed_by").order_by("month")
    return Sheet(
        ["month", "closed_at", "closed_by", "lines", "sha256"],
        (
            [
                f"{row.month:%Y-%m}",
                row.closed_at.isoformat(),
                row.closed_by.username,
                row.line_count,
                row.sha256,
            ]
            for row in rows[:MOST]
        ),
    )


def of_disputes(rows: Iterable[Dispute]) -> Sheet:
    """Disputes with what was credited."""
    return Sheet(
        [
            "month",
            "line",
            "about",
            "team",
            "currency",
            "amount",
            "state",
            "credit",
            "opened_by",
            "opened_at",
            "reason",
            "answer",
        ],
        (
            [
                f"{row.month:%Y-%m}",
                row.line_key,
                row.about,
                row.team.slug,
                row.currency,
                row.amount,
                row.state,
                row.credit,
                row.opened_by.username,
                row.opened_at.isoformat(),
                row.reason,
                row.decision_reason,
            ]
            for row in rows
        ),
    )


def of_reconciliation(lines: Iterable[Line]) -> Sheet:
    """Events, hours and days of each team and month."""
    ways = ("events", "hours", "days")
    return Sheet(
        [
            "month",
            "team",
            *(f"{way}_{what}" for way in ways for what in ("calls", "units", "cost")),
            "difference",
        ],
        (
            [
                f"{line.month:%Y-%m}",
                line.team or "",
                *(cell for way in ways for cell in _cells(getattr(line, way))),
                line.difference,
            ]
            for line in lines
        ),
    )


def _cells(count: Count) -> tuple[object, ...]:
    return count.calls, count.units, count.cost
