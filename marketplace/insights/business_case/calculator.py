"""The business case worked out: the gross formula, and the conservative year with its uncertainty. Pure: numbers in, numbers out.

Source: docs/value.md, "Business case". Each assumption is low, likely and high; DRAWS are taken from triangular distributions with a
fixed seed, so that the same assumptions give the same figures. Amounts are US dollars a year unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Draws = NDArray[np.float64]
DRAWS, SEED = 20_000, 19_188  # docs/value.md, "Sampling error"
MOST_AMOUNT = 1e9
YEARS = 3  # of the present value
WEEKS_A_YEAR = 52


@dataclass(frozen=True)
class Triple:
    """low ≤ likely ≤ high."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class Assumption:
    """One input: its words, its unit, what is usual, and its bounds (both included)."""

    name: str
    label: str
    unit: str
    usual: Triple
    least: float = 0
    most: float = MOST_AMOUNT
    hint: str = ""


def _fixed(value: float) -> Triple:
    return Triple(value, value, value)


ASSUMPTIONS = (
    Assumption("models", "Models in production", "models", _fixed(34), 0, 100_000),
    Assumption(
        "new_builds",
        "New builds a year",
        "models",
        _fixed(5.1),
        0,
        100_000,
        "Usually 15 % of the models.",
    ),
    Assumption("duplication", "Built twice", "%", Triple(15, 22, 30), 0, 100),
    Assumption("cost", "To build one", "USD", Triple(50_000, 110_000, 200_000)),
    Assumption("cycle", "Rebuilt every", "years", _fixed(3), 0.5, 20),
    Assumption("capture", "Found and reused instead", "%", Triple(30, 50, 70), 0, 100),
    Assumption("integration", "Integrating, of the cost", "%", _fixed(15), 0, 100),
    Assumption("units", "Business units without AI", "units", _fixed(5), 0, 10_000),
    Assumption("adoption", "Of them take up a model", "%", Triple(20, 40, 60), 0, 100),
    Assumption("impact", "Impact of a use case", "USD a year", Triple(50_000, 100_000, 150_000)),
    Assumption("weeks", "Weeks earlier", "weeks", Triple(10, 14, 18), 0, 104),
    Assumption("price", "To build the marketplace", "USD once", Triple(200_000, 300_000, 500_000)),
    Assumption("run", "To run it", "USD a month", Triple(8_000, 14_000, 20_000)),
    Assumption("discount", "Discount rate", "%", _fixed(8), 0, 100),
)
BY_NAME = {assumption.name: assumption for assumption in ASSUMPTIONS}
GROSS_COST = 160_000.0  # of a duplicate, in the gross formula
FEW = 5  # duplicates, as people talk of them
Assumed = Mapping[str, Triple]


@dataclass(frozen=True)
class Percentiles:
    """Of the conservative net value of a year, USD."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True)
class Swing:
    """One bar of the tornado: the net value with one assumption at its low and at its high, all others likely."""

    label: str
    low: float
    high: float

    @property
    def width(self) -> float:
        return abs(self.high - self.low)


@dataclass(frozen=True)
class Case:
    """A scenario worked out.

    gross            models × duplication × cost of one: the cost of every duplicate there is; not a saving.
    net              of a year, from DRAWS draws.
    mean             of the same draws.
    pays_first_year  the chance, 0..1, that the first year's net value covers what building the marketplace costs.
    pays_at_all      the chance that a year's net value is more than nothing.
    break_even_*     the smallest share (percent) at which the likely year is not negative; None: not even at 100 %.
    payback_years    price ÷ net of the likely year; None: never.
    present_value    of YEARS years less the price, at the discount rate, likely values.
    """

    gross: float
    net: Percentiles
    mean: float
    likely: float
    pays_first_year: float
    pays_at_all: float
    break_even_capture: float | None
    break_even_duplication: float | None
    payback_years: float | None
    present_value: float
    swings: tuple[Swing, ...]

    @property
    def verdict(self) -> str:
        """Plainly: does it pay?"""
        if self.net.p50 <= 0:
            return "It does not pay: in the middle case a year costs more than it brings."
        if self.payback_years is None or self.present_value < 0:
            return f"It does not pay back within {YEARS} years at these assumptions."
        if self.pays_first_year < 0.5:
            return "It pays, but hardly in the first year."
        return "It pays, likely within the first year."


def usual(models: int | None = None, units: int | None = None) -> dict[str, Triple]:
    """The usual assumptions, for a company of so many models and business units without AI."""
    found = {assumption.name: assumption.usual for assumption in ASSUMPTIONS}
    if models is not None:
        found |= {"models": _fixed(models), "new_builds": _fixed(round(models * 0.15, 2))}
    return found if units is None else found | {"units": _fixed(units)}


def problems(assumed: Assumed) -> dict[str, str]:
    """{name: sentence} of each assumption that cannot be used."""
    found = {}
    for name, assumption in BY_NAME.items():
        triple = assumed.get(name)
        values = () if triple is None else (triple.low, triple.likely, triple.high)
        if not values or not all(assumption.least <= value <= assumption.most for value in values):
            found[name] = f"Give numbers from {assumption.least:g} to {assumption.most:,.0f}."
        elif not values[0] <= values[1] <= values[2]:
            found[name] = "Give low, likely and high in this order."
    return found


def gross(models: float, duplication_percent: float, cost: float = GROSS_COST) -> float:
    """What all duplicates together cost to build, USD, once: a stock, not a saving."""
    return models * duplication_percent / 100 * cost


def few_duplicates(assumed: Assumed) -> tuple[float, float]:
    """What FEW duplicates cost to build at the low and the high cost of one, USD."""
    return FEW * assumed["cost"].low, FEW * assumed["cost"].high


def work_out(assumed: Assumed) -> Case:
    """The Case of assumptions without problems()."""
    return _work_out(tuple((name, assumed[name]) for name in BY_NAME))


@lru_cache(maxsize=64)
def _work_out(pairs: tuple[tuple[str, Triple], ...]) -> Case:
    assumed = dict(pairs)
    drawn = _drawn(assumed)
    net = annual(drawn)
    p10, p50, p90 = (float(value) for value in np.percentile(net, (10, 50, 90)))
    likely = {name: np.array(triple.likely) for name, triple in assumed.items()}
    year, price = float(annual(likely)), assumed["price"].likely
    return Case(
        gross=gross(assumed["models"].likely, assumed["duplication"].likely),
        net=Percentiles(p10, p50, p90),
        mean=float(net.mean()),
        likely=year,
        pays_first_year=float((net >= drawn["price"]).mean()),
        pays_at_all=float((net > 0).mean()),
        break_even_capture=_break_even(likely, "capture"),
        break_even_duplication=_break_even(likely, "duplication"),
        payback_years=price / year if year > 0 else None,
        present_value=_present_value(year, price, assumed["discount"].likely),
        swings=_swings(assumed),
    )


def annual(of: Mapping[str, Draws]) -> Draws:
    """(models · duplication ÷ cycle + new builds · duplication) · cost · capture · (1 − integration)
    + units · adoption · impact · weeks ÷ 52 − 12 · run, for each draw.
    """
    duplicates = of["duplication"] / 100 * (of["models"] / of["cycle"] + of["new_builds"])
    reused = duplicates * of["cost"] * of["capture"] / 100 * (1 - of["integration"] / 100)
    enabled = of["units"] * of["adoption"] / 100 * of["impact"] * of["weeks"] / WEEKS_A_YEAR
    return np.asarray(reused + enabled - 12 * of["run"], dtype=np.float64)


def _drawn(assumed: Assumed) -> dict[str, Draws]:
    """DRAWS draws of each assumption, in the order of ASSUMPTIONS; one without a spread is drawn, too, so that others do not move."""
    generator = np.random.default_rng(SEED)
    uniform = {name: generator.random(DRAWS) for name in BY_NAME}
    return {name: _triangular(uniform[name], triple) for name, triple in assumed.items()}


def _triangular(uniform: Draws, triple: Triple) -> Draws:
    """Inverse of the triangular distribution function; https://en.wikipedia.org/wiki/Triangular_distribution."""
    low, mode, high = triple.low, triple.likely, triple.high
    if high == low:
        return np.full_like(uniform, low)
    turn = (mode - low) / (high - low)
    rising = low + np.sqrt(uniform * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - uniform) * (high - low) * (high - mode))
    return np.where(uniform < turn, rising, falling)


def _break_even(likely: Mapping[str, Draws], name: str) -> float | None:
    """The net value of the likely year grows in a straight line with the share `name`: where the line meets nothing."""

    def at(share: float) -> float:
        return float(annual({**likely, name: np.array(share)}))

    none, whole = at(0), at(100)
    if none >= 0:
        return 0.0
    return None if whole < 0 else -100 * none / (whole - none)


def _present_value(year: float, price: float, rate_percent: float) -> float:
    rate = 1 + rate_percent / 100
    return sum(year / rate**number for number in range(1, YEARS + 1)) - price


def _swings(assumed: Assumed) -> tuple[Swing, ...]:
    likely = {name: np.array(triple.likely) for name, triple in assumed.items()}
    found = []
    for name, triple in assumed.items():
        if triple.low < triple.high and name not in ("price", "discount"):
            low, high = (
                float(annual({**likely, name: np.array(end)})) for end in (triple.low, triple.high)
            )
            found.append(Swing(BY_NAME[name].label, low, high))
    return tuple(sorted(found, key=lambda swing: -swing.width))
