"""Metrics over weighted rows, all bootstrap replicates at once (docs/evaluation.md, "Suites").

Shapes: truth and predicted are arrays of n rows; weights is replicates × n, how often each replicate drew each row.
A metric is an array with one value a replicate; NaN where it is undefined.
"""

from collections.abc import Iterator

import numpy as np

ECE_BINS = 15  # of equal mass
SMALLEST_PROBABILITY = 1e-15  # log loss of a certain and wrong answer stays finite
CELLS_AT_ONCE = 4_000_000  # replicates × rows of one block: some 100 MB

PRIMARY = {"binary": "roc_auc", "multiclass": "macro_f1", "regression": "mae"}
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece", "mae", "rmse"})

Metrics = dict[str, np.ndarray]


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
    with np.errstate(divide="ignore", invalid="ignore"):
        if task == "binary":
            return binary(truth, predicted, weights, cutoff)
        return (multiclass if task == "multiclass" else regression)(truth, predicted, weights)


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


def binary(truth: np.ndarray, score: np.ndarray, weights: np.ndarray, cutoff: float) -> Metrics:
    total = weights.sum(axis=1)
    chosen = score >= cutoff
    hits, alarms, positives = (
        weights @ mask.astype(float) for mask in (chosen & (truth == 1), chosen, truth == 1)
    )
    sure = np.clip(score, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    surprise = -np.where(truth == 1, np.log(sure), np.log1p(-sure))
    return {
        "roc_auc": roc_auc(truth, score, weights),
        "brier": weights @ (score - truth) ** 2 / total,
        "log_loss": weights @ surprise / total,
        "ece": np.abs((weights * (truth - score)) @ equal_mass_bins(score)).sum(axis=1) / total,
        "precision": hits / alarms,
        "recall": hits / positives,
        "f1": 2 * hits / (alarms + positives),
    }


def roc_auc(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The chance that a positive row scores above a negative one; ties count half."""
    order = np.argsort(score, kind="stable")
    ordered, drawn = score[order], weights[:, order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    positive = np.add.reduceat(drawn * (truth[order] == 1), starts, axis=1)
    negative = np.add.reduceat(drawn * (truth[order] == 0), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    return (positive * (below + negative / 2)).sum(axis=1) / (
        positive.sum(axis=1) * negative.sum(axis=1)
    )


def equal_mass_bins(score: np.ndarray) -> np.ndarray:
    """n × bins: in which bin of equal mass each row is."""
    bins = min(ECE_BINS, len(score))
    members = np.zeros((len(score), bins))
    rank = np.argsort(np.argsort(score, kind="stable"), kind="stable")
    members[np.arange(len(score)), rank * bins // len(score)] = 1
    return members


def multiclass(truth: np.ndarray, chosen: np.ndarray, weights: np.ndarray) -> Metrics:
    """Classes are numbers from 0; a prediction of -1 is none of the known classes."""
    hits, alarms, actual = [], [], []
    for label in np.unique(truth):
        hits.append(weights @ ((truth == label) & (chosen == label)).astype(float))
        alarms.append(weights @ (chosen == label).astype(float))
        actual.append(weights @ (truth == label).astype(float))
    found, said, there = map(np.array, (hits, alarms, actual))
    return {
        "macro_f1": (2 * found / (said + there)).mean(axis=0),
        "balanced_accuracy": (found / there).mean(axis=0),
        "accuracy": found.sum(axis=0) / weights.sum(axis=1),
    }


def regression(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> Metrics:
    total = weights.sum(axis=1)
    squares = weights @ (predicted - truth) ** 2
    mean = weights @ truth / total
    spread = weights @ truth**2 - total * mean**2
    return {
        "mae": weights @ np.abs(predicted - truth) / total,
        "rmse": np.sqrt(squares / total),
        "r2": 1 - squares / spread,
    }
