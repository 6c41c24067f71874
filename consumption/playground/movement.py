"""Moving one input while everything else stays: which values are asked, and what the answers say. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from consumption.playground import answers, rows
from consumption.playground.answers import is_number
from consumption.playground.choices import Choice
from consumption.playground.fields import InputField, Mistyped
from consumption.playground.history import Run
from hosting.model_server import datatypes
from marketplace.core.plots import Series, Span
from marketplace.core.templatetags.formatting import figure

POINTS = 21
EVENLY = 1.5  # the steepest step is at most so many times the mean one


@dataclass(frozen=True)
class Movement:
    """How answers follow one input. `points` are its values, as texts; `series` has a value for each, None for a gap.

    here  which point is nearest to the row's own value; None where it has none.
    """

    field: InputField
    output: str
    unit: str
    points: list[str]
    series: list[Series]
    here: int | None

    @property
    def positions(self) -> list[float]:
        """The points as numbers; empty of an input without order."""
        return (
            [float(point) for point in self.points]
            if self.field.is_number and not self.field.choices
            else []
        )

    @property
    def title(self) -> str:
        return f"{self.output} by {self.field.name}"

    @property
    def charts(self) -> list[tuple[str, list[Span]]]:
        """Of an input without order: a dot for each value, one chart for each version."""
        labels = dict(self.field.choices)
        return [
            (
                f"{self.title}, {one.name}",
                [
                    Span(labels.get(point, point), value)
                    for point, value in zip(self.points, one.values, strict=True)
                    if value is not None
                ],
            )
            for one in self.series
        ]

    @property
    def sentence(self) -> str:
        """What the first version's answer does, from the answers themselves."""
        values = self.series[0].values
        steps = [abs(b - a) if a is not None and b is not None else 0 for a, b in pairwise(values)]
        if not any(steps):
            return f"{self.series[0].name}: the answer does not change."
        steepest = max(range(len(steps)), key=steps.__getitem__)
        if self.positions and steps[steepest] <= EVENLY * sum(steps) / len(steps):
            return f"{self.series[0].name}: the answer changes evenly."
        low, high = self.points[steepest : steepest + 2]
        if self.positions:
            low, high = figure(float(low)), figure(float(high))
        return f"{self.series[0].name}: the answer changes most between {low} and {high}."


def points(field: InputField, text: str) -> list[str]:
    """The values to ask: all of few, else POINTS over the allowed range and its own; where none is declared, around the value that `text` has."""
    if field.choices:
        return [value for value, _ in field.choices][:POINTS]
    low, high = field.limits or _around(field, text)
    steps = [low + (high - low) * step / (POINTS - 1) for step in range(POINTS)]
    if field.column.datatype in datatypes.INTEGERS:
        steps = sorted({round(step) for step in steps})
    texts = [field.text_of(step) for step in steps]
    try:
        own = field.value_of(text)
    except Mistyped:
        own = None
    if own is not None and low <= own <= high and field.text_of(own) not in texts:
        texts.append(field.text_of(own))  # so that the curve goes through the answer to the row
    return sorted(texts, key=float)


def nearest(field: InputField, text: str, asked: Sequence[str]) -> int | None:
    """The place of the point that is nearest to what was typed."""
    if field.choices:
        return list(asked).index(text) if text in asked else None
    try:
        value = field.value_of(text)
    except Mistyped:
        return None
    if value is None:
        return None
    return min(range(len(asked)), key=lambda at: abs(float(asked[at]) - value))


def of_run(run: Run, choices: Sequence[Choice]) -> Movement | None:
    """The Movement that a run found; None when no version answered with numbers, or its input is no longer asked for."""
    by_key = {choice.key: choice for choice in choices}
    fields = (one for choice in choices for one in rows.fields_of(choice.version.signature))
    moved = next((one for one in fields if one.name == run.moved), None)
    series, name, unit = [], "", ""
    for side in run.sides:
        choice = by_key.get(side.version)
        outputs = answers.outputs_of(choice.version.signature, side.document) if choice else []
        main = answers.main_output(outputs)
        if choice is None or main is None or not main.is_number:
            continue
        name, unit = name or main.name, unit or main.unit
        values = {
            point: value
            for point, value in zip(side.sent, main.values, strict=False)
            if is_number(value)
        }
        if side.sent == [0]:  # asked once, since it has no such input: its answer is level
            values = dict.fromkeys(range(len(run.points)), main.values[0])
        series.append(
            Series(choice.label, [values.get(at) for at in range(len(run.points))], choice.tone)
        )
    if moved is None or not series:
        return None
    here = nearest(moved, run.rows[0].get(run.moved, ""), run.points)
    return Movement(moved, name, unit, run.points, series, here)


def _around(field: InputField, text: str) -> tuple[float, float]:
    try:
        value = field.value_of(text)
    except Mistyped:
        value = None
    low, high = field.column.minimum, field.column.maximum
    middle = float(value if value is not None else low if low is not None else high or 0)
    apart = abs(middle) / 2 or 1.0
    first = middle - apart if low is None else max(low, middle - apart)
    last = middle + apart if high is None else min(high, middle + apart)
    return (first, last) if first < last else (first, first + 1)
