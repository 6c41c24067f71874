"""What calls cost: the kinds of prices, and the one function that prices a period (docs/money.md, "Kinds of prices").

Prices are whole micro-units of the currency; amounts are whole billionths, so that nothing is rounded: one micro-unit for 1 000 calls
is one billionth for a call. The billed calls of a subscription are numbered through its calendar month (UTC). Call number n costs what
the price in force when it was made asks for call n; a monthly fee is spread over the days of its month.
"""

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Any

from django.db.models import TextChoices

from marketplace.core.errors import Invalid
from marketplace.core.money import from_micros, show_price


class PriceKind(TextChoices):
    FREE = "free", "Free"
    PER_CALL = "per_call", "Per call"
    GRADUATED = "graduated", "Graduated"
    INCLUDED = "included", "Calls included, then per call"
    FLAT = "flat", "Flat, monthly"
    COST_PLUS = "cost_plus", "Cost plus"


PRICE_MAX = 10**12  # micro-units for 1 000 calls
CALLS_MAX = 10**15  # a calendar month
FIELDS = (
    "price_kind",
    "price_micros_per_1000",
    "monthly_fee_micros",
    "included_calls",
    "price_steps",
    "unit_cost_micros_per_1000",
    "markup_basis_points",
)
NOTHING = {
    "price_micros_per_1000": 0,
    "monthly_fee_micros": 0,
    "included_calls": 0,
    "price_steps": [],
    "unit_cost_micros_per_1000": 0,
    "markup_basis_points": 0,
}
STEPPED = (PriceKind.GRADUATED, PriceKind.INCLUDED)  # a call's price depends on its number
MOST_STEPS = 12
WHOLE = 10_000  # basis points
NANOS_A_MICRO = 1000


@dataclass(frozen=True)
class Price:
    """What a month costs: a fee, and (upper, micro-units for 1 000 calls) of each step of calls; the last `upper` is None.

    A step holds calls number `upper` of the step before, plus one, to its own `upper`.
    """

    fee_micros: int
    steps: tuple[tuple[int | None, int], ...]

    @classmethod
    def of(cls, terms: Any) -> "Price":
        """The price of a Plan, of PlanTerms, or of {field: value} of them."""
        value = _reader(terms)
        kind, last = value("price_kind"), (None, value("price_micros_per_1000"))
        steps: tuple[tuple[int | None, int], ...] = ((value("included_calls"), 0), last)
        if kind == PriceKind.GRADUATED:
            steps = tuple((upper, micros) for upper, micros in value("price_steps"))
        return cls(value("monthly_fee_micros"), steps if kind in STEPPED else (last,))


@dataclass(frozen=True)
class Calls:
    """So many billed calls in a row, all made while one price was in force."""

    price: Price
    units: int


@dataclass(frozen=True)
class Day:
    """A day of the month on which a subscription was held, and the price in force when the day began for it."""

    price: Price
    day: date


def price_period(parts: Iterable[Calls | Day], before: int = 0) -> list[int]:
    """What each part of one subscription's calendar month costs, in billionths of the currency.

    parts   in the order of time; all of one month.
    before  how many calls were billed in the month before the first part.
    """
    amounts, number = [], before
    for part in parts:
        if isinstance(part, Day):
            amounts.append(_fee(part))
        else:
            amounts.append(_calls(part.price.steps, number, number + part.units))
            number += part.units
    return amounts


def price_month(price: Price, units: int) -> int:
    """What a whole month with so many billed calls costs, in billionths of the currency."""
    return price.fee_micros * NANOS_A_MICRO + sum(price_period([Calls(price, units)]))


def amount(billionths: int) -> Decimal:
    """In currency units, exact."""
    return Decimal(billionths).scaleb(-9)


def step_amounts(price: Price, first: int, last: int) -> list[tuple[int | None, int, int, int]]:
    """How calls number `first` + 1 to `last` fall on the steps: (upper, calls, micro-units for 1 000, billionths) of each step."""
    uppers = [0, *(upper or max(last, 0) for upper, _ in price.steps)]
    found = []
    for (lower, top), (upper, micros) in zip(pairwise(uppers), price.steps, strict=True):
        counted = max(0, min(last, top if upper is not None else last) - max(first, lower))
        found.append((upper, counted, micros, counted * micros))
    return found


def is_dearer(before: Price, after: Price) -> bool:
    """Does any number of calls a month cost more than before? Between the steps of both, costs are straight lines."""
    bounds = {upper for price in (before, after) for upper, _ in price.steps if upper is not None}
    if any(price_month(after, units) > price_month(before, units) for units in {0, *bounds}):
        return True
    return after.steps[-1][1] > before.steps[-1][1]


def completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The price fields as their kind means them: what the kind does not use is nothing, what follows from others is computed.

    Raises Invalid, naming the field.
    """
    kind = values["price_kind"]
    if kind in (PriceKind.FREE, PriceKind.PER_CALL):
        micros = values["price_micros_per_1000"]
        if kind == PriceKind.FREE and micros:
            raise Invalid("What is free has no price.", field="price_kind")
        kind = PriceKind.PER_CALL if micros else PriceKind.FREE
        return NOTHING | {"price_kind": kind.value, "price_micros_per_1000": micros}
    used = {name: values[name] for name in _NEEDED[kind]}
    for name in _MUST[kind]:
        if not used[name]:
            raise Invalid(f"This kind of price needs the {_LABELS[name]}.", field=name)
    if kind == PriceKind.GRADUATED:
        used["price_steps"] = checked_steps(used["price_steps"])
        used["price_micros_per_1000"] = used["price_steps"][-1][1]
    if kind == PriceKind.COST_PLUS:
        used["price_micros_per_1000"] = with_markup(**used)
    return NOTHING | {"price_kind": PriceKind(kind).value} | used


def with_markup(unit_cost_micros_per_1000: int, markup_basis_points: int) -> int:
    """Cost plus: micro-units for 1 000 calls, rounded half to even. Raises Invalid above the highest price."""
    exact = Decimal(unit_cost_micros_per_1000) * (WHOLE + markup_basis_points) / WHOLE
    micros = int(exact.to_integral_value(ROUND_HALF_EVEN))
    if micros > PRICE_MAX:
        raise Invalid(
            "Cost and markup together are above the highest price.",
            field="unit_cost_micros_per_1000",
        )
    return micros


def checked_steps(steps: Sequence[Sequence[int | None]]) -> list[list[int | None]]:
    """Steps of a graduated price, [[upper, micro-units for 1 000], …]: uppers rise, only the last has none. Raises Invalid."""
    if not 2 <= len(steps) <= MOST_STEPS:
        raise Invalid(f"A graduated price has 2 to {MOST_STEPS} steps.", field="price_steps")
    for step in steps:
        if len(step) != 2 or not _is_number(step[1], 0, PRICE_MAX):
            raise Invalid(
                "A step is the number of its last call and a price, in micro-units for 1 000 calls.",
                field="price_steps",
            )
    uppers = [0, *(step[0] for step in steps[:-1])]
    rising = all(
        _is_number(upper, lower + 1, CALLS_MAX)  # type: ignore[operator]
        for lower, upper in pairwise(uppers)
    )
    if not rising or steps[-1][0] is not None:
        raise Invalid(
            "The last calls of the steps rise, and the last step has none: it holds all further calls.",
            field="price_steps",
        )
    return [list(step) for step in steps]


def in_words(terms: Any, currency: str) -> str:
    """ "4.00 USD per 1,000 calls", "250.00 USD a month with 1,000 calls, then 4.00 USD per 1,000 calls"; of what Price.of takes."""
    value = _reader(terms)
    kind, price = value("price_kind"), Price.of(terms)

    def shown(micros: int) -> str:
        return show_price(from_micros(micros), currency)

    each = f"{shown(price.steps[-1][1])} per 1,000 calls"
    if kind == PriceKind.FREE:
        return "free"
    if kind == PriceKind.FLAT:
        return f"{shown(price.fee_micros)} a month, all calls included"
    if kind == PriceKind.INCLUDED:
        fee = f"{shown(price.fee_micros)} a month with" if price.fee_micros else "free for"
        return f"{fee} {value('included_calls'):,} calls, then {each}"
    if kind == PriceKind.GRADUATED:
        *first, _ = price.steps
        steps = (f"to {upper:,} {shown(micros) if micros else 'free'}" for upper, micros in first)
        return f"{', '.join(steps)}, above {each}"
    if kind == PriceKind.COST_PLUS:
        cost = shown(value("unit_cost_micros_per_1000"))
        return f"{each} (cost {cost} plus {value('markup_basis_points') / 100:g} %)"
    return each


_NEEDED: dict[str, tuple[str, ...]] = {
    PriceKind.GRADUATED: ("price_steps",),
    PriceKind.INCLUDED: ("monthly_fee_micros", "included_calls", "price_micros_per_1000"),
    PriceKind.FLAT: ("monthly_fee_micros",),
    PriceKind.COST_PLUS: ("unit_cost_micros_per_1000", "markup_basis_points"),
}
_MUST: dict[str, tuple[str, ...]] = {
    PriceKind.GRADUATED: ("price_steps",),
    PriceKind.INCLUDED: ("included_calls",),
    PriceKind.FLAT: ("monthly_fee_micros",),
    PriceKind.COST_PLUS: ("unit_cost_micros_per_1000",),
}

_LABELS = {
    "price_steps": "steps of the price",
    "included_calls": "calls that are included",
    "monthly_fee_micros": "monthly fee",
    "unit_cost_micros_per_1000": "cost of 1,000 calls",
}


def _reader(terms: Any) -> Callable[[str], Any]:
    """The value of a field, by its name."""
    if isinstance(terms, Mapping):
        return terms.__getitem__
    return lambda name: getattr(terms, name)


def _calls(steps: Sequence[tuple[int | None, int]], first: int, last: int) -> int:
    """Billionths for calls number `first` + 1 to `last`."""
    total, lower = 0, 0
    for upper, micros in steps:
        top = last if upper is None else min(last, upper)
        total += max(0, top - max(first, lower)) * micros
        lower = upper or 0
    return total


def _fee(part: Day) -> int:
    """Billionths for one day; the days of a whole month add up to the fee."""
    days = calendar.monthrange(part.day.year, part.day.month)[1]
    fee = part.price.fee_micros * NANOS_A_MICRO
    return fee * part.day.day // days - fee * (part.day.day - 1) // days


def _is_number(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
