"""What the page of another plan shows: each plan with what it changes, price first, and what the same calls would cost."""

from dataclasses import dataclass
from decimal import Decimal

from consumption import affected
from consumption.affected import Affected
from consumption.models import Move, Plan, Subscription
from consumption.plans import terms
from consumption.plans.pricing import Price
from consumption.subscribing.actions.access import may_move


@dataclass(frozen=True)
class PlanOption:
    """A plan to move to. cost_then: what a month of the same calls would cost on it, exact."""

    plan: Plan
    differences: list[terms.Difference]
    needs_approval: bool
    cost_then: Decimal


@dataclass(frozen=True)
class PlanPage:
    """Everything of the page. used: the calls of thirty days; cost_now: what a month of them costs on the plan of today."""

    subscription: Subscription
    used: Affected
    cost_now: Decimal
    options: list[PlanOption]
    chosen: PlanOption | None
    open: Move | None

    @property
    def more(self) -> Decimal | None:
        """What the chosen plan would have cost more (less: below 0); None where the currencies differ."""
        if self.chosen is None or self.chosen.plan.currency != self.subscription.plan.currency:
            return None
        return self.chosen.cost_then - self.cost_now

    @property
    def less(self) -> Decimal | None:
        return None if self.more is None else -self.more


def build(subscription: Subscription, plan_id: int | None) -> PlanPage:
    """The PlanPage of a subscription (for_list); `plan_id`: the plan that was chosen."""
    (used,) = affected.by(Subscription.objects.filter(pk=subscription.pk)) or [
        Affected(subscription, 0, 0, Decimal())
    ]
    offered = Plan.objects.filter(model=subscription.model, is_offered=True)
    options = [
        PlanOption(
            plan,
            terms.differences(terms.values(subscription.plan), terms.values(plan), plan.currency),
            not may_move(subscription, plan),
            used.cost_at(Price.of(plan)),
        )
        for plan in offered.exclude(pk=subscription.plan_id)
    ]
    moves = subscription.moves.filter(to_version=None).open()
    return PlanPage(
        subscription,
        used,
        used.cost_at(Price.of(subscription.plan)),
        options,
        next((option for option in options if option.plan.pk == plan_id), None),
        moves.for_list().first(),
    )
