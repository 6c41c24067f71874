"""How the values of each input were spread in training, as a version's card says it (docs/batch-evaluation.md, "Drift").

A line an input (field data.training.spread): nine deciles of a number, "income: 1210 | 2380 | …", or the shares of its values,
"employment: salaried 62 %, self-employed 38 %". Pure.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FIELD = "data.training.spread"
MOST_SHARES = 20  # values of an input that are told apart; the others are one
SHARE = re.compile(r"(.+?)\s+(\d+(?:\.\d+)?) ?%")
PARTS = 10
BETWEEN = " | "  # with spaces alone, a row of four-digit numbers is now and then a valid payment card to the check for personal data


@dataclass(frozen=True)
class Spread:
    """Of an input in training. edges: of a number, rising; below: the share of rows at or below each. shares: of other values."""

    edges: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)


def spreads_of(card: dict[str, Any]) -> dict[str, Spread]:
    """{input: its Spread} of the lines that can be read."""
    lines = card.get(FIELD)
    if not isinstance(lines, list):
        return {}
    return dict(filter(None, (read_line(line) for line in lines if isinstance(line, str))))


def read_line(line: str) -> tuple[str, Spread] | None:
    """(input, Spread) of one line; None where it is none."""
    name, sign, rest = line.partition(":")
    if not sign or not rest.strip():
        return None
    shares = [SHARE.fullmatch(part.strip()) for part in rest.split(", ")]
    if all(shares):
        return name.strip(), Spread(shares={one[1]: float(one[2]) / 100 for one in shares if one})
    try:
        quantiles = sorted(float(part) for part in rest.replace("|", " ").split())
    except ValueError:
        return None
    if not all(map(math.isfinite, quantiles)):
        return None
    below = {edge: place / (len(quantiles) + 1) for place, edge in enumerate(quantiles, 1)}
    if len(below) > 1 and quantiles[-1] == quantiles[-2]:
        del below[quantiles[-1]]  # how many rows lie above it is not known
    return name.strip(), Spread(tuple(below), tuple(below.values()))


def written(name: str, values: "Sequence[Any] | np.ndarray[Any, Any]") -> str:
    """The line of an input whose values in training were these."""
    column = np.asarray(values)
    if column.dtype.kind in "iuf" and len(np.unique(column)) > MOST_SHARES:
        deciles = np.quantile(column, np.arange(1, PARTS) / PARTS, method="lower")
        return f"{name}: {BETWEEN.join(f'{float(edge):.6g}' for edge in deciles)}"
    counts = Counter(map(text_of, column.tolist())).most_common(MOST_SHARES)
    return f"{name}: {', '.join(f'{value} {100 * count / len(column):.1f} %' for value, count in counts)}"


def text_of(value: Any) -> str:
    """As a line has it: true and false in small letters, numbers with six digits."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, int | float | np.number) else str(value)
