"""What a team avoids by using a model instead of building one: an estimate by rule, low and high (docs/model-page.md, "What it costs")."""

from dataclasses import dataclass
from decimal import Decimal

INTEGRATION = Decimal(
    "0.20"
)  # of the middle of what building costs, where nobody logged what integrating took
# Without the model a team would …: (what people read, low and high cost of building, USD); None where nothing would be spent on building.
ALTERNATIVES: dict[str, tuple[str, tuple[int, int] | None]] = {
    "large": ("build it, over 6 months", (140_000, 200_000)),
    "medium": ("build it, 3 to 6 months", (80_000, 140_000)),
    "small": ("build it, up to 3 months", (50_000, 80_000)),
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
    low, high = map(Decimal, cost)
    integration = (low + high) / 2 * INTEGRATION
    return AvoidedCost(low, integration, low - integration, high - integration)
