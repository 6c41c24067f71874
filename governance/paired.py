"""Several models on identical rows: each figure with its interval, paired differences, and which of them are sure (docs/evaluation.md, "Paired comparison").

All models are measured on the same draws of a bootstrap. A difference is sure when its 95 % interval does not hold zero and its
p, from the bootstrap's standard error and corrected by Holm over the whole family, is below 0.05. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import erfc, isfinite, sqrt

import numpy as np

from governance import fairness, measures

SURE = 0.05
POWER = 2.8  # standard errors that are seen in four of five samples at the 5 % level
RESAMPLES = ((20_000, 2000), (60_000, 1000), (10**9, 400))  # up to so many rows: so many draws
LEAST_SHOWN = fairness.LEAST_SHOWN
MOST_GROUPS = 12  # of a column, the largest
LOWER_IS_BETTER = measures.LOWER_IS_BETTER | {"bias"}
NEAR = 0.10  # of an amount: an answer that is not further off is within


@dataclass(frozen=True)
class Sample:
    """The rows that all models answered. answers: of each model; the first one is what the others are compared with."""

    task: str
    truth: np.ndarray
    answers: Sequence[np.ndarray]
    weights: np.ndarray | None = None
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    cutoff: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Value:
    """A figure of one model; None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass
class Pair:
    """The first model's figure less another one's. better: 0 the first, n the other, None: no significant difference."""

    other: int
    difference: float | None
    low: float | None
    high: float | None
    p: float
    better: int | None = None


@dataclass(frozen=True)
class Figure:
    """One metric of all models. error: the largest standard error of a paired difference, or of the figure itself."""

    metric: str
    values: list[Value]
    pairs: list[Pair]
    error: float


@dataclass(frozen=True)
class Group:
    """The primary metric among the rows of one group."""

    column: str
    name: str
    n: int
    figure: Figure


@dataclass(frozen=True)
class Comparison:
    """What was found. hidden: {column: groups that are too small to be shown}."""

    figures: list[Figure]
    groups: list[Group]
    hidden: dict[str, int]
    resamples: int

    @property
    def detectable(self) -> float:
        """The smallest difference of the primary metric that rows like these show."""
        first = self.figures[0]
        return POWER * first.error * (1 if first.pairs else sqrt(2))


def compare(sample: Sample) -> Comparison:
    """Measure all models on the same draws. The same sample gives the same comparison."""
    resamples = next(draws for rows, draws in RESAMPLES if len(sample.truth) <= rows)
    places, hidden = _groups(sample)
    whole = [_suite(sample, answers) for answers in sample.answers]
    parts = {
        key: [
            measures.primary(sample.task, sample.truth[rows], answers[rows])
            for answers in sample.answers
        ]
        for key, rows in places.items()
    }
    own = np.ones(len(sample.truth)) if sample.weights is None else sample.weights
    points = [measure(own[None, :]) for measure in whole]
    part_points = {
        key: [measure(own[None, places[key]]) for measure in made] for key, made in parts.items()
    }
    drawn: list[list[measures.Metrics]] = [[] for _ in whole]
    part_drawn: dict[tuple[str, str], list[list[measures.Metrics]]] = {
        key: [[] for _ in made] for key, made in parts.items()
    }
    strata = np.zeros(len(sample.truth)) if sample.task == "regression" else sample.truth
    for weights in measures.blocks(strata, resamples, sample.seed):
        weights *= own
        for model, measure in enumerate(whole):
            drawn[model].append(measure(weights))
        for key, rows in places.items():
            some = weights[:, rows]
            for model, measure in enumerate(parts[key]):
                part_drawn[key][model].append(measure(some))
    primary = measures.PRIMARY[sample.task]
    replicates = [measures.joined(blocks) for blocks in drawn]
    figures = [
        _figure(metric, points, replicates)
        for metric in sorted(points[0], key=lambda name: name != primary)
    ]
    groups = [
        Group(
            *key,
            len(places[key]),
            _figure(primary, part_points[key], [measures.joined(blocks) for blocks in made]),
        )
        for key, made in part_drawn.items()
    ]
    decide(figures)
    decide([group.figure for group in groups])
    return Comparison(figures, groups, hidden, resamples)


def _groups(sample: Sample) -> tuple[dict[tuple[str, str], np.ndarray], dict[str, int]]:
    """({(column, group): places}, {column: how many are too small}); of a column the largest groups, in order of their names."""
    places: dict[tuple[str, str], np.ndarray] = {}
    hidden: dict[str, int] = {}
    for column, values in sample.groups.items():
        names, counts = np.unique(values, return_counts=True)
        large = [place for place in np.argsort(-counts) if counts[place] >= LEAST_SHOWN]
        hidden[column] = len(names) - len(large)
        for place in sorted(large[:MOST_GROUPS]):
            places[column, str(names[place])] = np.flatnonzero(values == names[place])
    return places, hidden


def _suite(sample: Sample, answers: np.ndarray) -> measures.Measure:
    """The task's suite; of amounts also how far the mean error is from zero, and how many answers are near."""
    suite = measures.suite(sample.task, sample.truth, answers, sample.cutoff)
    if sample.task != "regression":
        return suite
    errors = answers - sample.truth
    near = np.abs(errors) <= NEAR * np.abs(sample.truth)
    summed = np.column_stack([np.ones(len(errors)), errors, near])

    def metrics(weights: np.ndarray) -> measures.Metrics:
        total, amounts, hits = (weights @ summed).T
        return suite(weights) | {"bias": np.abs(amounts / total), "within_10": hits / total}

    return metrics


def _figure(
    metric: str, points: Sequence[measures.Metrics], replicates: Sequence[measures.Metrics]
) -> Figure:
    values = [
        Value(_finite(point[metric][0]), *(measures.interval(drawn[metric]) or (None, None)))
        for point, drawn in zip(points, replicates, strict=True)
    ]
    pairs, error = [], _spread(replicates[0][metric])
    for other in range(1, len(points)):
        apart = replicates[0][metric] - replicates[other][metric]
        spread = _spread(apart)
        error = spread if other == 1 else max(error, spread)
        difference = _finite(points[0][metric][0] - points[other][metric][0])
        low, high = measures.interval(apart) or (None, None)
        pairs.append(Pair(other, difference, low, high, _p(difference, spread)))
    return Figure(metric, values, pairs, error)


def decide(figures: list[Figure]) -> None:
    """Correct the p of the family, all pairs of these figures, by Holm, and say who is better where it is sure."""
    pairs = [pair for figure in figures for pair in figure.pairs]
    for pair, p in zip(pairs, measures.holm([pair.p for pair in pairs]), strict=True):
        pair.p = p
    for figure in figures:
        for pair in figure.pairs:
            if pair.difference is None or pair.low is None or pair.high is None:
                continue
            if pair.p < SURE and not pair.low <= 0 <= pair.high:
                first_is_lower = pair.difference < 0
                first_is_better = first_is_lower == (figure.metric in LOWER_IS_BETTER)
                pair.better = 0 if first_is_better else pair.other


def _p(difference: float | None, spread: float) -> float:
    """Two-sided, from the normal distribution with the bootstrap's standard error."""
    if difference is None or not isfinite(spread) or difference == 0:
        return 1.0
    return 0.0 if spread == 0 else erfc(abs(difference) / spread / sqrt(2))


def _spread(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std()) if len(finite) else 0.0


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
