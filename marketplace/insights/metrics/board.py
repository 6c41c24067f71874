"""Reads the kept figures for pages, API and downloads: never the events (docs/metrics.md, "Roll-ups")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import capfirst

from marketplace.core.errors import UnknownChoice
from marketplace.core.templatetags.formatting import number
from marketplace.insights.metrics import METRICS
from marketplace.insights.metrics.metric import TONES, Metric, written
from marketplace.insights.models import MetricRow, MetricValue
from marketplace.insights.quarters import Quarter

TREND = 8  # quarters that a trend shows


@dataclass(frozen=True)
class Judged:
    """A verdict as components/verdict.html draws it."""

    text: str
    tone: str
    icon: str


@dataclass(frozen=True)
class Part:
    """The figure of one business unit or team, in `unit` of the metric; its name is "" where the rows are nobody's."""

    unit: str
    name: str
    numerator: int
    denominator: int | None
    value: float | None
    reason: str

    @property
    def now(self) -> str:
        return written(self.value, self.unit) if self.value is not None else f"n/a ({self.reason})"


@dataclass(frozen=True)
class Line:
    """One metric in one quarter, and its values in the quarters up to it, oldest first."""

    metric: Metric
    value: MetricValue
    trend: list[MetricValue]

    @property
    def quarter(self) -> Quarter:
        return Quarter(self.value.quarter)

    @property
    def now(self) -> str:
        """The value in words; n/a where it would mislead, and the verdict says why."""
        if self.value.value is None:
            return "n/a"
        return written(self.value.value, self.metric.unit)

    @property
    def of(self) -> str:
        """What it was divided: "13 of 17"; "" where nothing was."""
        if not self.metric.denominator or self.metric.unit not in ("percent", "count"):
            return ""
        return f"{number(self.value.numerator)} of {number(self.value.denominator)}"

    @property
    def verdict(self) -> Judged:
        return judged(self.value)

    @property
    def points(self) -> list[float]:
        """The known values of the trend, moved up where one is below zero, for a sparkline."""
        known = [one.value for one in self.trend if one.value is not None]
        lowest = min([0.0, *known])
        return [value - lowest for value in known]


@dataclass(frozen=True)
class Board:
    """All metrics of the newest quarter that was counted; `lines` is empty before the first count."""

    lines: list[Line]

    @property
    def quarter(self) -> Quarter | None:
        return self.lines[0].quarter if self.lines else None

    @property
    def counted_at(self) -> datetime | None:
        return min((line.value.computed_at for line in self.lines), default=None)

    @property
    def met(self) -> int:
        return self._judged("met")

    @property
    def missed(self) -> int:
        return self._judged("missed", "behind")

    @property
    def short(self) -> list[Line]:
        """The lines that miss their target, or are behind."""
        return [line for line in self.lines if line.value.verdict in ("missed", "behind")]

    def line(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.metric.name == name), None)

    def _judged(self, *verdicts: str) -> int:
        return sum(line.value.verdict in verdicts for line in self.lines)


def board(sight: str) -> Board:
    """The Board in one query."""
    kept: dict[str, list[MetricValue]] = {}
    for value in _values(sight).filter(quarter__gte=_since()).defer("splits", "drawn"):
        kept.setdefault(value.metric, []).append(value)
    newest = max((values[-1].quarter for values in kept.values()), default=None)
    return Board(
        [
            Line(metric, values[-1], values)
            for metric in METRICS
            if (values := kept.get(metric.name)) and values[-1].quarter == newest
        ]
    )


def line(metric: Metric, sight: str, quarter: str | None) -> Line | None:
    """One metric in the quarter that begins on `quarter` (YYYY-MM-DD), else the newest; None before the first count.

    Raises UnknownChoice for a quarter that was not counted.
    """
    values = list(_values(sight).filter(metric=metric.name))
    if not values:
        return None
    if not quarter:
        return Line(metric, values[-1], values[-TREND:])
    starts = [f"{one.quarter}" for one in values]
    if quarter not in starts:
        raise UnknownChoice(
            "That quarter was not counted.",
            field="quarter",
            remedy=f"Choose one of: {', '.join(starts)}.",
        )
    place = starts.index(quarter) + 1
    return Line(metric, values[place - 1], values[max(0, place - TREND) : place])


def quarters(metric: Metric, sight: str) -> list[Quarter]:
    """Those in which the metric was counted, newest first."""
    starts = MetricValue.objects.filter(metric=metric.name, sight=sight).order_by("-quarter")
    return [Quarter(start) for start in starts.values_list("quarter", flat=True)]


def latest(sight: str, name: str, how_many: int = 1) -> list[MetricValue]:
    """The newest kept values of a metric with their details and what is drawn, newest first."""
    values = MetricValue.objects.filter(metric=name, sight=sight).defer("splits")
    return list(values.order_by("-quarter")[:how_many])


def rows_of(values: Sequence[MetricValue]) -> "QuerySet[MetricRow]":
    """Of one value in the order of an index; of several the newest quarter first."""
    if len(values) == 1:
        return MetricRow.objects.filter(value=values[0]).order_by("position")
    return MetricRow.objects.filter(value__in=values).order_by("-value__quarter", "position")


def split_of(line: Line, by: str) -> list[Part]:
    """The figure of each unit or team, the largest numerator first."""
    unit = line.metric.unit
    parts = [Part(unit, *part) for part in line.value.splits.get(by, [])]
    return sorted(parts, key=lambda part: (-part.numerator, part.name))


def judged(value: MetricValue) -> Judged:
    tone, icon = TONES[value.verdict]
    return Judged(capfirst(value.verdict_text), tone, icon)


def _values(sight: str) -> "QuerySet[MetricValue]":
    return MetricValue.objects.filter(sight=sight).order_by("quarter")


def _since() -> date:
    """The first of the TREND quarters up to today's."""
    quarter = Quarter.of(timezone.now().date())
    for _ in range(TREND - 1):
        quarter = quarter.previous
    return quarter.start
