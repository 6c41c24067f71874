"""Measured facts of a trained demo model: quality with an interval, a baseline, and fairness by group.

Fairness follows docs/governance.md, "What is not built": demographic parity ratio (lowest ÷ highest selection rate),
equalised-odds difference, group AUC gap; regression: signed error and MAE ratio by group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from publishing.batch.spread import written

from .listing import Column, Recipe, Sample

Metric = Callable[[np.ndarray, np.ndarray], float]
MIN_GROUP = 100
MIN_OUTCOMES = 30


def facts(
    recipe: Recipe, kept: Sample, held: Sample, answers: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Everything the card's evaluation and fairness sections need, as plain JSON."""
    predicted = prediction(recipe, answers)
    return {
        "rows_training": len(kept.target),
        "rows_hold_out": len(held.target),
        "spread": [written(one.name, kept.inputs[one.name]) for one in told(recipe)],
        "metrics": metrics(recipe, primary_target(held.target), predicted),
        "baseline": baseline(recipe, kept, held),
        "fairness": fairness(recipe, held, predicted),
    }


def told(recipe: Recipe) -> list[Column]:
    """The inputs whose spread a card tells: free texts have none."""
    return [one for one in recipe.columns if one.datatype != "BYTES" or one.enum]


def prediction(recipe: Recipe, answers: dict[str, np.ndarray]) -> np.ndarray:
    """The value that is scored: probability of the positive class, label, or first regression target."""
    if recipe.task == "binary":
        return answers["probabilities"][:, 1]
    if recipe.task == "multiclass":
        return answers["label"]
    return answers["variable"].reshape(len(answers["variable"]), -1)[:, 0]


def primary_target(target: np.ndarray) -> np.ndarray:
    return target if target.ndim == 1 else target[:, 0]


def auc(target: np.ndarray, score: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(target, score))


def brier(target: np.ndarray, score: np.ndarray) -> float:
    return float(np.mean((score - target) ** 2))


def accuracy(target: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean(target == label))


def macro_f1(target: np.ndarray, label: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(target, label, average="macro", zero_division=0))


def mae(target: np.ndarray, value: np.ndarray) -> float:
    return float(np.mean(np.abs(target - value)))


def r_squared(target: np.ndarray, value: np.ndarray) -> float:
    return float(1 - np.sum((target - value) ** 2) / np.sum((target - target.mean()) ** 2))


MEASURED: dict[str, list[tuple[str, Metric, str]]] = {
    "binary": [("auc", auc, "higher"), ("brier", brier, "lower")],
    "multiclass": [("accuracy", accuracy, "higher"), ("macro_f1", macro_f1, "higher")],
    "regression": [("mae", mae, "lower"), ("r2", r_squared, "higher")],
}


def metrics(recipe: Recipe, target: np.ndarray, predicted: np.ndarray) -> list[dict[str, Any]]:
    """Each metric with a 95 % bootstrap interval (100 resamples, fixed seed)."""
    return [
        {
            "name": name,
            "value": rounded(metric(target, predicted)),
            **interval(metric, target, predicted),
            "n": len(target),
            "better": better,
            "primary": place == 0,
        }
        for place, (name, metric, better) in enumerate(MEASURED[recipe.task])
    ]


def interval(metric: Metric, target: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    generator = np.random.default_rng(7)
    draws = [generator.integers(0, len(target), len(target)) for _ in range(100)]
    low, high = np.quantile([metric(target[d], predicted[d]) for d in draws], [0.025, 0.975])
    return {"ci_low": rounded(low), "ci_high": rounded(high)}


def baseline(recipe: Recipe, kept: Sample, held: Sample) -> dict[str, Any]:
    """What a simple rule reaches on the same hold-out rows, so that the model's gain is visible."""
    known, target = primary_target(kept.target), primary_target(held.target)
    if recipe.task == "binary":
        column, score = strongest_column(recipe, kept, held)
        return {"name": "auc", "value": rounded(score), "rule": f"ranking by {column} alone"}
    if recipe.task == "multiclass":
        names, counts = np.unique(known, return_counts=True)
        common = names[counts.argmax()]
        return {
            "name": "accuracy",
            "value": rounded(float(np.mean(target == common))),
            "rule": f"always “{common}”",
        }
    if recipe.baseline_column:
        naive = held.inputs[recipe.baseline_column].astype(float)
        return {
            "name": "mae",
            "value": rounded(mae(target, naive)),
            "rule": f"{recipe.baseline_column} taken as it is",
        }
    naive = np.full(len(target), np.median(known))
    return {"name": "mae", "value": rounded(mae(target, naive)), "rule": "always the median"}


def strongest_column(recipe: Recipe, kept: Sample, held: Sample) -> tuple[str, float]:
    """The numeric input that ranks best alone (chosen on training rows), and its AUC on the hold-out."""
    numeric = [c.name for c in recipe.columns if c.datatype != "BYTES"]
    on_training = {name: auc(kept.target, kept.inputs[name].astype(float)) for name in numeric}
    best = max(on_training, key=lambda name: abs(on_training[name] - 0.5))
    score = auc(held.target, held.inputs[best].astype(float))
    return best, max(score, 1 - score)


def fairness(recipe: Recipe, held: Sample, predicted: np.ndarray) -> list[dict[str, Any]]:
    """One entry per protected attribute."""
    measure = {"binary": selection, "regression": errors, "multiclass": hits}[recipe.task]
    target = primary_target(held.target)
    return [
        measure(recipe, name, groups, target, predicted) for name, groups in held.groups.items()
    ]


def selection(
    recipe: Recipe, attribute: str, groups: np.ndarray, target: np.ndarray, score: np.ndarray
) -> dict[str, Any]:
    """Binary: who gets the favourable outcome, and is the model as right about every group?"""
    high = recipe.favourable == "high"
    chosen = score >= recipe.threshold if high else score < recipe.threshold
    deserving = target == (1 if high else 0)
    rows = []
    for group in enough(groups, target):
        inside = groups == group
        rows.append(
            {
                "group": str(group),
                "n": int(inside.sum()),
                "selection_rate": rounded(chosen[inside].mean()),
                "true_positive_rate": rounded(chosen[inside & deserving].mean()),
                "false_positive_rate": rounded(chosen[inside & ~deserving].mean()),
                "auc": rounded(auc(target[inside], score[inside])),
            }
        )
    ratio = min(column(rows, "selection_rate")) / max(column(rows, "selection_rate"))
    odds = max(spread(rows, "true_positive_rate"), spread(rows, "false_positive_rate"))
    gap = spread(rows, "auc")
    verdict = worst(graded(1 - ratio, 0.2, 0.2), graded(odds, 0.1, 0.2), graded(gap, 0.05, 0.10))
    return {
        "attribute": attribute,
        "threshold": recipe.threshold,
        "favourable": recipe.favourable,
        "groups": rows,
        "demographic_parity_ratio": rounded(ratio),
        "equalised_odds_difference": rounded(odds),
        "auc_gap": rounded(gap),
        "verdict": verdict,
    }


def errors(
    recipe: Recipe, attribute: str, groups: np.ndarray, target: np.ndarray, value: np.ndarray
) -> dict[str, Any]:
    """Regression: is any group systematically over- or under-estimated, or estimated worse?"""
    rows = []
    for group in enough(groups):
        inside = groups == group
        error = value[inside] - target[inside]
        rows.append(
            {
                "group": str(group),
                "n": int(inside.sum()),
                "mean_signed_error": rounded(error.mean()),
                "mae": rounded(np.abs(error).mean()),
                "relative_signed_error": rounded(error.mean() / target.mean()),
            }
        )
    ratio = max(column(rows, "mae")) / min(column(rows, "mae"))
    tilt = max(abs(number) for number in column(rows, "relative_signed_error"))
    verdict = worst(graded(tilt, 0.05, 0.10), graded(ratio - 1, 0.25, 0.5))
    return {
        "attribute": attribute,
        "groups": rows,
        "mae_ratio": rounded(ratio),
        "largest_relative_signed_error": rounded(tilt),
        "verdict": verdict,
    }


def hits(
    recipe: Recipe, attribute: str, groups: np.ndarray, target: np.ndarray, label: np.ndarray
) -> dict[str, Any]:
    """Several classes: is the model as often right for every group?"""
    rows = [
        {
            "group": str(g),
            "n": int((groups == g).sum()),
            "accuracy": rounded(np.mean((target == label)[groups == g])),
        }
        for g in enough(groups)
    ]
    gap = spread(rows, "accuracy")
    return {
        "attribute": attribute,
        "groups": rows,
        "accuracy_gap": rounded(gap),
        "verdict": graded(gap, 0.05, 0.10),
    }


def enough(groups: np.ndarray, outcome: np.ndarray | None = None) -> list[Any]:
    """Groups with enough rows (and, for a yes/no outcome, enough of both) to say something about."""
    names, counts = np.unique(groups, return_counts=True)
    large = [name for name, count in zip(names, counts, strict=True) if count >= MIN_GROUP]
    if outcome is None:
        return large
    return [
        name
        for name in large
        if MIN_OUTCOMES <= outcome[groups == name].sum() <= (groups == name).sum() - MIN_OUTCOMES
    ]


def column(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [row[name] for row in rows]


def spread(rows: list[dict[str, Any]], name: str) -> float:
    return max(column(rows, name)) - min(column(rows, name))


def graded(value: float, good: float, bad: float) -> str:
    if value <= good:
        return "pass"
    return "warn" if value <= bad else "fail"


def worst(*verdicts: str) -> str:
    return max(verdicts, key=("pass", "warn", "fail").index)


def rounded(value: Any) -> float:
    """Four significant digits: more would pretend."""
    return float(f"{float(value):.4g}")
