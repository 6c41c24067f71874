"""How a version answers unlike the one in use, on the same rows (docs/evaluation.md, "Behaviour").

Pure. Figures have three significant digits, and counts below SHOWN_FROM are not told: rows may be hidden data.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from catalog.models import ModelVersion
from governance import suites
from governance.models import GateResult

GATE = "behaviour"
SAME = 1e-6  # a patch answers every row alike, up to sums in another order
FLIPS = {"high": 0.03}  # share of the rows whose decision changes, by tier; FLIPS_ELSE at others
FLIPS_ELSE = 0.05
SHIFT = 0.10  # population stability index of the answers
GROUP = 0.03  # change of a group's selection rate
AMOUNT = 0.02  # mean absolute difference of amounts, as a part of the mean amount
BINS = 10
LEAST_OF_A_GROUP = 100
SHOWN_FROM = 10  # rows; smaller counts would tell about single ones
MOST_MOVES, MOST_SLICES = 10, 40
Verdict = GateResult.Verdict


@dataclass(frozen=True)
class Measure:
    """One figure with the limit that it may reach; None where it has none."""

    name: str
    value: float
    limit: float | None = None

    @property
    def is_within(self) -> bool:
        return self.limit is None or self.value <= self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" (limit {self.limit:g})"
        return f"{self.name} {self.value:.3g}{limit}"


@dataclass(frozen=True)
class Move:
    """How many rows went from one answer to another; None below SHOWN_FROM."""

    before: str
    after: str
    rows: int | None


@dataclass(frozen=True)
class Slice:
    """What changed in a group. before, after: selection rates, which are judged, or mean amounts; None of several classes."""

    name: str
    rows: int
    before: float | None
    after: float | None
    flips: float | None
    is_within: bool = True

    @property
    def weight(self) -> float:
        """How much it changed: the worst slice comes first."""
        return abs((self.after or 0) - (self.before or 0)) + (self.flips or 0)


@dataclass(frozen=True)
class Behaviour:
    """What is different, on so many rows that both versions take."""

    rows: int
    largest: float  # difference of one answer; of classes, 1 when any differs
    measures: list[Measure]
    moves: list[Move] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        return self.largest <= SAME

    @property
    def outside(self) -> list[str]:
        """What lies outside the limits, in words."""
        slices = [
            f"selection rate of {one.name} from {one.before:.3g} to {one.after:.3g} (limit ±{GROUP:g})"
            for one in self.slices
            if not one.is_within
        ]
        return [str(one) for one in self.measures if not one.is_within] + slices

    def as_data(self) -> dict[str, Any]:
        """Evidence of the gate: plain JSON."""
        measures = [asdict(one) | {"is_within": one.is_within} for one in self.measures]
        return _rounded(asdict(self) | {"measures": measures}) | {"outside": self.outside}


@dataclass(frozen=True)
class Rows:
    """What both versions answered, and what is known about the rows. groups: column → group of each row."""

    task: str
    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    cutoff: float = 0.5
    favourable: int = 1
    tier: str = "low"
    classes: tuple[str, ...] = ()


def compare(rows: Rows) -> Behaviour:
    """The Behaviour of at least one row."""
    if rows.task == "regression":
        return _amounts(rows)
    names: tuple[str, ...]
    if rows.task == "binary":
        chosen = [
            (answers >= rows.cutoff) == (rows.favourable == 1)
            for answers in (rows.before, rows.after)
        ]
        names, largest = ("unfavourable", "favourable"), _largest(rows)
        shift = stability(*_binned(rows.before, rows.after))
    else:
        chosen, names = [rows.before, rows.after], rows.classes
        largest = float((rows.before != rows.after).any())
        shift = stability(
            *(np.bincount(np.maximum(one, 0).astype(int), minlength=len(names)) for one in chosen)
        )
    before, after = chosen
    flipped = before != after
    measures = [
        Measure(
            "share of decisions that flip", float(flipped.mean()), FLIPS.get(rows.tier, FLIPS_ELSE)
        ),
        Measure("shift of the answers (PSI)", shift, SHIFT),
    ]
    moves = Counter(zip(before[flipped].tolist(), after[flipped].tolist(), strict=True))
    shown = [
        Move(names[int(one)], names[int(other)], count if count >= SHOWN_FROM else None)
        for (one, other), count in moves.most_common(MOST_MOVES)
    ]
    judged = rows.task == "binary"
    slices = [
        Slice(
            name,
            int(mask.sum()),
            float(before[mask].mean()) if judged else None,
            float(after[mask].mean()) if judged else None,
            float(flipped[mask].mean()),
            not judged or abs(float(after[mask].mean() - before[mask].mean())) <= GROUP,
        )
        for name, mask in _masks(rows)
    ]
    return Behaviour(len(before), largest, measures, shown, _worst_first(slices))


def _amounts(rows: Rows) -> Behaviour:
    scale = abs(float(rows.truth.mean())) or 1.0
    measures = [
        Measure(
            "mean difference, as a part of the mean amount",
            float(np.abs(rows.after - rows.before).mean()) / scale,
            AMOUNT,
        ),
        Measure("shift of the answers (PSI)", stability(*_binned(rows.before, rows.after)), SHIFT),
    ]
    slices = [
        Slice(
            name,
            int(mask.sum()),
            float(rows.before[mask].mean()),
            float(rows.after[mask].mean()),
            None,
        )
        for name, mask in _masks(rows)
    ]
    return Behaviour(len(rows.before), _largest(rows), measures, [], _worst_first(slices))


def finding(
    found: Behaviour, version: ModelVersion, previous: ModelVersion, rows: str
) -> suites.Finding:
    """What the gate records, as severely as the rules in force say. rows: what was answered, in words."""
    declared = declared_by(version, previous)
    measured = ", ".join(map(str, found.measures))
    said = f"Of {found.rows} {rows}, against {previous.number}: {measured}."
    verdict = Verdict.PASS
    if found.is_same:
        said = f"All {found.rows} {rows} are answered as {previous.number} answers them."
    elif declared == "major":
        said += " It is a major version, which nobody is moved to unasked."
    elif declared == "patch":
        verdict = Verdict.FAIL
        said += " A patch answers every row alike; this needs at least a minor version."
    elif found.outside:
        verdict = Verdict.FAIL
        said = f"Of {found.rows} {rows}, against {previous.number}, outside the limits: {'; '.join(found.outside)}. This needs a major version."
    else:
        said += " All within the limits."
    metrics = {"previous": previous.number, "declared": declared, "on": rows} | found.as_data()
    return suites.Finding(GATE, verdict, said, "", metrics)


def declared_by(version: ModelVersion, previous: ModelVersion) -> str:
    """Which part of the number rises: patch, minor or major."""
    if version.major > previous.major:
        return "major"
    return "minor" if version.minor > previous.minor else "patch"


def stability(before: np.ndarray, after: np.ndarray) -> float:
    """The population stability index of two histograms; half a row is added to each bin, so that an empty one is finite."""
    one, other = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (before, after))
    return float(((other - one) * np.log(other / one)).sum())


def _binned(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Histograms over the tenths of what was answered before."""
    known = np.unique(before)
    tenths = np.searchsorted(known, np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    # Between two answers, so that where few different ones are given a tiny difference moves no row.
    edges = np.unique((known[tenths] + known[np.maximum(tenths - 1, 0)]) / 2)
    first, second = (
        np.bincount(np.searchsorted(edges, one, side="right"), minlength=len(edges) + 1)
        for one in (before, after)
    )
    return first, second


def _largest(rows: Rows) -> float:
    """The largest difference, for amounts as a part of the largest amount."""
    scale = max(1.0, float(np.abs(rows.before).max()))
    return float(np.abs(rows.after - rows.before).max()) / scale


def _masks(rows: Rows) -> list[tuple[str, np.ndarray]]:
    masks = [
        (f"{column}: {group}", values == group)
        for column, values in rows.groups.items()
        for group in np.unique(values).tolist()
    ]
    return [(name, mask) for name, mask in masks if mask.sum() >= LEAST_OF_A_GROUP]


def _worst_first(slices: list[Slice]) -> list[Slice]:
    return sorted(slices, key=lambda one: -one.weight)[:MOST_SLICES]


def _rounded(value: Any) -> Any:
    """Three significant digits, as figures of a run are kept."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.3g}") if isinstance(value, float) else value
