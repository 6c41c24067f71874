"""What a call costs on the plans of a model, exact: what somebody who tries it would pay for the same calls."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from consumption.models import LatencyRun, Plan, PriceKind
from consumption.plans import pricing
from marketplace.core.money import show_amount, show_price


@dataclass(frozen=True)
class Cost:
    """One call on one plan, in currency units: one beyond what the plan includes and beyond its first steps."""

    plan: Plan
    cost: Decimal

    @property
    def price(self) -> str:
        """For people, with all its digits; a price that is not for each call alone in its words."""
        if self.plan.price_kind not in (PriceKind.PER_CALL, PriceKind.COST_PLUS):
            return self.plan.price_in_words
        return show_price(self.cost, self.plan.currency) if self.cost else "free"


def of_models(model_ids: Iterable[int]) -> dict[int, list[Cost]]:
    """{model id: [Cost] of the plans on offer}, cheapest first."""
    costs = defaultdict(list)
    for plan in Plan.objects.filter(model__in=set(model_ids), is_offered=True):
        costs[plan.model_id].append(Cost(plan, pricing.amount(plan.price_micros_per_1000)))
    return costs


@dataclass(frozen=True)
class LatencyCard:
    """A benchmark, and what the expected calls of a month would cost."""

    run: LatencyRun
    prices: list[Cost]

    @property
    def is_open(self) -> bool:
        return self.run.state in LatencyRun.OPEN

    @property
    def monthly(self) -> list[tuple[str, str]]:
        """[(plan, amount)]; empty without an expected volume."""
        calls = self.run.expected_calls or 0
        return [
            (one.plan.name, show_amount(one.plan.cost_of(calls), one.plan.currency))
            for one in self.prices
            if calls
        ]
