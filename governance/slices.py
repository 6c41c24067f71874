"""The suite's metrics for each group of people, on the draws of the whole (docs/evaluation.md, "Slices")."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from governance import fairness, measures

METRICS = {
    "binary": ("roc_auc", "ece"),
    "multiclass": ("macro_f1", "accuracy"),
    "regression": ("mae",),
}
AREA_GAP = 0.10  # of the groups' areas under the curve; up to 0.05 is unremarkable


@dataclass
class Slice:
    """One group of one column: which rows, and what each draw found about them."""

    column: str
    group: str
    rows: np.ndarray
    measure: measures.Measure
    drawn: list[measures.Metrics] = field(default_factory=list)

    def draw(self, weights: np.ndarray) -> None:
        self.drawn.append(self.measure(weights[:, self.rows]))

    def replicates(self, metric: str) -> np.ndarray:
        return np.concatenate([part[metric] for part in self.drawn])

    def value(self, metric: str) -> float:
        return float(self.measure(np.ones((1, len(self.rows))))[metric][0])


def slices_of(
    task: str,
    truth: np.ndarray,
    predicted: np.ndarray,
    groups: dict[str, np.ndarray],
    cutoff: float,
) -> list[Slice]:
    """A slice for each group that is large enough."""
    slices = []
    for column, values in groups.items():
        for group in np.unique(values).tolist():
            rows = np.flatnonzero(values == group)
            if fairness.has_enough(truth[rows], task):
                measure = measures.suite(task, truth[rows], predicted[rows], cutoff)
                slices.append(Slice(column, group, rows, measure))
    return slices


def left_out(task: str, truth: np.ndarray, groups: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """That some groups are too small, where no check of fairness says so."""
    if task in fairness.TASKS:
        return []
    return [
        fairness.too_few(column, group, int(rows.sum()))
        for column, values in groups.items()
        for group in np.unique(values).tolist()
        for rows in [values == group]
        if not fairness.has_enough(truth[rows], task)
    ]


def figures_of(task: str, slices: list[Slice]) -> list[dict[str, Any]]:
    """The suite's metrics of each slice, and how far the areas under the curve of a column's groups are apart."""
    figures = [_figure(slice_, metric) for slice_ in slices for metric in METRICS[task]]
    if task != "binary":
        return figures
    columns = dict.fromkeys(slice_.column for slice_ in slices)
    gaps = [_gap([one for one in slices if one.column == column]) for column in columns]
    return figures + [gap for gap in gaps if gap]


def _figure(slice_: Slice, metric: str) -> dict[str, Any]:
    low, high = measures.interval(slice_.replicates(metric)) or (None, None)
    return {
        "metric": metric,
        "value": slice_.value(metric),
        "low": low,
        "high": high,
        "n": len(slice_.rows),
        "slice": fairness.slice_name(slice_.column, slice_.group),
    }


def _gap(slices: list[Slice]) -> dict[str, Any] | None:
    if len(slices) < 2:
        return None
    values = [slice_.value("roc_auc") for slice_ in slices]
    drawn = np.array([slice_.replicates("roc_auc") for slice_ in slices])
    low, high = measures.interval(drawn.max(axis=0) - drawn.min(axis=0)) or (None, None)
    return {
        "metric": "roc_auc_gap",
        "value": max(values) - min(values),
        "low": low,
        "high": high,
        "n": sum(len(slice_.rows) for slice_ in slices),
        "slice": slices[0].column[: fairness.LONGEST_NAME],
        "threshold": AREA_GAP,
    }
