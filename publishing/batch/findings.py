"""What a run found: figures over many rows, kept as BatchEvaluation.results; single rows go into the encrypted details."""

from dataclasses import asdict
from typing import Any

import numpy as np

from catalog.models import ModelVersion
from consumption.evaluations.files import Files
from consumption.models import BatchEvaluation
from governance import measures, paired
from governance.models import Evaluation
from publishing.batch.answers import Answered, gather

DETAILS = "details"
LEAST_MEASURED = 10  # rows with a truth that all versions answered
CUTOFFS = np.round(np.linspace(0, 1, 101), 2)
TENTHS, BINS = 10, 20
EXTREMES = 3  # rows at each end
MOST_CLASSES_SHOWN = 12


def find(evaluation: BatchEvaluation) -> dict[str, Any]:
    """The results of an evaluation whose rows are answered; writes the details. Raises CannotAnswer, Gone."""
    answered = gather(evaluation)
    shared = answered.shared
    versions = evaluation.evaluated()
    results: dict[str, Any] = {
        "rows": len(answered.numbers),
        "used": int(shared.sum()),
        "task": "",
        "answered": [int(there.sum()) for there in answered.is_answered],
        "latency": [latency(ms) for ms in answered.ms],
        "distribution": distribution(answered, shared),
        "agreement": agreement(answered, shared),
    }
    measured = shared & answered.has_truth
    if answered.task.name and _can_measure(answered, measured):
        results |= {"task": answered.task.name, "classes": list(answered.task.classes)}
        results |= measured_of(answered, measured)
        results["benchmarks"] = [benchmark(version, answered.task.name) for version in versions]
    Files(evaluation).write_json(
        DETAILS, {"refused": answered.refused, "extremes": extremes(answered, shared)}
    )
    return results


def _can_measure(answered: Answered, rows: np.ndarray) -> bool:
    if rows.sum() < LEAST_MEASURED:
        return False
    return answered.task.name == "regression" or len(np.unique(answered.truth[rows])) > 1


def measured_of(answered: Answered, rows: np.ndarray) -> dict[str, Any]:
    """Figures of rows with a truth."""
    weights = None if answered.weights is None else answered.weights[rows]
    truth, answers = answered.truth[rows], [one[rows] for one in answered.answers]
    groups = {name: values[rows] for name, values in answered.groups.items()}
    task = answered.task.name
    found = paired.compare(paired.Sample(task, truth, answers, weights, groups))
    own = np.ones(len(truth)) if weights is None else weights
    results: dict[str, Any] = {
        "measured": len(truth),
        "resamples": found.resamples,
        "figures": [figure_of(figure) for figure in found.figures],
        "groups": [
            {"column": group.column, "group": group.name, "n": group.n} | figure_of(group.figure)
            for group in found.groups
        ],
        "hidden": found.hidden,
        "detectable": rounded(found.detectable),
        "naive": naive(task, truth, own),
    }
    if task == "binary":
        results["positives"] = int(truth.sum())
        results["threshold"] = {
            "cutoffs": CUTOFFS.tolist(),
            "models": [outcomes(truth, one, own) for one in answers],
        }
        results["lift"] = [lift(truth, one, own) for one in answers]
    if task == "multiclass":
        results["confusion"] = [
            confusion(truth, one, len(answered.task.classes)) for one in answers
        ]
    else:
        results["calibration"] = [calibration(truth, one, own) for one in answers]
    return results


def figure_of(figure: paired.Figure) -> dict[str, Any]:
    return {
        "metric": figure.metric,
        "values": [{k: rounded(v) for k, v in asdict(value).items()} for value in figure.values],
        "pairs": [
            asdict(pair)
            | {name: rounded(getattr(pair, name)) for name in ("difference", "low", "high", "p")}
            for pair in figure.pairs
        ],
    }


def naive(task: str, truth: np.ndarray, weights: np.ndarray) -> float | None:
    """The primary metric of a model that looks at no input."""
    measure = measures.primary(task, truth, measures.naive(task, truth))
    value = float(measure(weights[None, :])[measures.PRIMARY[task]][0])
    return rounded(value) if np.isfinite(value) else None


def outcomes(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> list[list[float]]:
    """[found, missed, needless, left alone] at each cutoff: positives and negatives on either side."""
    order = np.argsort(score, kind="stable")
    positive = np.concatenate([[0], np.cumsum((truth * weights)[order])])
    whole = np.concatenate([[0], np.cumsum(weights[order])])
    below = np.searchsorted(score[order], CUTOFFS, "left")
    missed, under = positive[below], whole[below]
    found = positive[-1] - missed
    needless = (whole[-1] - under) - found
    table = np.column_stack([found, missed, needless, under - missed])
    return [[rounded(cell) or 0 for cell in row] for row in table.tolist()]


def lift(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> list[float]:
    """The share of all positives among the highest tenth, the highest two tenths, and so on."""
    order = np.argsort(-score, kind="stable")
    part = np.cumsum(weights[order]) / weights.sum()
    hits = np.cumsum((truth * weights)[order]) / (truth * weights).sum()
    places = np.searchsorted(part, np.arange(1, TENTHS + 1) / TENTHS - 1e-9)
    return [rounded(float(hits[min(place, len(hits) - 1)])) or 0 for place in places]


def calibration(
    truth: np.ndarray, answers: np.ndarray, weights: np.ndarray
) -> list[dict[str, Any]]:
    """By tenths of the answers: what was answered and what was true, on average. Parts of fewer than ten rows are left out."""
    order = np.argsort(answers, kind="stable")
    found = []
    for rows in np.array_split(order, TENTHS):
        weight = weights[rows].sum()
        if len(rows) >= paired.LEAST_SHOWN and weight > 0:
            found.append(
                {
                    "answered": rounded(float((answers[rows] * weights[rows]).sum() / weight)),
                    "true": rounded(float((truth[rows] * weights[rows]).sum() / weight)),
                    "n": len(rows),
                }
            )
    return found


def confusion(truth: np.ndarray, chosen: np.ndarray, classes: int) -> list[list[int]]:
    """Rows: the truth; columns: what was answered, the last one for none of the classes."""
    table = np.zeros((classes, classes + 1), dtype=int)
    np.add.at(table, (truth, np.where(chosen < 0, classes, chosen)), 1)
    return [[int(cell) for cell in row] for row in table]


def distribution(answered: Answered, rows: np.ndarray) -> dict[str, Any]:
    """How often which answer was given: bins of numbers, the same for all versions, or the commonest texts."""
    if not rows.any():
        return {}
    if answered.task.name == "multiclass":
        names = [*answered.task.classes, "none of them"]
        counts = [
            np.bincount(np.where(one[rows] < 0, len(names) - 1, one[rows]), minlength=len(names))
            for one in answered.answers
        ]
        return _few(names, [count.tolist() for count in counts])
    if any(one.dtype == object for one in answered.answers):
        texts = [[str(value) for value in one[rows]] for one in answered.answers]
        names = sorted({text for column in texts for text in column})
        return _few(names, [[column.count(name) for name in names] for column in texts])
    every = np.concatenate([one[rows] for one in answered.answers])
    edges = np.histogram_bin_edges(every, BINS)
    return {
        "labels": [f"{edge:,.{_decimals(edges)}f}" for edge in edges[:-1]],
        "counts": [np.histogram(one[rows], edges)[0].tolist() for one in answered.answers],
    }


def _decimals(edges: np.ndarray) -> int:
    """As many as tell two edges apart."""
    width = float(edges[1] - edges[0])
    return max(0, 1 - int(np.floor(np.log10(width)))) if width > 0 else 2


def _few(names: list[str], counts: list[list[int]]) -> dict[str, Any]:
    """The commonest names; those that fewer than ten rows have are not told apart."""
    totals = np.array(counts).sum(axis=0)
    large = [
        place for place in np.argsort(-totals).tolist() if totals[place] >= paired.LEAST_SHOWN
    ][:MOST_CLASSES_SHOWN]
    rest = [sum(count) - sum(count[place] for place in large) for count in counts]
    return {
        "labels": [str(names[place])[:40] for place in large] + ["others"],
        "counts": [
            [int(count[place]) for place in large] + [int(left)]
            for count, left in zip(counts, rest, strict=True)
        ],
    }


def agreement(answered: Answered, rows: np.ndarray) -> list[dict[str, Any]]:
    """How the first version and each other one agree: correlation and mean difference of numbers, share of equal texts."""
    if not rows.any():
        return []
    first = answered.answers[0][rows]
    found = []
    for place, other in enumerate(answered.answers[1:], 1):
        second = other[rows]
        if first.dtype == object or second.dtype == object or answered.task.name == "multiclass":
            found.append({"other": place, "same": rounded(float(np.mean(first == second)))})
            continue
        spread = first.std() * second.std()
        related = float(np.corrcoef(first, second)[0, 1]) if spread > 0 else None
        apart = float(np.abs(first - second).mean())
        found.append({"other": place, "correlation": rounded(related), "apart": rounded(apart)})
    return found


def extremes(answered: Answered, rows: np.ndarray) -> list[dict[str, Any]]:
    """The rows with the lowest and the highest answers of the first version, and with the largest error where there is a truth."""
    first = answered.answers[0]
    if first.dtype == object or answered.task.name == "multiclass" or not rows.any():
        return []
    places = np.flatnonzero(rows)
    order = places[np.argsort(first[places], kind="stable")]
    chosen = [(place, "lowest answer") for place in order[:EXTREMES]]
    chosen += [(place, "highest answer") for place in order[::-1][:EXTREMES]]
    with_truth = places[answered.has_truth[places]]
    if answered.task.name and len(with_truth):
        off = np.abs(first - answered.truth)[with_truth]
        chosen += [(place, "largest error") for place in with_truth[np.argsort(-off)][:EXTREMES]]
    return [
        {
            "row": int(answered.numbers[place]),
            "why": why,
            "answers": [rounded(float(one[place])) for one in answered.answers],
            "truth": rounded(float(answered.truth[place])) if answered.has_truth[place] else None,
        }
        for place, why in chosen
    ]


def latency(ms: list[float]) -> dict[str, Any]:
    """Quantiles of single rows, by order statistics; {} where nothing was timed."""
    if len(ms) < 20:
        return {}
    p50, p95, p99 = np.percentile(ms, [50, 95, 99], method="higher")
    return {
        "p50": rounded(float(p50)),
        "p95": rounded(float(p95)),
        "p99": rounded(float(p99)),
        "n": len(ms),
    }


def benchmark(version: ModelVersion, task: str) -> dict[str, Any] | None:
    """The newest independent figure of the primary metric over all rows."""
    found = (
        version.evaluations.filter(
            kind=Evaluation.Kind.INDEPENDENT, metric=measures.PRIMARY[task], slice=""
        )
        .order_by("-id")
        .first()
    )
    if found is None:
        return None
    return {"value": found.value, "low": found.low, "high": found.high, "data": found.data}


def rounded(value: float | None) -> float | None:
    """Six significant figures, as JSON."""
    return None if value is None or not np.isfinite(value) else float(f"{float(value):.6g}")
