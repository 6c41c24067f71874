"""Are groups of people treated alike? Selection rates and equal opportunity, or errors of amounts, per group (docs/evaluation.md, "Fairness").

The limits are a screening convention (29 CFR 1607.4(D)), neither safe harbour nor proof.
"""

from dataclasses import dataclass
from itertools import combinations
from math import erfc, sqrt
from typing import Any

import numpy as np

from governance import measures

TASKS = ("binary", "regression")  # of several classes, no rate is compared yet
LEAST_ROWS, LEAST_OF_EACH = 100, 30  # of a group; of its deserving and its other rows
LARGE_PART = 0.05  # of all rows: a group as large as this may not be left out
RATIO = 0.80
GAP, GAP_AT_MOST = 0.10, 0.20  # of equal opportunity: passes up to, fails above
MANY_GROUPS = 4  # from more on, each is also compared with the largest
SURE = 0.05  # of a p, corrected for the number of groups (Holm)
TILT = 0.05  # mean signed error of a group, as a part of the mean amount
ERRORS = 1.25  # the largest mean absolute error of a group over the smallest
DRAWS = 2000
Z = 1.959964  # of a 95 % interval
CROSSED_COLUMNS = 4  # columns of groups that are crossed two by two
MOST_CELLS = 12  # of two crossed columns that are reported one by one
LEAST_SHOWN = 10  # rows; of a smaller group not even the number is kept
LONGEST_NAME, LONGEST_HALF = 50, 23  # letters of a group in a slice's name; of two crossed ones
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
    left_out = {group: int(cells[group].sum()) for group in cells if group not in kept}
    figures = [figure for group, counts in kept.items() for figure in _rates(name, group, counts)]
    figures += [too_few(name, group, rows) for group, rows in left_out.items()]
    if problem := _too_small(name, len(kept), left_out, len(values)):
        return Attribute(name, INSUFFICIENT, problem, figures)
    random = np.random.default_rng(seed)
    counts = np.array(list(kept.values()))
    drawn = np.stack(
        [random.multinomial(row.sum(), row / row.sum(), size=DRAWS) for row in counts], axis=1
    )
    ratio, gap = _disparities(counts[None])
    ratios, gaps = _disparities(drawn)
    n = int(counts.sum())
    compared = [
        _figure("selection_rate_ratio", ratio[0], ratios, n, name, RATIO),
        _figure("equal_opportunity_difference", gap[0], gaps, n, name, GAP),
    ]
    verdict = verdict_of(compared[0], compared[1])
    summary = _summary(name, verdict, kept, compared)
    if len(kept) > MANY_GROUPS:
        apart, said = _against_largest(name, kept)
        compared, summary = compared + apart, f"{summary} {said}"
    return Attribute(name, verdict, summary, compared + figures)


def _against_largest(name: str, kept: dict[str, np.ndarray]) -> tuple[list[dict[str, Any]], str]:
    """Each group's selection rate less the largest group's, with intervals; and which differences are sure (Holm).

    The lowest rate over the highest of many groups is low by chance alone, so this is told beside it and decides nothing.
    """
    largest = max(kept, key=lambda group: kept[group].sum())
    others = [group for group in kept if group != largest]
    found = [_difference(kept[group], kept[largest]) for group in others]
    sure = [
        group
        for group, p in zip(others, measures.holm([p for *_, p in found]), strict=True)
        if p < SURE
    ]
    figures = [
        {
            "metric": "selection_rate_difference",
            "value": value,
            "low": value - Z * error,
            "high": value + Z * error,
            "n": int(kept[group].sum()),
            "slice": slice_name(name, group),
            "threshold": None,
        }
        for group, (value, error, _) in zip(others, found, strict=True)
    ]
    named = ", ".join(group[:LONGEST_NAME] for group in sure) or "none"
    return (
        figures,
        f"Against {largest[:LONGEST_NAME]}, the largest group, surely different (Holm): {named}.",
    )


def _difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """(difference of two selection rates, its standard error, two-sided p of no difference)."""
    sizes = np.array([one.sum(), other.sum()], dtype=float)
    rates = np.array([one[0] + one[2], other[0] + other[2]]) / sizes
    value, error = float(rates[0] - rates[1]), sqrt(float((rates * (1 - rates) / sizes).sum()))
    pooled = float((rates * sizes).sum() / sizes.sum())
    spread = sqrt(pooled * (1 - pooled) * float((1 / sizes).sum()))
    return value, error, erfc(abs(value) / spread / sqrt(2)) if spread else 1.0


def judge_amounts(
    columns: dict[str, np.ndarray], predicted: np.ndarray, truth: np.ndarray, seed: int
) -> list[Attribute]:
    """Compare the errors that a regression makes about the groups of each column, all on the same draws."""
    level = abs(float(truth.mean())) or 1.0
    errors = _errors(columns, (predicted - truth) / level, seed)
    return [_judge_amounts(name, values, errors) for name, values in columns.items()]


def _judge_amounts(
    name: str, values: np.ndarray, errors: dict[tuple[str, str], np.ndarray]
) -> Attribute:
    sizes = dict(zip(*map(np.ndarray.tolist, np.unique(values, return_counts=True)), strict=True))
    kept = {group: rows for group, rows in sizes.items() if rows >= LEAST_ROWS}
    left_out = {group: rows for group, rows in sizes.items() if group not in kept}
    few = [too_few(name, group, rows) for group, rows in left_out.items()]
    if problem := _too_small(name, len(kept), left_out, len(values)):
        return Attribute(name, INSUFFICIENT, problem, few)
    large = np.array([errors[name, group][1] for group in kept])
    ratios = large.max(axis=0) / large.min(axis=0)
    ratio = _figure("mae_ratio", ratios[0], ratios[1:], sum(kept.values()), name, ERRORS)
    signed = [
        _figure("signed_error", tilts[0], tilts[1:], rows, slice_name(name, group), TILT)
        for group, rows in kept.items()
        for tilts in [errors[name, group][0]]
    ]
    worst = max(signed, key=lambda row: abs(row["value"]))
    verdict = verdict_of_amounts(ratio, signed)
    summary = (
        f"{name} {SAID[verdict]}: errors of one group are {ratio['value']:.2f} times those of another "
        f"[{ratio['low']:.2f}, {ratio['high']:.2f}]; {worst['slice'].partition(': ')[2]} is "
        f"{worst['value']:+.1%} off on average."
    )
    return Attribute(name, verdict, summary, [ratio, *signed, *few])


@measures.QUIET
def _errors(
    columns: dict[str, np.ndarray], errors: np.ndarray, seed: int
) -> dict[tuple[str, str], np.ndarray]:
    """(column, group) → mean error and mean absolute error: 2 × (1 + DRAWS), the first of all rows as they are."""
    groups = [
        (name, group) for name, values in columns.items() for group in np.unique(values).tolist()
    ]
    inside = np.column_stack([columns[name] == group for name, group in groups]).astype(float)
    summed = np.hstack([inside, inside * errors[:, None], inside * np.abs(errors)[:, None]])
    draws = measures.blocks(np.zeros(len(errors)), DRAWS, seed)
    sums = [summed.sum(axis=0)[None], *(weights @ summed for weights in draws)]
    rows, signed, sizes = np.concatenate(sums).T.reshape(3, len(groups), 1 + DRAWS)
    return dict(zip(groups, np.stack([signed / rows, sizes / rows], axis=1), strict=True))


def crossed(groups: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns whose groups are those of two columns at once, as "sex × age"."""
    return {
        f"{one[:LONGEST_HALF]} × {other[:LONGEST_HALF]}": np.array(
            [f"{a[:LONGEST_HALF]} × {b[:LONGEST_HALF]}" for a, b in zip(first, second, strict=True)]
        )
        for (one, first), (other, second) in combinations(list(groups.items())[:CROSSED_COLUMNS], 2)
    }


def reported(attribute: Attribute) -> list[dict[str, Any]]:
    """Figures of two crossed columns: what compares them, then those of the groups with the most rows."""
    compared = [row for row in attribute.figures if ": " not in row["slice"]]
    counted = {row["slice"]: row["n"] or 0 for row in attribute.figures if ": " in row["slice"]}
    shown = sorted(counted, key=lambda name: -counted[name])[:MOST_CELLS]
    return compared + [row for row in attribute.figures if row["slice"] in shown]


def has_enough(truth: np.ndarray, task: str) -> bool:
    """Is a group of these labels large enough to be measured?"""
    if (
        task == "binary"
        and min(np.count_nonzero(truth == 1), np.count_nonzero(truth == 0)) < LEAST_OF_EACH
    ):
        return False
    return len(truth) >= LEAST_ROWS


def too_few(name: str, group: str, rows: int) -> dict[str, Any]:
    """That a group is too small to be measured. Of a very small one, the number of rows is not kept."""
    n = max(rows, LEAST_SHOWN)
    return {
        "metric": "too_few_rows",
        "value": float(n),
        "low": None,
        "high": None,
        "n": n,
        "slice": slice_name(name, group),
        "threshold": float(LEAST_ROWS),
    }


def _too_small(name: str, kept: int, left_out: dict[str, int], rows: int) -> str:
    """Why a column cannot be judged; "" when it can."""
    large = [group for group, count in left_out.items() if count >= LARGE_PART * rows]
    if kept >= 2 and not large:
        return ""
    which = ", ".join(large or left_out)
    return f"{name}: too few rows to judge ({which}); a group needs {LEAST_ROWS}, with {LEAST_OF_EACH} of each outcome."


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


def _figure(
    metric: str, value: float, drawn: np.ndarray, n: int, name: str, threshold: float
) -> dict[str, Any]:
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (0.0, 1.0)
    return {
        "metric": metric,
        "value": float(value) if np.isfinite(value) else 0.0,
        "low": float(low),
        "high": float(high),
        "n": n,
        "slice": name,
        "threshold": threshold,
    }


def _rates(name: str, group: str, cells: np.ndarray) -> list[dict[str, Any]]:
    """How many of a group are selected, and how many of its deserving."""
    return [
        share(
            "selection_rate", int(cells[0] + cells[2]), int(cells.sum()), slice_name(name, group)
        ),
        share("true_positive_rate", int(cells[0]), int(cells[:2].sum()), slice_name(name, group)),
    ]


def share(metric: str, count: int, n: int, name: str = "") -> dict[str, Any]:
    """A share with its Wilson interval."""
    value, room = count / n, 1 + Z**2 / n
    middle = (value + Z**2 / (2 * n)) / room
    half = Z / room * sqrt(value * (1 - value) / n + Z**2 / (4 * n**2))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return {"metric": metric, "value": value, "low": low, "high": high, "n": n, "slice": name}


def slice_name(name: str, group: str) -> str:
    return f"{name[:LONGEST_NAME]}: {group[:LONGEST_NAME]}"


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
