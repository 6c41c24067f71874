"""What a metric is: one declared object with its definition, its rows and its target. Page, API, CSV and print read it.

A metric is counted from rows: each has a team, a unit, a numerator and a denominator. The figure of the company, of a unit and of a
team is the same sum over fewer rows, so the parts always add up (docs/metrics.md, "How a figure is made").
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from marketplace.core.templatetags.formatting import number
from marketplace.insights.metrics.scope import Scope

BASE = 3  # fewer than this is no base for a percentage or a mean
TOO_FEW = f"base < {BASE}"
NOTHING = "nothing to count"
Fact = str | int | float | None


@dataclass(frozen=True)
class Row:
    """What one thing adds to a metric. `facts` are the cells of Metric.columns; `url` is an address of the portal or ""."""

    label: str
    team: str
    unit: str
    numerator: int
    denominator: int = 0
    url: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A metric over some rows. `value` is None where it would mislead; `reason` then says why. `details`: plain JSON values."""

    numerator: int
    denominator: int | None
    value: float | None
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """How a figure stands to its target: `state` is a key of TONES, `text` what people read."""

    state: str
    text: str


# state of a verdict → (tone, icon) of the component verdict.html
TONES = {
    "met": ("good", "check-circle"),
    "missed": ("bad", "x-circle"),
    "behind": ("warn", "exclamation-triangle"),
    "rising": ("good", "arrow-trending-up"),
    "falling": ("warn", "arrow-trending-down"),
    "steady": ("neutral", "minus"),
    "none": ("neutral", "minus-circle"),
}
UNITS = {"percent": " %", "days": " days", "minutes": " min", "count": "", "calls": ""}
VERDICTS = [(state, state) for state in TONES]
Summary = Callable[[Sequence[Row]], Figure]
Judge = Callable[[Figure, Figure | None, Scope], Verdict]


def no_details(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    return {}


def nothing_drawn(rows: Sequence[Row]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Metric:
    """One success metric.

    name                 in addresses; title: on pages.
    definition_version   grows with each change of what is counted; past quarters keep theirs.
    numerator            in words; denominator: "" where nothing is divided.
    unit                 "count", "percent", "days", "calls" or "minutes" of the value.
    columns              what the facts of a row are.
    drawn                what drawings and short lists show of the rows, at most a few hundred plain JSON values: pages read these
                         instead of sorting all rows.
    """

    name: str
    title: str
    definition: str
    definition_version: str
    numerator: str
    denominator: str
    unit: str
    target: str
    columns: tuple[str, ...]
    rows: Callable[[Scope], list[Row]]
    summary: Summary
    judge: Judge
    details: Callable[[Scope, Sequence[Row]], dict[str, Any]] = no_details
    drawn: Callable[[Sequence[Row]], dict[str, Any]] = nothing_drawn

    def figure(self, scope: Scope, rows: Sequence[Row]) -> Figure:
        """The Figure over all rows, with its details."""
        whole = self.summary(rows)
        details = whole.details | self.details(scope, rows)
        return Figure(whole.numerator, whole.denominator, whole.value, whole.reason, details)

    def split(self, rows: Sequence[Row], by: str) -> dict[str, Figure]:
        """{name of a unit or team: the Figure over its rows}; `by` is "unit" or "team". Rows of nobody are under ""."""
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            parts[getattr(row, by)].append(row)
        return {name: self.summary(parts[name]) for name in sorted(parts)}


# ── How rows become a figure ──────────────────────────────────────────────


def count(rows: Sequence[Row]) -> Figure:
    """The sum of the numerators."""
    total = sum(row.numerator for row in rows)
    return Figure(total, None, float(total))


def share(rows: Sequence[Row]) -> Figure:
    """100 × numerators ÷ denominators, in percent."""
    above, below = _sums(rows)
    if reason := _too_small(below):
        return Figure(above, below, None, reason)
    return Figure(above, below, 100 * above / below)


def mean(rows: Sequence[Row]) -> Figure:
    """Numerators ÷ denominators."""
    above, below = _sums(rows)
    if reason := _too_small(below):
        return Figure(above, below, None, reason)
    return Figure(above, below, above / below)


def counted_of(rows: Sequence[Row]) -> Figure:
    """The sum of the numerators as the value, beside how many there could be."""
    above, below = _sums(rows)
    return Figure(above, below, float(above))


def _sums(rows: Sequence[Row]) -> tuple[int, int]:
    return sum(row.numerator for row in rows), sum(row.denominator for row in rows)


def _too_small(base: int) -> str:
    return NOTHING if base == 0 else TOO_FEW if base < BASE else ""


# ── How a figure stands to its target ─────────────────────────────────────


@dataclass(frozen=True)
class Trend:
    """Against the quarter before, in its unit. What `still_grows` until its quarter ends is not called falling before."""

    still_grows: bool = False
    unit: str = "count"

    def __call__(self, figure: Figure, before: Figure | None, scope: Scope) -> Verdict:
        if figure.value is None:
            return Verdict("none", figure.reason)
        if before is None or before.value is None:
            return Verdict("none", "No quarter before")
        was = written(before.value, self.unit)
        then = f"from {was} in {scope.quarter.previous}"
        if figure.value > before.value:
            return Verdict("rising", f"Rising {then}")
        if self.still_grows and not scope.is_over:
            return Verdict("none", f"Quarter is open; {was} before")
        if figure.value < before.value:
            return Verdict("falling", f"Falling {then}")
        return Verdict("steady", f"Steady {then}")


@dataclass(frozen=True)
class NoTarget:
    """Only what was before, in its unit."""

    unit: str = "count"

    def __call__(self, figure: Figure, before: Figure | None, scope: Scope) -> Verdict:
        if figure.value is None:
            return Verdict("none", figure.reason)
        if before is None or before.value is None:
            return Verdict("none", "No target")
        return Verdict("none", f"{written(before.value, self.unit)} in {scope.quarter.previous}")


@dataclass(frozen=True)
class AtLeast:
    """So many, of which people read `noun` ("model,models"), within so many months after the first publication.

    What `still_grows` until its quarter ends is behind before, not missed.
    """

    number: int
    noun: str
    months: int = 0
    still_grows: bool = False

    def __call__(self, figure: Figure, before: Figure | None, scope: Scope) -> Verdict:
        short = self.number - int(figure.value or 0)
        return _short_of(short, self, scope)


@dataclass(frozen=True)
class AtLeastShare:
    """So many percent, with how many things of `noun` are missing to it."""

    percent: int
    noun: str
    months: int = 0
    still_grows: bool = False

    def __call__(self, figure: Figure, before: Figure | None, scope: Scope) -> Verdict:
        if figure.value is None:
            return Verdict("none", figure.reason)
        needed = -(-self.percent * (figure.denominator or 0) // 100)
        return _short_of(needed - figure.numerator, self, scope)


@dataclass(frozen=True)
class Above:
    """More than so many percent."""

    percent: int

    def __call__(self, figure: Figure, before: Figure | None, scope: Scope) -> Verdict:
        if figure.value is None:
            return Verdict("none", figure.reason)
        if figure.value > self.percent:
            return Verdict("met", "Met")
        return Verdict("missed", _missed_by(self.percent - figure.value, "point,points"))


@dataclass(frozen=True)
class Below:
    """Less than so much, in `noun` ("day,days")."""

    number: int
    noun: str

    def __call__(self, figure: Figure, before: Figure | None, scope: Scope) -> Verdict:
        if figure.value is None:
            return Verdict("none", figure.reason)
        if figure.value < self.number:
            return Verdict("met", "Met")
        return Verdict("missed", _missed_by(figure.value - self.number, self.noun))


def _short_of(short: int, target: AtLeast | AtLeastShare, scope: Scope) -> Verdict:
    """Met; behind while there is time, or while the quarter runs and the figure still grows; else missed."""
    if short <= 0:
        return Verdict("met", "Met")
    what = f"{short} {_noun(short, target.noun)}"
    begun, months = scope.launched_on, target.months
    has_time = months and (begun is None or _months_since(begun, scope) < months)
    if has_time or (target.still_grows and not scope.is_over):
        return Verdict("behind", f"Behind by {what}")
    return Verdict("missed", f"Missed by {what}")


def _missed_by(amount: float, noun: str) -> str:
    """With one decimal; a target that is met only beyond its number is just missed at it."""
    rounded = round(amount, 1)
    return f"Missed by {_written(rounded)} {_noun(rounded, noun)}" if rounded else "Just missed"


def _months_since(day: date, scope: Scope) -> int:
    end = scope.last_day
    return (end.year - day.year) * 12 + end.month - day.month - (end.day < day.day)


def _written(value: float) -> str:
    """Whole numbers with separators, others with one decimal."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def written(value: float, unit: str) -> str:
    """A value in words: whole numbers plain, others with one decimal."""
    text = number(round(value)) if float(value).is_integer() else f"{value:,.1f}"
    text = text.replace("-", "−")
    if unit == "days" and value == 1:
        return "1 day"
    return f"{text}{UNITS[unit]}"


def _noun(number: float, noun: str) -> str:
    one, _, many = noun.partition(",")
    return one if number == 1 else many
