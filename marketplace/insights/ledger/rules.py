"""What a reuse is worth, by rule: cost classes, grades, shares, integration (docs/value.md, "What a line is worth"). Pure.

Amounts are US dollars, Decimal, rounded half to even to cents at the end. A line keeps every input of its own amount, so that a
change of these rules changes no line that was posted.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

VERSION = "ledger/1"  # of these rules; each line names the one that it was made by
CURRENCY = "USD"
CENT = Decimal("0.01")
MOST = Decimal(10) ** 9  # of any amount that somebody types

CALLS, DAYS, WINDOW = 500, 14, 90  # so many answered calls on so many days within so many days
KEPT_UP = timedelta(days=180)  # use that stops earlier takes the line back
QUIET = timedelta(days=30)  # without an answered call: use has stopped

GRADES = {"A": Decimal("1.0"), "B": Decimal("0.7"), "C": Decimal("0.4")}
FIRST_SHARE, FURTHER_SHARE = Decimal("1.0"), Decimal("0.25")
INTEGRATION = Decimal("0.20")  # of the likely cost, where nobody logged what integrating took
ACTUAL_MOST = Decimal(200_000)  # of what the publisher booked counts at most so much …
ACTUAL_SPREAD = Decimal("0.20")  # … and so much less and more

ATTRIBUTION_MOST = 50  # percent of a claim's gross value, unless a reason says why more
PUBLICATION_HOURS = Decimal(40)  # of a model for which nobody logged hours
HOURLY_RATE = Decimal(95)  # USD


@dataclass(frozen=True)
class Cost:
    """What it would have cost, at least, likely and at most, USD."""

    low: Decimal
    mid: Decimal
    high: Decimal


@dataclass(frozen=True)
class Amounts:
    """What is avoided: low counts, likely and high are the range. `integration` is what was deducted."""

    low: Decimal
    mid: Decimal
    high: Decimal
    integration: Decimal


def _cost(low: int, mid: int, high: int) -> Cost:
    return Cost(Decimal(low), Decimal(mid), Decimal(high))


BUILD = {
    "S": _cost(50_000, 65_000, 80_000),
    "M": _cost(80_000, 110_000, 140_000),
    "L": _cost(140_000, 170_000, 200_000),
}
NOTHING = _cost(0, 0, 0)


def cost_of(
    counterfactual: str, size: str, licence: Decimal | None, booked: Decimal | None
) -> Cost:
    """What the team would have spent. `licence`: twelve months of what it would have bought; `booked`: the publisher's actual cost.

    A team that would have done without, or that said nothing, would have spent nothing.
    """
    if counterfactual == "would_buy":
        price = licence or Decimal()
        return Cost(price, price, price)
    if counterfactual != "would_build":
        return NOTHING
    if booked:
        actual = min(booked, ACTUAL_MOST)
        return Cost(actual * (1 - ACTUAL_SPREAD), actual, actual * (1 + ACTUAL_SPREAD))
    return BUILD[size]


def avoided(cost: Cost, grade: str, share: Decimal, logged: Decimal | None) -> Amounts:
    """max(0, cost × grade × share − integration) for each of low, mid and high; `logged`: what integrating took, if somebody said."""
    integration = (cost.mid * INTEGRATION if logged is None else logged) if cost.mid else Decimal()
    low, mid, high = (
        _cents(max(Decimal(), one * GRADES[grade] * share - integration))
        for one in (cost.low, cost.mid, cost.high)
    )
    return Amounts(low, mid, high, _cents(integration))


def grade_of(*, is_confirmed: bool, has_plan: bool) -> str:
    """A: confirmed, and the plan that was given up is documented; B: confirmed; C: nothing but the calls."""
    if not is_confirmed:
        return "C"
    return "A" if has_plan else "B"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def attributed(gross: Decimal, percent: int) -> Decimal:
    """The part of a gross value that a claim takes."""
    return _cents(Decimal(gross) * percent / 100)
