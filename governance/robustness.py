"""Does a version keep its answers when its inputs change a little? (docs/evaluation.md, "Robustness")

Limits: noise of 5 % of an input's standard deviation turns at most 5 % of the answers and costs at most 0.02 of the primary
metric; 10 % of the cells left out cost at most 0.05. Other spaces in texts turn at most 5 %. What is declared monotone is so. Amounts move by at most 10 % of their standard deviation; their loss, in
standard deviations, is never more than that and has no limit of its own.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from governance import fairness, measures
from governance.models import GateResult

SUITE = "robustness/1.1.0"
GATE = "perturbation"
LEAST_ROWS = 100
REPLICATES = 500  # of at most 1000 rows
TURNED = 0.05  # of the answers under noise of 5 %, or when texts have other spaces
LIMITED = ("noise_5", "spaces")
LOSS = {"noise_5": 0.02, "missing_10": 0.05}  # of the primary metric
MOVED = 0.10  # of the standard deviation of the amounts: what an answer moves by, on average
Verdict = GateResult.Verdict
SAID = {
    "noise_5": "noise of 5 %",
    "noise_20": "noise of 20 %",
    "missing_10": "10 % left out",
    "spaces": "other spaces",
    "case": "other case",
    "typos": "a typing slip",
}
AT_LEAST = ("edges_answered", "monotone_kept")


@dataclass(frozen=True)
class Probe:
    """What a version answered to rows that were changed a little.

    rows: which rows of the case they are; answers: {change: one prediction a row}; searched: candidates × the first rows;
    monotone: {input that declares it: (rows whose answer never turns back, rows)};
    edges: answers with finite numbers at the ends of ranges, and all; far: for each number, is ten times its largest value
    refused; crashed: it failed on these rows.
    """

    rows: np.ndarray
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    searched: np.ndarray | None = None
    edges: tuple[int, int] = (0, 0)
    far: tuple[bool, ...] = ()
    crashed: bool = False
    monotone: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """The rows that were changed, as the case knows them."""

    task: str
    truth: np.ndarray
    predicted: np.ndarray
    cutoff: float
    seed: int

    def turned(self, answers: np.ndarray, rows: int | None = None) -> np.ndarray:
        """Which answers are another decision than before."""
        before = self.predicted[:rows]
        if self.task == "binary":
            return np.asarray((answers >= self.cutoff) != (before >= self.cutoff))
        return np.asarray(answers != before)


def figures_of(sample: Sample, probe: Probe) -> list[dict[str, Any]]:
    """Figures with intervals: what noise, gaps, ends of ranges and a search did to the answers."""
    if probe.crashed:
        return []
    level = float(sample.truth.std()) or 1.0
    changed = _moves if sample.task == "regression" else _turns
    figures = [changed(sample, name, answers, level) for name, answers in probe.answers.items()]
    figures += _losses(sample, probe.answers, level)
    if probe.searched is not None:
        figures.append(_searched(sample, probe.searched, level))
    if probe.edges[1]:
        figures.append(fairness.share("edges_answered", *probe.edges) | {"threshold": 1.0})
    for name, (kept, rows) in probe.monotone.items():
        figures.append(fairness.share("monotone_kept", kept, rows, name[:60]) | {"threshold": 1.0})
    if probe.far:
        figures.append(fairness.share("far_refused", sum(probe.far), len(probe.far)))
    return figures


def finding_of(figures: list[dict[str, Any]], probe: Probe, tier: str) -> tuple[str, str, str, str]:
    """(gate, verdict, summary, severity). A whole interval beyond a limit fails; a value beyond it is inconclusive."""
    severity = "block" if tier == "high" else "warn"
    if probe.crashed:
        return (
            GATE,
            Verdict.FAIL,
            "The version failed on rows that were changed a little.",
            severity,
        )
    if not probe.answers:
        return GATE, Verdict.NOT_APPLICABLE, "It takes no numbers, no texts and no gaps.", severity
    limited = [row for row in figures if row.get("threshold") is not None]
    beyond = [row for row in limited if not _is_within(row, row["value"])]
    summary = ". ".join(_in_words(row) for row in limited) + "."
    if len(probe.rows) < LEAST_ROWS:
        return GATE, Verdict.INCONCLUSIVE, f"{LEAST_ROWS} rows are needed. {summary}", severity
    if not beyond:
        return GATE, Verdict.PASS, summary, severity
    surely = any(
        not _is_within(row, row["low"]) and not _is_within(row, row["high"]) for row in beyond
    )
    return GATE, Verdict.FAIL if surely else Verdict.INCONCLUSIVE, summary, severity


def _is_within(row: dict[str, Any], value: float) -> bool:
    if row["metric"] in AT_LEAST:
        return bool(value >= row["threshold"])
    return bool(value <= row["threshold"])


def _in_words(row: dict[str, Any]) -> str:
    if row["metric"] == "monotone_kept":
        return f"{row['slice']} is monotone as declared in {row['value']:.0%} of the rows, at least 100%"
    what, _, change = row["metric"].partition("_under_")
    said = {"turned": "Answers turned", "moved": "Answers moved", "loss": "Loss"}.get(
        what, "Answered at the ends of ranges"
    )
    under = f" under {SAID[change]}" if change else ""
    limit = "at least" if what == "edges_answered" else "at most"
    return f"{said}{under} {row['value']:.3g} [{row['low']:.3g}, {row['high']:.3g}], {limit} {row['threshold']:g}"


def _turns(sample: Sample, name: str, answers: np.ndarray, level: float) -> dict[str, Any]:
    turned = sample.turned(answers)
    share = fairness.share(f"turned_under_{name}", int(turned.sum()), len(turned))
    return share | {"threshold": TURNED if name in LIMITED else None}


def _moves(sample: Sample, name: str, answers: np.ndarray, level: float) -> dict[str, Any]:
    moved = np.abs(answers - sample.predicted) / level
    drawn = np.concatenate([weights @ moved for weights in _draws(sample)]) / len(moved)
    threshold = MOVED if name in LIMITED else None
    return _figure(f"moved_under_{name}", float(moved.mean()), drawn, len(moved), threshold)


def _losses(sample: Sample, answers: dict[str, np.ndarray], level: float) -> list[dict[str, Any]]:
    """How much of the primary metric each change costs, on the same draws; for amounts, in standard deviations."""
    metric = measures.PRIMARY[sample.task]
    sign = -1 / level if metric in measures.LOWER_IS_BETTER else 1.0
    before = measures.primary(sample.task, sample.truth, sample.predicted)
    after = {
        name: measures.primary(sample.task, sample.truth, changed)
        for name, changed in answers.items()
    }
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in answers}
    for weights in [np.ones((1, len(sample.truth))), *_draws(sample)]:
        whole = before(weights)[metric]
        for name, measure in after.items():
            drawn[name].append(sign * (whole - measure(weights)[metric]))
    limits = {} if sample.task == "regression" else LOSS
    losses = {name: np.concatenate(parts) for name, parts in drawn.items()}
    return [
        _figure(f"loss_under_{name}", float(lost[0]), lost[1:], len(sample.truth), limits.get(name))
        for name, lost in losses.items()
    ]


def _searched(sample: Sample, searched: np.ndarray, level: float) -> dict[str, Any]:
    """How many answers the search turned with a small step; how far it moved amounts at most, on average."""
    rows = searched.shape[1]
    if sample.task == "regression":
        moved = np.abs(searched - sample.predicted[:rows]).max(axis=0) / level
        random = np.random.default_rng(sample.seed)
        drawn = moved[random.integers(0, rows, (REPLICATES, rows))].mean(axis=1)
        return _figure("moved_by_search", float(moved.mean()), drawn, rows, None)
    turned = np.array([sample.turned(answers, rows) for answers in searched]).any(axis=0)
    return fairness.share("turned_by_search", int(turned.sum()), rows)


def _draws(sample: Sample) -> Any:
    strata = np.zeros(len(sample.truth)) if sample.task == "regression" else sample.truth
    return measures.blocks(strata, REPLICATES, sample.seed)


def _figure(
    metric: str, value: float, drawn: np.ndarray, n: int, threshold: float | None
) -> dict[str, Any]:
    low, high = measures.interval(drawn) or (value, value)
    return {
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        "threshold": threshold,
    }
