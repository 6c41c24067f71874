"""What else decides between evaluated models: how they are served, what they cost for the expected volume, their risk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.models import ModelVersion
from consumption.evaluations.page import FigureValue, ResultPage
from consumption.models import BatchEvaluation, Plan
from marketplace.core.money import show_amount
from marketplace.core.query import whole_number

CALLS, MOST_CALLS = 10_000, 10**9  # a month


@dataclass(frozen=True)
class Offer:
    """One model beside the others. cost: of the expected calls on its cheapest offered plan, "" without one."""

    version: ModelVersion
    figure: FigureValue | None
    graph_p95_ms: float | None
    promised_p95_ms: Any
    plan: Plan | None
    cost: str


def expected_calls(query: Mapping[str, str]) -> int:
    """Calls a month that somebody reckons with; what cannot be read is 10 000."""
    return min(whole_number(query.get("calls", "")) or CALLS, MOST_CALLS)


def offers_of(evaluation: BatchEvaluation, page: ResultPage, calls: int) -> list[Offer]:
    """In the order of the models."""
    versions = evaluation.evaluated()
    cheapest: dict[int, Plan] = {}
    plans = Plan.objects.filter(
        model__in=[version.model_id for version in versions], is_offered=True
    )
    for plan in sorted(plans, key=lambda plan: -plan.cost_of(calls)):
        cheapest[plan.model_id] = plan
    latency = evaluation.results.get("latency", [])
    found = []
    for place, version in enumerate(versions):
        offered = cheapest.get(version.model_id)
        figure = page.figures[0].values[place] if page.figures else None
        p95 = latency[place].get("p95") if place < len(latency) else None
        found.append(
            Offer(version, figure, p95, version.sla.get("p95_ms"), offered, _cost(offered, calls))
        )
    return found


def _cost(plan: Plan | None, calls: int) -> str:
    if plan is None:
        return ""
    return show_amount(plan.cost_of(calls), plan.currency)
