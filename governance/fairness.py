"""Are groups of people treated alike? Selection rates and equal opportunity, or errors of amounts, per group (docs/evaluation.md, "Fairness").

The limits are a screening convention (29 CFR 1607.4(D)), neither safe harbour nor proof.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

TASKS = ("binary", "regression")  # of several classes, no rate is compared yet
LEAST_ROWS, LEAST_OF_EACH = 100, 30  # of a group; of its deserving and its other rows
LARGE_PART = 0.05  # of all rows: a group as large as this may not be left out
RATIO = 0.80
GAP, GAP_AT_MOST = 0.10, 0.20  # of equal opportunity: passes up to, fails above
TILT = 0.05  # mean signed error of a group, as a part of the mean amount
ERRORS = 1.25  # the largest mean absolute error of a group over the smallest
DRAWS = 2000
PASS, WARN, INSUFFICIENT, FAIL = "pass", "warn", "insufficient", "fail"
SAID = {FAIL: "fails", WARN: "is near the limit", PASS: "passes"}
SEVERITY = {PASS: 0, WARN: 1, INSUFFICIENT: 2, FAIL: 3}


@dataclass(frozen=True)
class Attribute:
    """What was found about one column of groups."""

    name: str
    verdict: str
    summary: str
    figures: list[dict[str, Any]]  # metric, value, low, high, n, slice


def judge(
    name: str, values: np.ndarray, selected: np.ndarray, deserving: np.ndarray, seed: int
) -> Attribute:
    """Compare the groups of one column. selected, deserving: the good answer was given; it was right to give it."""
    cells = {
        group: cells_of(values == group, selected, deserving)
        for group in np.unique(values).tolist()
    }
    kept = {group: counts for group, counts in cells.items() if _is_enough(counts)}
    left_out = [group for group in cells if group not in kept]
    figures = [_rate(name, group, counts) for group, counts in kept.items()]
    large = [group for group in left_out if cells[group].sum() >= LARGE_PART * len(values)]
    if len(kept) < 2 or large:
        which = ", ".join(map(str, large or left_out))
        summary = f"{name}: too few rows to judge ({which}); a group needs {LEAST_ROWS}, with {LEAST_OF_EACH} of each outcome."
        return Attribute(name, INSUFFICIENT, summary, figures)
    random = np.random.default_rng(seed)
    counts = np.array(list(kept.values()))
    drawn = np.stack(
        [random.multinomial(row.sum(), row / row.sum(), size=DRAWS) for row in counts], axis=1
    )
    ratio, gap = _disparities(counts[None])
    ratios, gaps = _disparities(drawn)
    n = int(counts.sum())
    compared = [
        _figure("selection_rate_ratio", ratio[0], ratios, n, name),
        _figure("equal_opportunity_difference", gap[0], gaps, n, name),
    ]
    verdict = verdict_of(compared[0], compared[1])
    return Attribute(name, verdict, _summary(name, verdict, kept, compared), compared + figures)


def judge_amounts(
    name: str, values: np.ndarray, predicted: np.ndarray, truth: np.ndarray, seed: int
) -> Attribute:
    """Compare the errors that a regression makes about the groups of one column."""
    errors = {group: (predicted - truth)[values == group] for group in np.unique(values).tolist()}
    kept = {group: rows for group, rows in errors.items() if len(rows) >= LEAST_ROWS}
    large = [g for g in errors.keys() - kept.keys() if len(errors[g]) >= LARGE_PART * len(values)]
    if len(kept) < 2 or large:
        summary = f"{name}: too few rows to judge; a group needs {LEAST_ROWS}."
        return Attribute(name, INSUFFICIENT, summary, [])
    random, level = np.random.default_rng(seed), abs(float(truth.mean())) or 1.0
    drawn = {
        group: rows[random.integers(0, len(rows), (DRAWS, len(rows)))]
        for group, rows in kept.items()
    }
    tilts = {group: float(rows.mean()) / level for group, rows in kept.items()}
    sizes = np.array([np.abs(rows).mean() for rows in kept.values()])
    drawn_sizes = np.array([np.abs(rows).mean(axis=1) for rows in drawn.values()])
    ratio = _figure(
        "mae_ratio",
        sizes.max() / sizes.min(),
        drawn_sizes.max(axis=0) / drawn_sizes.min(axis=0),
        sum(map(len, kept.values())),
        name,
    )
    signed = [
        _figure(
            "signed_error",
            tilt,
            drawn[group].mean(axis=1) / level,
            len(kept[group]),
            f"{name}: {group}",
        )
        for group, tilt in tilts.items()
    ]
    worst = max(tilts, key=lambda group: abs(tilts[group]))
    verdict = verdict_of_amounts(ratio, signed)
    summary = (
        f"{name} {SAID[verdict]}: errors of one group are {ratio['value']:.2f} times those of another "
        f"[{ratio['low']:.2f}, {ratio['high']:.2f}]; {worst} is {tilts[worst]:+.1%} off on average."
    )
    return Attribute(name, verdict, summary, [ratio, *signed])


def verdict_of_amounts(ratio: dict[str, Any], signed: list[dict[str, Any]]) -> str:
    """Values within the limits pass; a whole interval beyond one fails."""
    if ratio["low"] > ERRORS or any(row["low"] > TILT or row["high"] < -TILT for row in signed):
        return FAIL
    within = ratio["value"] <= ERRORS and all(abs(row["value"]) <= TILT for row in signed)
    return PASS if within else WARN


def cells_of(group: np.ndarray, selected: np.ndarray, deserving: np.ndarray) -> np.ndarray:
    """Rows of a group: selected and deserving, deserving only, selected only, neither."""
    return np.array(
        [
            np.count_nonzero(group & (selected == chosen) & (deserving == right))
            for right, chosen in ((True, True), (True, False), (False, True), (False, False))
        ]
    )


def _is_enough(cells: np.ndarray) -> bool:
    deserving, others = cells[:2].sum(), cells[2:].sum()
    return bool(cells.sum() >= LEAST_ROWS and min(deserving, others) >= LEAST_OF_EACH)


def _disparities(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """draws × groups × 4 → the lowest selection rate over the highest; the gap of the rates among the deserving."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = (cells[..., 0] + cells[..., 2]) / cells.sum(axis=-1)
        right = cells[..., 0] / (cells[..., 0] + cells[..., 1])
        ratio = rates.min(axis=-1) / rates.max(axis=-1)
    return ratio, right.max(axis=-1) - right.min(axis=-1)


def _figure(metric: str, value: float, drawn: np.ndarray, n: int, name: str) -> dict[str, Any]:
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (0.0, 1.0)
    return {
        "metric": metric,
        "value": float(value) if np.isfinite(value) else 0.0,
        "low": float(low),
        "high": float(high),
        "n": n,
        "slice": name,
    }


def _rate(name: str, group: str, cells: np.ndarray) -> dict[str, Any]:
    rate = float((cells[0] + cells[2]) / cells.sum())
    return {
        "metric": "selection_rate",
        "value": rate,
        "low": None,
        "high": None,
        "n": int(cells.sum()),
        "slice": f"{name}: {group}",
    }


def verdict_of(ratio: dict[str, Any], gap: dict[str, Any]) -> str:
    if ratio["value"] < RATIO or gap["value"] > GAP_AT_MOST:
        return FAIL
    return PASS if ratio["low"] >= RATIO and gap["value"] <= GAP else WARN


def _summary(
    name: str, verdict: str, kept: dict[str, np.ndarray], compared: list[dict[str, Any]]
) -> str:
    rates = {group: (cells[0] + cells[2]) / cells.sum() for group, cells in kept.items()}
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    ratio, gap = compared
    return (
        f"{name} {SAID[verdict]}: {least} is selected {rates[least]:.0%}, {most} {rates[most]:.0%}; "
        f"ratio {ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}], "
        f"equal opportunity {gap['value']:.3f}."
    )
