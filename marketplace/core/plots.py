"""Geometry of the server-drawn charts: numbers in, SVG coordinates out. Knows no Django and no HTML.

Horizontal positions are percentages of the drawing's width (0..100), so a chart stretches without
distorting its text. Vertical positions are pixels of a fixed height, 0 at the top.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Number = int | float
Values = Sequence[Number | None]


@dataclass(frozen=True)
class Series:
    """What one line or one part of the bars shows: a number for each label, None for a gap.

    tone  "1" to "5", good, warn, bad or neutral; "" is chosen by the place in the chart.
    """

    name: str
    values: Values
    tone: str = ""


@dataclass(frozen=True)
class Span:
    """A measured value with its interval, None where there is none; n: over how many rows."""

    label: str
    value: Number
    low: Number | None = None
    high: Number | None = None
    n: int = 0


@dataclass(frozen=True)
class Whisker:
    """One span as drawn: percentages of its dot and of the ends of its line, and the pixel rows of text and dot."""

    span: Span
    x: float
    left: float
    right: float
    text_y: float
    y: float


@dataclass(frozen=True)
class Tick:
    """One horizontal grid line: its value and its pixel row."""

    value: float
    y: float


@dataclass(frozen=True)
class Label:
    """One caption on the horizontal axis: text, percentage and the side it hangs on."""

    text: str
    x: float
    anchor: str


@dataclass(frozen=True)
class Bar:
    """One rectangle: percentage left and width, pixel top and height, and what it shows."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: Number


def nice_ceiling(value: Number) -> float:
    """The next number not below `value` whose quarters are round too; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


def ticks(top: float, height: float, count: int = 4) -> list[Tick]:
    """`count` + 1 grid lines from 0 to `top`, drawn over `height` pixels."""
    return [Tick(top * i / count, height * (1 - i / count)) for i in range(count + 1)]


def nice_range(values: Sequence[Number], parts: int = 3) -> list[float]:
    """Round marks, in equal steps, the first not above and the last not below any of the values."""
    low, high = min(values, default=0), max(values, default=1)
    apart = (high - low) / parts or abs(high) / parts or 1.0
    power = 10.0 ** math.floor(math.log10(apart))
    step = next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= apart * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * place, 12) for place in range(first, max(last, first + 1) + 1)]


def whiskers(spans: Sequence[Span], left: float, right: float, row: float) -> list[Whisker]:
    """Spans below each other, each `row` pixels high: its text above its dot and line."""

    def place(value: Number) -> float:
        return 100 * (value - left) / (right - left)

    return [
        Whisker(
            span,
            place(span.value),
            place(span.value if span.low is None else span.low),
            place(span.value if span.high is None else span.high),
            row * number + 12,
            row * number + 24,
        )
        for number, span in enumerate(spans)
    ]


def points(values: Values, top: float, height: float) -> list[tuple[float, float] | None]:
    """Each value as (percentage, pixel); None stays None and becomes a gap in the line."""
    last = max(len(values) - 1, 1)
    return [
        None if v is None else (100 * i / last, height * (1 - v / top))
        for i, v in enumerate(values)
    ]


def line_path(values: Values, top: float, height: float) -> str:
    """SVG path of a line in a 100 × `height` box; a missing value lifts the pen."""
    path, pen_down = [], False
    for point in points(values, top, height):
        if point is None:
            pen_down = False
            continue
        path.append(f"{'L' if pen_down else 'M'}{point[0]:.2f} {point[1]:.2f}")
        pen_down = True
    return "".join(path)


def area_path(
    values: Values,
    top: float,
    height: float,
    line: Callable[[Values, float, float], str] = line_path,
) -> str:
    """Like `line`, closed along the base; missing values count as 0."""
    if not values:
        return ""
    return line([v or 0 for v in values], top, height) + f"L100 {height:.2f}L0 {height:.2f}Z"


def step_path(values: Values, top: float, height: float) -> str:
    """SVG path of a line that stays level over each value's share of the width; a missing value lifts the pen."""
    path, pen_down, share = [], False, 100 / max(len(values), 1)
    for i, value in enumerate(values):
        if value is not None:
            y = height * (1 - value / top)
            path.append(
                f"{'L' if pen_down else 'M'}{share * i:.2f} {y:.2f}L{share * (i + 1):.2f} {y:.2f}"
            )
        pen_down = value is not None
    return "".join(path)


def curve_path(
    positions: Sequence[Number],
    values: Values,
    across: tuple[Number, Number],
    up: tuple[Number, Number],
    height: float,
) -> str:
    """SVG path through (position, value) in a 100 × `height` box whose edges are `across` and `up`; a missing value lifts the pen."""
    path, pen_down = [], False
    for position, value in zip(positions, values, strict=True):
        if value is not None:
            x = 100 * (position - across[0]) / (across[1] - across[0])
            y = height * (up[1] - value) / (up[1] - up[0])
            path.append(f"{'L' if pen_down else 'M'}{x:.2f} {y:.2f}")
        pen_down = value is not None
    return "".join(path)


def axis_labels(labels: Sequence[str], most: int = 4) -> list[Label]:
    """At most `most` captions, evenly chosen, the first at the left edge and the last at the right."""
    if len(labels) < 2:
        return [Label(text, 50, "middle") for text in labels]
    steps = min(most, len(labels)) - 1
    chosen = [round(i * (len(labels) - 1) / steps) for i in range(steps + 1)]
    return [
        Label(labels[i], 100 * i / (len(labels) - 1), _anchor(n, steps))
        for n, i in enumerate(chosen)
    ]


def _anchor(position: int, last: int) -> str:
    if position == 0:
        return "start"
    return "end" if position == last else "middle"


def stack(
    series: Sequence[Values], labels: Sequence[str], top: float, height: float
) -> list[list[Bar]]:
    """Bars of each series, standing on the series before it. Returns one list of bars per series."""
    bases = [0.0] * len(labels)
    return [_layer(values, labels, bases, top, height) for values in series]


def _layer(
    values: Values, labels: Sequence[str], bases: list[float], top: float, height: float
) -> list[Bar]:
    slot, bars = 100 / max(len(labels), 1), []
    for i, value in enumerate(values):
        size = height * (value or 0) / top
        y = height - bases[i] - size
        bases[i] += size
        if value:
            bars.append(Bar(slot * (i + 0.12), y, slot * 0.76, size, labels[i], value))
    return bars


def totals(series: Sequence[Values]) -> list[Number]:
    """Sum of all series at each position."""
    return [sum(v or 0 for v in column) for column in zip(*series, strict=False)]
