"""What a run concludes from predictions: figures with intervals, and the verdicts of the gates (docs/evaluation.md)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from governance import fairness, measures, robustness, slices
from governance.models import GateResult
from marketplace.core.canonical import digest

SUITES = {task: f"{task}/1.1.0" for task in measures.PRIMARY}
RARE_SUITE = "rare events/1.0.0"
REPLICATES = {"high": 2000}  # of the bootstrap; 1000 at other tiers
LEAST_ROWS = {"binary": 500, "multiclass": 100, "regression": 300}
LEAST_OF_A_CLASS = {"binary": 100, "multiclass": 50}
MARGIN, MARGIN_OF_ERRORS = (
    0.005,
    0.01,
)  # non-inferiority: absolute; for errors a part of the older one's
Verdict = GateResult.Verdict


@dataclass(frozen=True)
class Case:
    """What a run compares: the truth, the predictions, and what the benchmark asks."""

    task: str
    truth: np.ndarray
    predicted: np.ndarray
    champion: np.ndarray | None = None  # predictions of the version in use
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    cutoff: float = 0.5
    floor: float | None = None
    favourable: int = 1
    coverage: float = (
        1.0  # share of the rows that the version took; the others have the naive answer
    )
    tier: str = "low"
    seed: int = 0
    probe: robustness.Probe | None = None  # what it answered to rows that were changed a little

    @property
    def is_rare(self) -> bool:
        return measures.is_rare(self.task, self.truth)

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return measures.RARE_PRIMARY if self.is_rare else measures.PRIMARY[self.task]

    @property
    def suite(self) -> str:
        return RARE_SUITE if self.is_rare else SUITES[self.task]

    def whole_suite(self, predicted: np.ndarray) -> measures.Measure:
        """All metrics of these predictions."""
        if self.is_rare:
            return measures.rare_events(self.truth, predicted, self.cutoff)
        return measures.suite(self.task, self.truth, predicted, self.cutoff)

    def primary_alone(self, predicted: np.ndarray) -> measures.Measure:
        if self.is_rare:
            return measures.precision_recall(self.truth, predicted)
        return measures.primary(self.task, self.truth, predicted)


@dataclass(frozen=True)
class Figure:
    """One figure with its interval; None where too many replicates are undefined."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    slice: str = ""
    baseline: float | None = None
    threshold: float | None = None
    suite: str = ""  # empty: that of the task


@dataclass(frozen=True)
class Finding:
    """What a gate records. severity: "" for what the rules in force say."""

    gate: str
    verdict: str
    summary: str
    severity: str = "block"
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Assessment:
    """What a run found. suite: of the task; behaviour: against the version in use, where there is one."""

    figures: list[Figure]
    findings: list[Finding]
    suite: str
    behaviour: Finding | None = None

    @property
    def sha256(self) -> str:
        """Digest of all figures and verdicts but that of behaviour, to nine digits: equal after a replay."""
        rows = [[_text(value) for value in vars(row).values()] for row in self.figures]
        return digest([rows, [[row.gate, row.verdict] for row in self.findings]])


def assess(case: Case) -> Assessment:
    """Figures and findings of a case. The same case gives the same ones."""
    strata = np.zeros(len(case.truth)) if case.task == "regression" else case.truth
    models = _measures(case)
    parts = slices.slices_of(case.task, case.truth, case.predicted, case.groups, case.cutoff)
    whole = np.ones((1, len(case.truth)))
    points = {name: measure(whole) for name, measure in models.items()}
    drawn: dict[str, list[measures.Metrics]] = {name: [] for name in models}
    for weights in measures.blocks(strata, REPLICATES.get(case.tier, 1000), case.seed):
        for name, measure in models.items():
            drawn[name].append(measure(weights))
        for part in parts:
            part.draw(weights)
    replicates = {name: measures.joined(metrics) for name, metrics in drawn.items()}
    figures = _figures(case, points, replicates)
    findings = [against_baseline(case, figures[0], points, replicates)]
    if case.champion is not None:
        findings.append(against_champion(case, points, replicates))
    if case.task in fairness.TASKS and case.groups:
        more, finding = _fairness(case)
        figures, findings = figures + more, [*findings, finding]
    by_group = slices.figures_of(case.task, parts)
    by_group += slices.left_out(case.task, case.truth, case.groups)
    figures += [Figure(**row) for row in by_group]
    if case.probe is not None:
        more, finding = _robustness(case, case.probe)
        figures, findings = figures + more, [*findings, finding]
    return Assessment(figures, findings, case.suite)


def _measures(case: Case) -> dict[str, measures.Measure]:
    """The whole suite for the version; what it is compared with needs the primary metric alone."""
    compared = {"naive": measures.naive(case.task, case.truth)}
    if case.champion is not None:
        compared["champion"] = case.champion
    return {"version": case.whole_suite(case.predicted)} | {
        name: case.primary_alone(predicted) for name, predicted in compared.items()
    }


def _figures(case: Case, points: dict[str, Any], replicates: dict[str, Any]) -> list[Figure]:
    """The primary metric first. Metrics that are undefined even as a point are left out."""
    primary = case.primary
    whole = np.ones((1, len(case.truth)))
    naives = case.whole_suite(measures.naive(case.task, case.truth))(whole)
    rows = []
    for metric in sorted(points["version"], key=lambda name: name != primary):
        value = float(points["version"][metric][0])
        naive = float(naives[metric][0])
        low, high = measures.interval(replicates["version"][metric]) or (None, None)
        threshold = case.floor if metric == primary else None
        baseline = naive if np.isfinite(naive) else None
        if np.isfinite(value) or metric == primary:
            rows.append(Figure(metric, value, low, high, len(case.truth), "", baseline, threshold))
    return [*rows, Figure("coverage", case.coverage, None, None, len(case.truth))]


def _better(metric: str, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How much better `one` is, row by row of replicates: positive is better."""
    return other - one if metric in measures.LOWER_IS_BETTER else one - other


def against_baseline(
    case: Case, figure: Figure, points: dict[str, Any], replicates: dict[str, Any]
) -> Finding:
    primary, label = figure.metric, f"{figure.metric} {figure.value:.3g}"
    gain = measures.interval(
        _better(primary, replicates["version"][primary], replicates["naive"][primary])
    )
    if reason := too_few(case):
        return Finding("evaluation", Verdict.INCONCLUSIVE, f"{label}. {reason}")
    if gain is None or figure.low is None or figure.high is None:
        return Finding("evaluation", Verdict.INCONCLUSIVE, f"{label}: its interval is undefined.")
    label += f" [{figure.low:.3g}, {figure.high:.3g}], naive {figure.baseline or 0:.3g}"
    if gain[1] < 0 or (reached := reaches_floor(case, figure)) == Verdict.FAIL:
        why = "worse than a naive model" if gain[1] < 0 else f"short of {case.floor:.3g}"
        return Finding("evaluation", Verdict.FAIL, f"{label}: {why}.")
    if gain[0] <= 0:
        return Finding(
            "evaluation", Verdict.INCONCLUSIVE, f"{label}: not surely better than a naive model."
        )
    if reached == Verdict.INCONCLUSIVE:
        return Finding(
            "evaluation", reached, f"{label}: the interval reaches beyond {case.floor:.3g}."
        )
    return Finding("evaluation", Verdict.PASS, f"{label}.")


def reaches_floor(case: Case, figure: Figure) -> str:
    """Is the floor reached? At high risk by the whole interval, else by the value itself."""
    if case.floor is None or figure.low is None or figure.high is None:
        return Verdict.PASS
    sign = -1 if figure.metric in measures.LOWER_IS_BETTER else 1
    floor = sign * case.floor
    worst, best = sorted((sign * figure.low, sign * figure.high))
    if case.tier != "high":
        return Verdict.PASS if sign * figure.value >= floor else Verdict.FAIL
    if worst >= floor:
        return Verdict.PASS
    return Verdict.FAIL if best < floor else Verdict.INCONCLUSIVE


def too_few(case: Case) -> str:
    if len(case.truth) < LEAST_ROWS[case.task]:
        return f"The suite needs {LEAST_ROWS[case.task]} rows; there are {len(case.truth)}."
    least = LEAST_OF_A_CLASS.get(case.task)
    if least and np.unique(case.truth, return_counts=True)[1].min() < least:
        return f"The suite needs {least} rows of each class."
    return ""


def against_champion(case: Case, points: dict[str, Any], replicates: dict[str, Any]) -> Finding:
    """Paired on the same rows and draws: surely worse fails, surely not worse passes."""
    primary = case.primary
    margin = MARGIN
    if primary in measures.LOWER_IS_BETTER:
        margin = MARGIN_OF_ERRORS * float(points["champion"][primary][0])
    gain = measures.interval(
        _better(primary, replicates["version"][primary], replicates["champion"][primary])
    )
    severity = "warn" if case.tier == "low" else "block"
    if gain is None:
        return Finding("champion", Verdict.INCONCLUSIVE, "The interval is undefined.", severity)
    summary = f"{primary} is better than that of the version in use by [{gain[0]:.3g}, {gain[1]:.3g}]; margin {margin:.3g}."
    if gain[1] < -margin:
        return Finding("champion", Verdict.FAIL, summary, severity)
    verdict = Verdict.PASS if gain[0] > -margin else Verdict.INCONCLUSIVE
    return Finding("champion", verdict, summary, severity)


def _fairness(case: Case) -> tuple[list[Figure], Finding]:
    """Columns of groups decide; two of them at once are only reported."""
    crossed = fairness.crossed(case.groups)
    found = _judged(case, case.groups | crossed)
    judged, both = found[: len(case.groups)], found[len(case.groups) :]
    rows = [row for attribute in judged for row in attribute.figures]
    rows += [row for attribute in both for row in fairness.reported(attribute)]
    worst = max(judged, key=lambda attribute: fairness.SEVERITY[attribute.verdict])
    is_sure = worst.verdict in (fairness.FAIL, fairness.INSUFFICIENT)
    severity = (
        "block" if worst.verdict == fairness.FAIL or (is_sure and case.tier == "high") else "warn"
    )
    verdict = {fairness.PASS: Verdict.PASS, fairness.FAIL: Verdict.FAIL}.get(
        worst.verdict, Verdict.INCONCLUSIVE
    )
    summary = " ".join(attribute.summary for attribute in judged)
    return [Figure(**row) for row in rows], Finding("fairness", verdict, summary, severity)


def _judged(case: Case, columns: dict[str, np.ndarray]) -> list[fairness.Attribute]:
    named = {name[: fairness.LONGEST_NAME]: values for name, values in columns.items()}
    if case.task == "regression":
        return fairness.judge_amounts(named, case.predicted, case.truth, case.seed)
    selected = (case.predicted >= case.cutoff) == (case.favourable == 1)
    deserving = case.truth == case.favourable
    return [
        fairness.judge(name, values, selected, deserving, case.seed)
        for name, values in named.items()
    ]


def _robustness(case: Case, probe: robustness.Probe) -> tuple[list[Figure], Finding]:
    rows = probe.rows
    sample = robustness.Sample(
        case.task, case.truth[rows], case.predicted[rows], case.cutoff, case.seed
    )
    figures = robustness.figures_of(sample, probe)
    finding = Finding(*robustness.finding_of(figures, probe, case.tier))
    return [Figure(**row, suite=robustness.SUITE) for row in figures], finding


def _text(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)
