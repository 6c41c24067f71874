"""What a team avoids by using a model instead of building one: an estimate by rule, low and high (docs/model-page.md, "What it costs")."""

from dataclasses import dataclass
from decimal import Decimal

from marketplace.insights.ledger.rules import BUILD, INTEGRATION, Cost

# Without the model a team would …: (what people read, what building costs by the ledger's rules); None where nothing would be spent on building.
ALTERNATIVES: dict[str, tuple[str, Cost | None]] = {
    "large": ("build it, over 6 months", BUILD["L"]),
    "medium": ("build it, 3 to 6 months", BUILD["M"]),
    "small": ("build it, up to 3 months", BUILD["S"]),
    "buy": ("buy one", None),
    "none": ("do without", None),
}


@dataclass(frozen=True)
class AvoidedCost:
    """Once, in US dollars: `low` and `high` of what is avoided, from what building costs less what integrating takes."""

    build_low: Decimal
    integration: Decimal
    low: Decimal
    high: Decimal


def avoided(alternative: str) -> AvoidedCost | None:
    """The AvoidedCost of one of ALTERNATIVES; None where the rule counts nothing."""
    cost = ALTERNATIVES[alternative][1]
    if cost is None:
        return None
    integration = cost.mid * INTEGRATION
    return AvoidedCost(cost.low, integration, cost.low - integration, cost.high - integration)
