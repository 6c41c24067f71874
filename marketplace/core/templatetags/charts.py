"""Charts drawn by the server as SVG, each with a name, a sentence and its numbers as a table.

    {% load charts %}
    {% sparkline model.calls_14d label="Calls in the last 14 days" %}
    {% line_chart "Response time" labels series unit="ms" threshold=300 %}
    {% stacked_bars "Calls by outcome" labels series unit="calls" %}
    {% bar_chart "Calls a day" labels values unit="calls" %}
    {% stem_chart "True minus answered" labels series unit="USD" axis="by tenth of the answers" %}
    {% curve_chart "Verified income" positions series unit="USD" here=8 %}
    {% interval_chart "ROC AUC" spans name="sex" reference=0.71 said="All rows" %}

`labels` is a list of texts, one per position; `series` a list of plots.Series, or of numbers for a single line.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import template
from django.utils.text import slugify

from marketplace.core import plots
from marketplace.core.plots import Bar, Label, Number, Series, Span, Values
from marketplace.core.templatetags.formatting import compact, figure, number

register = template.Library()

HEIGHT = 190
ROW = 34  # pixels of one interval: its text, and the dot below it
PathOf = Callable[[Values, float, float], str]


@dataclass(frozen=True)
class Line(Series):
    """A series with the paths of its line and of the area below it; no area where lines would cover each other."""

    line: str = ""
    area: str = ""


@dataclass(frozen=True)
class Bars(Series):
    """A series with its bars."""

    bars: Sequence[Bar] = ()


@dataclass(frozen=True)
class Stem:
    """One value on its stem: percentage of the width, pixel row of its dot."""

    x: float
    y: float


@dataclass(frozen=True)
class Stems(Series):
    """A series with its stems."""

    stems: Sequence[Stem] = ()


@dataclass(frozen=True)
class Limit:
    """A dashed horizontal line: its value, and the pixel row."""

    value: Number
    y: float


@dataclass(frozen=True)
class TickText:
    """A grid line with the text beside it, pixel rows."""

    y: float
    text_y: float
    text: str


@dataclass(frozen=True)
class Here:
    """The marked point of a curve: percentage, pixel row, and its words, which stand on the side that has room."""

    x: float
    y: float
    text: str

    @property
    def anchor(self) -> str:
        return "end" if self.x > 60 else "start"

    @property
    def text_x(self) -> float:
        return self.x - 1.2 if self.x > 60 else self.x + 1.2


@register.inclusion_tag("components/charts/sparkline.html")
def sparkline(values: Values | None, label: str = "Trend") -> dict[str, Any]:
    """A word-sized area line. `values` are numbers; None is drawn as 0."""
    drawn = [v or 0 for v in values or []]
    top = plots.nice_ceiling(max(drawn, default=0))
    return {
        "line": plots.line_path(drawn, top, 30),
        "area": plots.area_path(drawn, top, 30),
        "label": f"{label}: {_range(drawn)}",
    }


@register.inclusion_tag("components/charts/line.html")
def line_chart(
    title: str,
    labels: Iterable[str],
    series: Sequence[Series] | Values,
    unit: str = "",
    threshold: Number | None = None,
    height: int = HEIGHT,
    steps: bool = False,
    here: Number | None = None,
    said: str = "",
    axis: str = "",
) -> dict[str, Any]:
    """Lines over time. `threshold` draws a dashed limit in the same unit, named in the legend; `steps` for what jumps.

    `here` draws an upright line at that part of the width (0 to 1), which `said` names; `axis` says what the labels are.
    """
    named = _named(series, title)
    top = _top([*_flat(named), threshold or 0])
    path = plots.step_path if steps else plots.line_path
    drawn = [_drawn_line(s, top, height, len(named) == 1, path) for s in named]
    limit = None if threshold is None else Limit(threshold, height * (1 - threshold / top))
    return _chart_context(title, labels, named, unit, top, height) | {
        "drawn": drawn,
        "limit": limit,
        "here": None if here is None else round(100 * here, 2),
        "here_anchor": "start" if here is not None and here < 0.5 else "end",
        "here_gap": 6 if here is not None and here < 0.5 else -6,
        "said": said,
        "axis": axis,
    }


@register.inclusion_tag("components/charts/stems.html")
def stem_chart(
    title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "", axis: str = ""
) -> dict[str, Any]:
    """Values on stems around zero, those of several series beside each other. `axis` says what the labels are."""
    named = _named(series, title)
    marks = plots.nice_range([0, *_flat(named)], 4)
    low, high = marks[0], marks[-1]

    def y(value: Number) -> float:
        return round(HEIGHT * (high - value) / (high - low), 1)

    slot = 100 / max(len(labels), 1)
    drawn = [
        Stems(
            s.name,
            s.values,
            s.tone,
            [
                Stem(slot * (at + (place + 1) / (len(named) + 1)), y(value))
                for at, value in enumerate(s.values)
                if value is not None
            ],
        )
        for place, s in enumerate(named)
    ]
    return _chart_context(title, labels, named, unit, high, HEIGHT) | {
        "full_height": HEIGHT + 38,
        "drawn": drawn,
        "zero": y(0),
        "ticks": [TickText(y(mark), y(mark) + 4, _signed(mark)) for mark in marks],
        "labels": [Label(text, slot * (at + 0.5), "middle") for at, text in enumerate(labels)],
        "axis": axis,
        "axis_y": HEIGHT + 34,
    }


def _signed(value: float) -> str:
    return f"+{compact(value)}" if value > 0 else str(compact(value)).replace("-", "−")


@register.inclusion_tag("components/charts/bars.html")
def stacked_bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series] | Values,
    unit: str = "",
    height: int = HEIGHT,
) -> dict[str, Any]:
    """Bars whose parts add up, one part per series."""
    named = _named(series, title)
    values = [s.values for s in named]
    top = _top(plots.totals(values))
    layers = plots.stack(values, labels, top, height)
    drawn = [Bars(s.name, s.values, s.tone, bars) for s, bars in zip(named, layers, strict=True)]
    return _chart_context(title, labels, named, unit, top, height) | {"drawn": drawn}


@register.inclusion_tag("components/charts/bars.html")
def bar_chart(
    title: str, labels: Sequence[str], values: Values, unit: str = "", height: int = HEIGHT
) -> dict[str, Any]:
    """Plain bars: `stacked_bars` with one series."""
    context: dict[str, Any] = stacked_bars(title, labels, [Series(title, values)], unit, height)
    return context


@register.inclusion_tag("components/charts/curve.html")
def curve_chart(
    title: str,
    positions: Sequence[Number],
    series: Sequence[Series],
    unit: str = "",
    here: int | None = None,
    height: int = 240,
) -> dict[str, Any]:
    """Lines over an axis of numbers: a value of each series at each position. `here` marks one of the positions, by its place.

    The vertical axis begins near the smallest value, since what counts is how the lines move.
    """
    marks = plots.nice_range(_flat(list(series)), 4)
    up, across = (marks[0], marks[-1]), (positions[0], positions[-1])
    at = None if here is None or not series else series[0].values[here]
    return {
        "title": title,
        "unit": unit,
        "key": f"chart-{slugify(title)}",
        "series": series,
        "drawn": [
            Line(
                s.name, s.values, s.tone, plots.curve_path(positions, s.values, across, up, height)
            )
            for s in series
        ],
        "height": height,
        "full_height": height + 22,
        "label_y": height + 17,
        "ticks": [
            TickText(y := height * (up[1] - mark) / (up[1] - up[0]), y + 4, figure(mark))
            for mark in marks
        ],
        "labels": [
            _mark(across[0] + (across[1] - across[0]) * part / 4, *across) for part in range(5)
        ],
        "here": None
        if at is None or here is None
        else Here(
            100 * (positions[here] - across[0]) / (across[1] - across[0]),
            height * (up[1] - at) / (up[1] - up[0]),
            f"{figure(at)} at {figure(positions[here])}",
        ),
        "summary": "; ".join(
            f"{s.name} {_range([v for v in s.values if v is not None])}" for s in series
        ),
        "rows": [
            (position, [s.values[place] for s in series])
            for place, position in enumerate(positions)
        ],
    }


@register.inclusion_tag("components/charts/intervals.html")
def interval_chart(
    title: str,
    spans: Sequence[Span],
    name: str = "",
    reference: Number | None = None,
    said: str = "",
    row: int = ROW,
    plain: bool = False,
    between: str = "",
) -> dict[str, Any]:
    """A dot and its interval for each plots.Span, below each other. `name` tells charts of one title apart.

    `reference` draws a dashed line that `said` names; `plain`: single values, which have no interval.
    `between`: what the intervals are, in words, where they are not 95 % intervals over rows; they are then written instead of the values.
    """
    ends = [end for s in spans for end in (s.value, s.low, s.high) if end is not None]
    marks = plots.nice_range(ends if reference is None else [*ends, reference])
    left, right = marks[0], marks[-1]
    height = row * len(spans) + 4
    return {
        "title": title,
        "plain": plain,
        "between": between,
        "key": f"chart-{slugify(f'{title} {name}')}",
        "spans": spans,
        "whiskers": plots.whiskers(spans, left, right, row),
        "marks": [_mark(mark, left, right) for mark in marks],
        "height": height,
        "full_height": height + 22,
        "label_y": height + 17,
        "reference": reference,
        "reference_x": None if reference is None else 100 * (reference - left) / (right - left),
        "said": said,
        "summary": "; ".join(f"{s.label} {figure(s.value)}" for s in spans) or "no data yet",
    }


def _mark(value: float, left: float, right: float) -> Label:
    anchor = {left: "start", right: "end"}.get(value, "middle")
    return Label(figure(value), 100 * (value - left) / (right - left), anchor)


def _named(series: Sequence[Series] | Values, title: str) -> list[Series]:
    """Accept bare numbers as one series; give every series a tone."""
    given = [s for s in series if isinstance(s, Series)]
    if series and not given:
        given = [Series(title, [v for v in series if not isinstance(v, Series)])]
    return [replace(s, tone=s.tone or str(place % 5 + 1)) for place, s in enumerate(given)]


def _drawn_line(series: Series, top: float, height: float, filled: bool, path: PathOf) -> Line:
    whole = filled and None not in series.values
    area = plots.area_path(series.values, top, height, path) if whole else ""
    return Line(series.name, series.values, series.tone, path(series.values, top, height), area)


def _chart_context(
    title: str,
    labels: Iterable[str],
    series: list[Series],
    unit: str,
    top: float,
    height: int,
) -> dict[str, Any]:
    """The context that all chart templates share."""
    labels = list(labels)
    return {
        "title": title,
        "unit": unit,
        "key": f"chart-{slugify(title)}",
        "height": height,
        "full_height": height + 22,
        "label_y": height + 17,
        "series": series,
        "labels": plots.axis_labels(labels),
        "ticks": [TickText(t.y, t.y + 4, compact(t.value)) for t in plots.ticks(top, height)],
        "summary": f"{_range(_flat(series))} {unit}".strip(),
        "rows": [(label, [s.values[place] for s in series]) for place, label in enumerate(labels)],
    }


def _top(values: Sequence[Number]) -> float:
    """The top of the vertical axis: at least 4 for whole numbers, so that the grid never splits one call."""
    least = 4 if all(float(v).is_integer() for v in values) else 0
    return plots.nice_ceiling(max([*values, least], default=least))


def _flat(series: list[Series]) -> list[Number]:
    return [v for s in series for v in s.values if v is not None]


def _range(values: Sequence[Number]) -> str:
    if not values:
        return "no data yet"
    return f"from {number(min(values))} to {number(max(values))}, latest {number(values[-1])}"
