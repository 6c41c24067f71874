"""The subscriptions of a person's teams as home and My access show them: those with a deadline first, then by name.

What a month cost is what its statement says of the subscription so far: each line rounded once (docs/statements.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import F, IntegerField, QuerySet, Sum, Value
from django.utils import timezone

from consumption.deadlines import Deadline
from consumption.metering import measures
from consumption.metering.quota import period_start
from consumption.models import FeeDay, Subscription, UsageDay
from consumption.statements.lines import IDENTITY
from marketplace.core.money import rounded

LINE = (
    "business_unit_id",
    "team_id",
    "subscription_id",
    "version_id",
    "terms_id",
)  # consumption.statements.lines.IDENTITY
SHOWN = 8  # on home, of those that nothing threatens


@dataclass
class Month:
    """The running month (UTC): billed calls, calls, those that were answered, costs by currency as they are charged."""

    used: int = 0
    calls: int = 0
    answered: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Holding:
    """A subscription and its month. next: the soonest deadline; None where nothing is pending."""

    subscription: Subscription
    next: Deadline | None
    month: Month

    @property
    def quota_percent(self) -> float | None:
        """At most 100; None without a quota."""
        quota = self.subscription.plan.monthly_quota
        return min(100.0, 100 * self.month.used / quota) if quota else None

    @property
    def answered_percent(self) -> float | None:
        return measures.answered_percent(
            {"ok": self.month.answered, measures.CALLS: self.month.calls}
        )

    @property
    def is_ended(self) -> bool:
        return self.subscription.state not in Subscription.OPEN


@dataclass(frozen=True)
class Held:
    """Some of the open holdings, how many there are, and the costs of all of them."""

    holdings: list[Holding]
    count: int
    costs: dict[str, Decimal]

    @property
    def is_part(self) -> bool:
        return len(self.holdings) < self.count


def holdings(subscriptions: Sequence[Subscription], deadlines: Sequence[Deadline]) -> list[Holding]:
    """Each of the subscriptions (for_list), the soonest deadline first. One query."""
    soonest: dict[int, Deadline] = {}
    for deadline in deadlines:
        if deadline.subscription is not None:
            soonest.setdefault(deadline.subscription.pk, deadline)
    months = _months(subscriptions)
    rows = [Holding(one, soonest.get(one.pk), months.get(one.pk, Month())) for one in subscriptions]
    return sorted(rows, key=_order)


def held(subscriptions: Sequence[Subscription], deadlines: Sequence[Deadline]) -> Held:
    """What home shows: every open one that has a deadline, and a few of the others."""
    rows = [row for row in holdings(subscriptions, deadlines) if not row.is_ended]
    threatened = sum(row.next is not None for row in rows)
    return Held(rows[: threatened + SHOWN], len(rows), total(rows))


def total(rows: Sequence[Holding]) -> dict[str, Decimal]:
    """Costs of all of them by currency."""
    costs: dict[str, Decimal] = {}
    for row in rows:
        for currency, amount in row.month.costs.items():
            costs[currency] = costs.get(currency, Decimal()) + amount
    return costs


def _order(row: Holding) -> tuple[bool, float, str, str]:
    due = row.next.due.timestamp() if row.next else 0
    return row.next is None, due, str(row.subscription.model), str(row.subscription.application)


def _months(subscriptions: Sequence[Subscription]) -> dict[int, Month]:
    months: dict[int, Month] = {}
    for row in _lines(subscriptions):
        month = months.setdefault(row["subscription_id"], Month())
        month.used += row["used"]
        month.calls += row["all"]
        month.answered += row["answered"]
        if row["paid"]:
            sofar = month.costs.get(row["currency"], Decimal())
            month.costs[row["currency"]] = sofar + rounded(row["paid"], row["currency"])
    return months


def _lines(subscriptions: Sequence[Subscription]) -> QuerySet[Any, dict[str, Any]]:
    """Calls and fees of the running month, a row for each line of its statement."""
    of_month = {
        "subscription__in": [one.pk for one in subscriptions],
        "day__gte": period_start(timezone.now()),
    }
    none = Value(0, IntegerField())
    calls = _by_line(UsageDay.objects.filter(**of_month)).annotate(
        used=Sum("units"), all=Sum("calls"), answered=Sum("ok"), paid=Sum("cost")
    )
    fees = _by_line(FeeDay.objects.filter(**of_month)).annotate(
        used=none, all=none, answered=none, paid=Sum("cost")
    )
    return calls.union(fees, all=True)


def _by_line(days: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
    """By what tells the lines of a subscription apart in a statement."""
    currency = F("terms__plan__currency")
    return days.order_by().values(*IDENTITY.split(", "), currency=currency)
