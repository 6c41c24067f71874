"""Metrics over weighted rows, many bootstrap replicates at once (docs/evaluation.md, "Suites").

Shapes: truth and predicted are arrays of n rows; weights is replicates × n, how often each replicate drew each row.
A metric is an array with one value a replicate; NaN where it is undefined.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

ECE_BINS = 15  # of equal mass
SMALLEST_PROBABILITY = 1e-15  # log loss of a certain and wrong answer stays finite
CELLS_AT_ONCE = 300_000  # replicates × rows of a block: its arrays stay in the processor's cache

PRIMARY = {"binary": "roc_auc", "multiclass": "macro_f1", "regression": "mae"}
RARE = 0.05  # a smaller share of positives: the area under ROC flatters, so precision and recall come first
RARE_PRIMARY = "pr_auc"
TOP = 0.1  # of the rows by score, for lift
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece", "mae", "rmse"})

QUIET = np.errstate(divide="ignore", invalid="ignore")  # what is undefined is NaN

Metrics = dict[str, np.ndarray]
Measure = Callable[[np.ndarray], Metrics]  # weights → metrics; prepared once for many blocks


def blocks(strata: np.ndarray, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Weights of a bootstrap that keeps the number of rows of each stratum, in blocks of replicates."""
    random = np.random.default_rng(seed)
    n = len(strata)
    places = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    step = max(1, CELLS_AT_ONCE // n)
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        weights = np.zeros((size, n))
        for rows in places:
            drawn = random.integers(0, len(rows), (size, len(rows)))
            drawn += np.arange(size)[:, None] * len(rows)
            counts = np.bincount(drawn.ravel(), minlength=size * len(rows))
            weights[:, rows] = counts.reshape(size, len(rows))
        yield weights


def measure(
    task: str, truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray, cutoff: float = 0.5
) -> Metrics:
    """The suite of a task: {metric: one value a replicate}."""
    return suite(task, truth, predicted, cutoff)(weights)


def suite(task: str, truth: np.ndarray, predicted: np.ndarray, cutoff: float = 0.5) -> Measure:
    """All metrics of a task."""
    if task == "binary":
        return binary(truth, predicted, cutoff)
    return (multiclass if task == "multiclass" else regression)(truth, predicted)


def is_rare(task: str, truth: np.ndarray) -> bool:
    """Is it about an event that few rows have?"""
    return task == "binary" and 0 < truth.mean() < RARE


def rare_events(truth: np.ndarray, score: np.ndarray, cutoff: float) -> Measure:
    """The suite of rare events: that of two classes, with the area under precision and recall, and lift at the top tenth."""
    usual, curve = binary(truth, score, cutoff), precision_recall(truth, score)
    return lambda weights: curve(weights) | usual(weights)


def primary(task: str, truth: np.ndarray, predicted: np.ndarray) -> Measure:
    """The primary metric alone, in less time than the suite."""
    if task != "binary":
        return suite(task, truth, predicted)
    auc = roc_auc(truth, predicted)
    return lambda weights: {"roc_auc": auc(weights)}


def joined(parts: list[Metrics]) -> Metrics:
    """The metrics of all blocks, one after the other."""
    return {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """The 95 % percentile interval; None when more than 1 % of the replicates are undefined."""
    finite = values[np.isfinite(values)]
    if len(finite) < 0.99 * len(values):
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def naive(task: str, truth: np.ndarray) -> np.ndarray:
    """What a model that looks at no input answers: the prior, the commonest class, the median."""
    if task == "binary":
        return np.full(len(truth), truth.mean())
    if task == "regression":
        return np.full(len(truth), np.median(truth))
    return np.full(len(truth), np.bincount(truth).argmax())


def binary(truth: np.ndarray, score: np.ndarray, cutoff: float) -> Measure:
    auc, chosen = roc_auc(truth, score), score >= cutoff
    sure = np.clip(score, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    surprise = -np.where(truth == 1, np.log(sure), np.log1p(-sure))
    excess = (truth - score)[:, None] * equal_mass_bins(score)
    columns = (
        chosen & (truth == 1),
        chosen,
        truth == 1,
        np.ones(len(truth)),
        (score - truth) ** 2,
        surprise,
    )
    summed = np.column_stack([*columns, excess]).astype(float)

    @QUIET
    def metrics(weights: np.ndarray) -> Metrics:
        sums = (weights @ summed).T
        hits, alarms, positives, total, squares, surprises = sums[: len(columns)]
        return {
            "roc_auc": auc(weights),
            "brier": squares / total,
            "log_loss": surprises / total,
            "ece": np.abs(sums[len(columns) :]).sum(axis=0) / total,
            "precision": hits / alarms,
            "recall": hits / positives,
            "f1": 2 * hits / (alarms + positives),
        }

    return metrics


def roc_auc(truth: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The chance that a positive row scores above a negative one; ties count half."""
    order = np.argsort(score, kind="stable")
    is_positive = truth[order] == 1
    upper, lower = order[is_positive], order[~is_positive]
    below = np.searchsorted(score[lower], score[upper], "left")
    up_to = np.searchsorted(score[lower], score[upper], "right")

    @QUIET
    def area(weights: np.ndarray) -> np.ndarray:
        positive, negative = weights[:, upper], weights[:, lower]
        passed = np.zeros((len(weights), len(lower) + 1))  # negatives drawn below each place
        np.cumsum(negative, axis=1, out=passed[:, 1:])
        beaten = np.einsum("ij,ij->i", positive, passed[:, below])
        beaten += np.einsum("ij,ij->i", positive, passed[:, up_to])
        return np.asarray(beaten / (2 * positive.sum(axis=1) * passed[:, -1]))

    return area


def precision_recall(truth: np.ndarray, score: np.ndarray) -> Measure:
    """pr_auc: average precision, Σ (recall − recall before) × precision over the distinct scores, highest first.

    lift_10: positives among the tenth of the rows with the highest scores, over those of as many rows drawn blindly; of rows
    with one score, the part that fits counts.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    is_positive = (truth[order] == 1).astype(float)

    @QUIET
    def metrics(weights: np.ndarray) -> Metrics:
        drawn = weights[:, order]
        flagged = np.cumsum(drawn, axis=1)[:, ends]
        hits = np.cumsum(drawn * is_positive, axis=1)[:, ends]
        recall = hits / hits[:, -1:]
        steps = np.diff(recall, axis=1, prepend=0)
        precision = np.where(flagged > 0, hits / flagged, 0)
        return {
            "pr_auc": (steps * precision).sum(axis=1),
            "lift_10": np.array([_reached(*pair) for pair in zip(flagged, recall, strict=True)])
            / TOP,
        }

    return metrics


def _reached(flagged: np.ndarray, recall: np.ndarray) -> float:
    """The recall among the top tenth: a straight line between two distinct scores."""
    return float(np.interp(TOP * flagged[-1], np.append(0, flagged), np.append(0, recall)))


def equal_mass_bins(score: np.ndarray) -> np.ndarray:
    """n × bins: in which bin of equal mass each row is."""
    bins = min(ECE_BINS, len(score))
    members = np.zeros((len(score), bins))
    rank = np.argsort(np.argsort(score, kind="stable"), kind="stable")
    members[np.arange(len(score)), rank * bins // len(score)] = 1
    return members


def multiclass(truth: np.ndarray, chosen: np.ndarray) -> Measure:
    """Classes are numbers from 0; a prediction of -1 is none of the known classes."""
    labels = np.unique(truth)
    there, said = truth[:, None] == labels, chosen[:, None] == labels
    summed = np.column_stack([there & said, said, there, np.ones(len(truth))]).astype(float)

    @QUIET
    def metrics(weights: np.ndarray) -> Metrics:
        *sums, total = (weights @ summed).T
        found, alarms, actual = np.array(sums).reshape(3, len(labels), len(weights))
        return {
            "macro_f1": (2 * found / (alarms + actual)).mean(axis=0),
            "balanced_accuracy": (found / actual).mean(axis=0),
            "accuracy": found.sum(axis=0) / total,
        }

    return metrics


def regression(truth: np.ndarray, predicted: np.ndarray) -> Measure:
    errors = predicted - truth
    summed = np.column_stack([np.ones(len(truth)), np.abs(errors), errors**2, truth, truth**2])

    @QUIET
    def metrics(weights: np.ndarray) -> Metrics:
        total, sizes, squares, amounts, squared = (weights @ summed).T
        spread = squared - amounts**2 / total
        return {
            "mae": sizes / total,
            "rmse": np.sqrt(squares / total),
            "r2": 1 - squares / spread,
        }

    return metrics


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p in the given order (Holm 1979): the chance of one false finding in the family stays below the level."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    adjusted, so_far = [1.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        so_far = max(so_far, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = so_far
    return adjusted
