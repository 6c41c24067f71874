"""Who is affected by an act that takes something away: subscriptions, their teams, and what they called in thirty days."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Q, Sum
from django.utils import timezone

from catalog import upgrades
from catalog.models import ModelVersion
from catalog.upgrades import SAME_PARTS
from consumption.models import Subscription, UsageDay
from consumption.plans import pricing

DAYS = 30


@dataclass(frozen=True)
class Affected:
    """One open subscription: calls and billed units of thirty days, and what they cost then (exact, the plan's currency)."""

    subscription: Subscription
    calls: int
    units: int
    cost: Decimal

    def cost_at(self, price):
        """What a month with the same calls would cost at a pricing.Price."""
        return pricing.amount(pricing.price_month(price, self.units))

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
    rows = _days().filter(subscription__in=subscriptions)
    sums = {
        row["subscription"]: row
        for row in rows.values("subscription").annotate(
            n=Sum("calls"), billed=Sum("units"), paid=Sum("cost")
        )
    }
    rows = [
        _affected(subscription, sums.get(subscription.pk, {}))
        for subscription in subscriptions.open().for_list()
    ]
    return sorted(rows, key=lambda row: (-row.calls, row.subscription.pk))


def following(version):
    """The subscriptions whose calls this version answers: by their policy, as the gateway resolves it, or by name in thirty days."""
    answers = Q(pk__in=_days().filter(version=version).values("subscription"))
    of_model = Subscription.objects.filter(model=version.model_id)
    versions = list(version.model.versions.filter(state__in=ModelVersion.LISTED))
    for pinned in versions:
        policies = [policy for policy in SAME_PARTS if resolve(policy, pinned, versions) == version]
        if policies:
            answers |= Q(pinned_version=pinned, version_policy__in=policies, hold="")
    held = of_model.exclude(hold="").select_related("pinned_version", "held_version")
    answers |= Q(pk__in=[row.pk for row in held if resolve_for(row, versions) == version])
    return of_model.filter(answers)


def resolve(policy, pinned, versions, held=None):
    """The version that answers calls of a subscription that was pinned to one: the newest that its policy follows.

    versions  those of the model; deprecated ones only answer where no other one does.
    held      the version above which nothing answers by itself; None without a hold.
    """
    followed = upgrades.followed(policy, pinned, versions)
    return _newest(upgrades.reached(followed, held.precedence if held else None), pinned)


def in_the_end(policy, pinned, versions):
    """The version that would answer a subscription if nothing held it, and every update were everybody's."""
    return _newest(upgrades.followed(policy, pinned, versions), pinned)


def _newest(reached, pinned):
    fitting = [version for version in reached if version.is_callable]
    fresh = [version for version in fitting if version.state != ModelVersion.State.DEPRECATED]
    return max(fresh or fitting, key=lambda version: version.precedence, default=pinned)


def resolve_for(subscription, versions):
    """The version that answers a subscription's calls, among those of its model."""
    return resolve(
        subscription.version_policy,
        subscription.pinned_version,
        versions,
        subscription.held_version,
    )


def answering(subscriptions):
    """{subscription id: the ModelVersion that answers its unversioned calls}. One query; the versions know their models."""
    subscriptions = list(subscriptions)
    versions = defaultdict(list)
    models = {subscription.model_id for subscription in subscriptions}
    listed = ModelVersion.objects.filter(model__in=models, state__in=ModelVersion.LISTED)
    for version in listed.select_related("model__owner_team", "successor"):
        versions[version.model_id].append(version)
    known = {version.pk: version for listed in versions.values() for version in listed}
    answered = {
        subscription.pk: resolve_for(subscription, versions[subscription.model_id])
        for subscription in subscriptions
    }
    return {pk: known.get(version.pk, version) for pk, version in answered.items()}


def sentence(affected):
    """ "3 applications of 2 teams, which made 1,204 calls in the last 30 days"."""
    teams = len({row.subscription.application.team_id for row in affected})
    applications = len({row.subscription.application_id for row in affected})
    calls = sum(row.calls for row in affected)
    return (
        f"{applications} application{'s' * (applications != 1)} of {teams} team{'s' * (teams != 1)}, "
        f"which made {calls:,} call{'s' * (calls != 1)} in the last {DAYS} days"
    )


def _days():
    """Usage of the last thirty days."""
    return UsageDay.objects.filter(day__gt=(timezone.now() - timedelta(days=DAYS)).date())


def _affected(subscription, sums):
    return Affected(
        subscription, sums.get("n") or 0, sums.get("billed") or 0, sums.get("paid") or Decimal()
    )
