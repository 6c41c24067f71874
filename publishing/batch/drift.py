"""How far uploaded rows are from what a version learnt from: the population stability index of each input (docs/batch-evaluation.md, "Drift"). Pure."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from governance.behaviour import stability
from publishing.batch.spread import Spread, text_of

LEAST_ROWS = 50  # fewer tell more about chance than about the population


class Observed:
    """The values of one input in the uploaded rows, counted by the parts of its Spread."""

    def __init__(self, spread: Spread) -> None:
        self.spread = spread
        self.counts = np.zeros(len(spread.shares or spread.edges) + 1)

    def add(self, values: Iterable[Any]) -> None:
        """Count what is there; None is no value."""
        there = [value for value in values if value is not None]
        if self.spread.shares:
            places = {value: place for place, value in enumerate(self.spread.shares)}
            found = [places.get(text_of(value), len(places)) for value in there]
        else:
            numbers = np.array([value for value in there if _is_number(value)], float)
            found = np.searchsorted(self.spread.edges, numbers, side="left").tolist()
        self.counts += np.bincount(np.array(found, int), minlength=len(self.counts))

    @property
    def index(self) -> float | None:
        """The population stability index against training; None of too few rows."""
        total = self.counts.sum()
        if total < LEAST_ROWS:
            return None
        return stability(np.array(self._expected()) * total, self.counts)

    def _expected(self) -> list[float]:
        if self.spread.shares:
            return [*self.spread.shares.values(), max(0.0, 1 - sum(self.spread.shares.values()))]
        return np.diff([0.0, *self.spread.below, 1.0]).tolist()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number)
