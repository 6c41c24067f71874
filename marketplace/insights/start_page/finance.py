"""What finance reads on the start page besides what waits for it: what reuse adds up to, and the last months that are final."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from consumption.models import ClosedMonth
from marketplace.accounts.models import User
from marketplace.insights.ledger.headline import Headline, headline, running_year

ROLE = "finance"
MONTHS = 3


@dataclass(frozen=True)
class MonthSum:
    """What the statements of a closed month add up to in a currency: charged, and only shown to units."""

    month: date
    url: str
    currency: str
    charged: Decimal
    shown: Decimal


@dataclass(frozen=True)
class Books:
    """The year's value, and the sums of the last MONTHS closed months, newest first."""

    value: Headline
    months: list[MonthSum]


def books(reader: User) -> Books:
    closed = ClosedMonth.objects.order_by("-month")[:MONTHS]
    return Books(
        headline(reader, running_year()), [one for month in closed for one in _sums(month)]
    )


def _sums(closed: ClosedMonth) -> list[MonthSum]:
    return [
        MonthSum(
            closed.month,
            closed.get_absolute_url(),
            currency,
            Decimal(sums.get("charged", 0)),
            Decimal(sums.get("shown", 0)),
        )
        for currency, sums in sorted(closed.totals.items())
    ]
