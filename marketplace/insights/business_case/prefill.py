"""What a business case begins with: the company's own inventory and units."""

from dataclasses import dataclass

from marketplace.accounts.models import BusinessUnit
from marketplace.insights.business_case import calculator
from marketplace.insights.business_case.calculator import Case, Triple
from marketplace.insights.models import ProductionModel


@dataclass(frozen=True)
class Gross:
    """The gross formula with the company's own numbers, and the conservative case beside it."""

    models: int
    duplication: float
    cost: float
    amount: float
    case: Case


def assumptions() -> dict[str, Triple]:
    """The usual assumptions for the models of the inventory, and the business units that had no AI before; the usual where unknown."""
    models = ProductionModel.objects.count()
    units = BusinessUnit.objects.current().filter(has_ai=False).count()
    return calculator.usual(models or None, units if BusinessUnit.objects.exists() else None)


def gross() -> Gross:
    """What the value page shows apart from the counted figures."""
    assumed = assumptions()
    models, duplication = int(assumed["models"].likely), assumed["duplication"].likely
    amount = calculator.gross(models, duplication)
    return Gross(models, duplication, calculator.GROSS_COST, amount, calculator.work_out(assumed))
