"""Where the bars of the value page stand: percentages of the width, pixels of the height. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marketplace.core import plots
from marketplace.insights.ledger.headline import QuarterSum, Range, UnitSum

HEIGHT, CAPTION = 120, 34  # pixels of the quarters' bars, and of the words below them
THOUSAND = 1000
EMPTY_TOP = 100 * THOUSAND  # of the axis of a year without lines


@dataclass(frozen=True)
class RangeBar:
    """The counted amount as a part of the highest, and where the likely one stands, percent."""

    low: float
    mid: float

    @property
    def anchor(self) -> str:
        return "end" if self.mid > 20 else "start"


@dataclass(frozen=True)
class QuarterBar:
    """A quarter's bar, its whisker, and the rows of its words. `label` is thousand USD."""

    quarter: QuarterSum
    x: float
    middle: float
    width: float
    y: float
    height: float
    mid_y: float
    high_y: float
    label: str

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def label_y(self) -> float:
        return min(self.y + 10, HEIGHT - 4)

    @property
    def caption(self) -> str:
        """What is said below it: nothing where nothing was posted."""
        return self.quarter.state if self.quarter.lines or self.quarter.state == "signed" else ""


@dataclass(frozen=True)
class UnitBar:
    """A unit's bar and its whisker, percent."""

    unit: UnitSum
    low: float
    high: float
    label: str
    note: str


@dataclass(frozen=True)
class Quarters:
    """The drawing of a year's quarters."""

    bars: list[QuarterBar]
    ticks: list[tuple[float, str]]
    zero: float


def range_bar(avoided: Range) -> RangeBar | None:
    """None where nothing, or less than nothing, is counted."""
    if avoided.low < 0 or avoided.high <= 0:
        return None
    return RangeBar(_percent(avoided.low, avoided.high), _percent(avoided.mid, avoided.high))


def quarter_bars(quarters: Sequence[QuarterSum]) -> Quarters:
    """Bars from zero to what counts, with a whisker to the highest; a quarter may be less than nothing."""
    ends = [float(value) for q in quarters for value in (q.avoided.low, q.avoided.high)]
    marks = plots.nice_range([0, *(ends if any(ends) else [EMPTY_TOP])], 3)
    bottom, top = marks[0], marks[-1] if marks[-1] > marks[0] else marks[0] + 1

    def y(value: float | Decimal) -> float:
        return round(HEIGHT * (top - float(value)) / (top - bottom), 1)

    slot = 100 / max(len(quarters), 1)
    bars = [
        QuarterBar(
            quarter,
            x=slot * (place + 0.28),
            middle=slot * (place + 0.5),
            width=slot * 0.44,
            y=min(y(quarter.avoided.low), y(0)),
            height=abs(y(quarter.avoided.low) - y(0)),
            mid_y=y(quarter.avoided.mid),
            high_y=min(y(quarter.avoided.high), y(quarter.avoided.low), y(0)),
            label=in_thousands(quarter.avoided.low),
        )
        for place, quarter in enumerate(quarters)
    ]
    return Quarters(bars, [(y(mark), f"{mark / THOUSAND:,.0f}") for mark in marks], y(0))


def unit_bars(units: Sequence[UnitSum]) -> list[UnitBar]:
    """Bars of the units that count something, on the scale of the highest."""
    top = max((unit.avoided.high for unit in units), default=Decimal()) or Decimal(1)
    return [
        UnitBar(
            unit,
            low=max(0.0, _percent(unit.avoided.low, top)),
            high=max(0.0, _percent(unit.avoided.high, top)),
            label="" if unit.note == "posted, then reversed" else in_thousands(unit.avoided.low),
            note=unit.note or f"to {in_thousands(unit.avoided.high)}",
        )
        for unit in units
    ]


def in_thousands(amount: Decimal) -> str:
    """ "131.0" for 131,000; "0" for nothing."""
    if not amount:
        return "0"
    text = f"{abs(amount) / THOUSAND:,.1f}"
    return f"−{text}" if amount < 0 else text


def _percent(part: Decimal, whole: Decimal) -> float:
    return round(float(100 * part / whole), 2)
