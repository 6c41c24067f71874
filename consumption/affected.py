"""Who is affected by an act that takes something away: subscriptions, their teams, and what they called in thirty days."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from consumption.models import Subscription, UsageDay

DAYS = 30
PER_1000_MICROS = Decimal(
    "0.000000001"
)  # currency units for one unit at one micro-unit for 1 000 calls


@dataclass(frozen=True)
class Affected:
    """One open subscription: calls and billed units of thirty days, and what they cost then (exact, the plan's currency)."""

    subscription: Subscription
    calls: int
    units: int
    cost: Decimal

    def cost_at(self, price_micros_per_1000):
        """What the same calls would have cost at another price."""
        return self.units * price_micros_per_1000 * PER_1000_MICROS

    def as_data(self):
        """For the record and the API: plain JSON."""
        application = self.subscription.application
        return {
            "subscription": self.subscription.pk,
            "application": application.slug,
            "application_name": application.name,
            "team": application.team.slug,
            "team_name": application.team.name,
            "calls_30d": self.calls,
            "cost_30d": f"{self.cost:f}",
            "currency": self.subscription.plan.currency,
        }


def by(subscriptions):
    """[Affected] of the open ones among `subscriptions` (a queryset), most calls first. Two queries."""
    rows = UsageDay.objects.filter(
        subscription__in=subscriptions, day__gt=(timezone.now() - timedelta(days=DAYS)).date()
    )
    sums = {
        row["subscription"]: row
        for row in rows.values("subscription").annotate(
            n=Sum("calls"), billed=Sum("units"), paid=Sum("cost")
        )
    }
    found = [
        _one(subscription, sums.get(subscription.pk, {}))
        for subscription in subscriptions.open().for_list()
    ]
    return sorted(found, key=lambda one: (-one.calls, one.subscription.pk))


def sentence(affected):
    """ "3 applications of 2 teams, which made 1,204 calls in the last 30 days"."""
    teams = len({one.subscription.application.team_id for one in affected})
    applications = len({one.subscription.application_id for one in affected})
    calls = sum(one.calls for one in affected)
    return (
        f"{applications} application{'s' * (applications != 1)} of {teams} team{'s' * (teams != 1)}, "
        f"which made {calls:,} call{'s' * (calls != 1)} in the last {DAYS} days"
    )


def _one(subscription, sums):
    return Affected(
        subscription, sums.get("n") or 0, sums.get("billed") or 0, sums.get("paid") or Decimal()
    )
