"""Whether figures with intervals really differ (docs/comparison.md, "When a difference counts"). Pure.

The interval of a difference comes from the two 95 % intervals by MOVER (Zou and Donner 2008, "Construction of confidence limits
about effect measures", Statistics in Medicine 27:1693). It takes the two for independent. Measured on the same rows they rise and
fall together, so a paired interval would be narrower: what counts here counts there too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959964
LEVEL = 0.05


@dataclass(frozen=True)
class Measured:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """`value` is this one less the other; counts: the interval excludes zero, also after Holm's correction."""

    value: float
    low: float
    high: float
    counts: bool


def difference(one: Measured, other: Measured) -> tuple[float, float, float]:
    """(difference, lower end, upper end) of two figures, by MOVER."""
    apart = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return apart, apart - below, apart + above


def chance(one: Measured, other: Measured) -> float:
    """How likely so large a difference is when there is none: two-sided, from the side of the interval that faces zero."""
    apart, low, high = difference(one, other)
    side = apart - low if apart > 0 else high - apart
    if not side:
        return 0.0 if apart else 1.0
    return math.erfc(abs(apart) / side * Z_95 / math.sqrt(2))


def against(reference: Measured, others: Sequence[Measured]) -> list[Difference]:
    """The differences of the others to the reference; Holm's step-down keeps the chance of any false one at LEVEL."""
    chances = [chance(one, reference) for one in others]
    counted = _holm(chances)
    return [
        Difference(*difference(one, reference), is_counted)
        for one, is_counted in zip(others, counted, strict=True)
    ]


def _holm(chances: Sequence[float]) -> list[bool]:
    order = sorted(range(len(chances)), key=chances.__getitem__)
    counted = [False] * len(chances)
    for place, index in enumerate(order):
        if chances[index] >= LEVEL / (len(chances) - place):
            break
        counted[index] = True
    return counted


def best_of(figures: Sequence[Measured | None], lower_is_better: bool) -> int | None:
    """The place of the figure that is better than every other one, where each of these differences counts; else None."""
    measured = [(place, one) for place, one in enumerate(figures) if one is not None]
    if len(measured) < 2:
        return None
    sign = 1 if lower_is_better else -1
    place, best = min(measured, key=lambda pair: sign * pair[1].value)
    others = [one for index, one in measured if index != place]
    return place if all(one.counts for one in against(best, others)) else None
