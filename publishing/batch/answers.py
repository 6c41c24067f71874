"""The rows of an evaluation with what each version answered, as arrays: the truth, the answers, the groups, the weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import ModelVersion
from consumption.evaluations.files import Files
from consumption.evaluations.mapping import Mapping
from consumption.models import BatchEvaluation
from publishing.batch import cells, kept, truth
from publishing.batch.answering import CannotAnswer
from publishing.batch.truth import Task

MOST_GROUPS = 12
BINS = 4  # of a column of groups that holds many numbers


@dataclass(frozen=True)
class Answered:
    """All rows. answers: of each version one per row, NaN (or "" of texts) where it gave none."""

    numbers: np.ndarray
    task: Task
    truth: np.ndarray
    has_truth: np.ndarray
    answers: list[np.ndarray]
    is_answered: list[np.ndarray]
    groups: dict[str, np.ndarray]
    weights: np.ndarray | None
    refused: list[dict[str, Any]]
    ms: list[list[float]]

    @property
    def shared(self) -> np.ndarray:
        """The rows that every version answered."""
        return np.asarray(np.logical_and.reduce(self.is_answered))


def gather(evaluation: BatchEvaluation) -> Answered:
    """Read what was kept. Raises CannotAnswer when an output does not fit the task, Gone when the rows were deleted."""
    files, mapping = Files(evaluation), Mapping.of(evaluation.mapping)
    versions, decimal = evaluation.evaluated(), evaluation.reading["decimal"]
    task = Task(evaluation.report["task"], tuple(evaluation.report["classes"]))
    numbers: list[int] = []
    used = [mapping.label, *mapping.groups, mapping.weight]  # the inputs themselves stay on disk
    columns: dict[str, list[str]] = {name: [] for name in used if name}
    given = [_Given() for _ in versions]
    for chunk in kept.chunks(files):
        for version, one in zip(versions, given, strict=True):
            one.add(files.read_json(kept.answers_name(version, chunk.name)), len(numbers))
        numbers += chunk.numbers
        for name in columns:
            columns[name] += chunk.cells[name]
    labels = columns.get(mapping.label, [""] * len(numbers))
    values, there = (
        truth.truth_of(labels, task, decimal)
        if task.name
        else (np.zeros(len(numbers)), np.zeros(len(numbers), dtype=bool))
    )
    return Answered(
        np.array(numbers),
        task,
        values,
        there,
        *_aligned(versions, given, task, len(numbers)),
        {name: grouped(columns[name], decimal) for name in mapping.groups},
        weights_of(columns[mapping.weight], decimal) if mapping.weight else None,
        [
            row | {"refused_by": [str(version)]}
            for version, one in zip(versions, given, strict=True)
            for row in one.refused
        ],
        [one.ms for one in given],
    )


class _Given:
    """What one version answered, gathered chunk by chunk."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.values: list[Any] = []
        self.refused: list[dict[str, Any]] = []
        self.ms: list[float] = []

    def add(self, found: dict[str, Any], start: int) -> None:
        self.places += [start + place for place in found["taken"]]
        self.values += found["values"]
        self.refused += found["refused"]
        self.ms += found["ms"]


def _aligned(
    versions: Sequence[ModelVersion], given: Sequence[_Given], task: Task, rows: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    answers, is_answered = [], []
    for version, one in zip(versions, given, strict=True):
        values = answers_of(one.values, task, str(version))
        whole = np.full(rows, "" if values.dtype == object else np.nan, dtype=values.dtype)
        if task.name == "multiclass":
            whole = np.full(rows, -1)
        whole[one.places] = values
        there = np.zeros(rows, dtype=bool)
        there[one.places] = True
        answers.append(whole)
        is_answered.append(there)
    return answers, is_answered


def answers_of(values: list[Any], task: Task, version: str) -> np.ndarray:
    """One answer a row, of the kind that the task measures; without a task numbers, or texts as they are. Raises CannotAnswer."""
    if not values:
        return np.array([], dtype=int if task.name == "multiclass" else float)
    if task.name == "multiclass":
        return _classes(values, task.classes)
    if isinstance(values[0], str):
        if task.name == "binary":
            return np.array([float(value == task.classes[1]) for value in values])
        if task.name == "regression":
            raise CannotAnswer(f"The chosen output of {version} holds texts, not amounts.")
        return np.array(values, dtype=object)
    array = np.array(values, dtype=float)
    if array.ndim == 2 and array.shape[1] <= 2:  # of two probabilities, the second is positive
        array = array[:, -1]
    if array.ndim != 1 or not np.isfinite(array).all():
        raise CannotAnswer(f"The chosen output of {version} is not one finite number a row.")
    if task.name == "binary" and (array.min() < 0 or array.max() > 1):
        raise CannotAnswer(
            f"The chosen output of {version} is not a probability. Choose another output, or say that the truth is an amount."
        )
    return array


def _classes(values: list[Any], names: tuple[str, ...]) -> np.ndarray:
    """Numbers of classes, from names or from one score a class in the order of the sorted names; -1 for an unknown one."""
    if isinstance(values[0], list):
        if len(values[0]) == len(names):
            return np.array(values, dtype=float).argmax(axis=1)
        values = [row[0] for row in values]
    number = {name: place for place, name in enumerate(names)}
    return np.array([number.get(_spelled(value), -1) for value in values])


def _spelled(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def grouped(values: list[str], decimal: str) -> np.ndarray:
    """The groups of a column: its values, or ranges of equally many rows where it holds many numbers."""
    texts = np.array([value.strip()[:60] or "(empty)" for value in values], dtype=object)
    if len(set(texts)) <= MOST_GROUPS:
        return texts
    numbers = [cells.number(value, decimal) for value in values]
    there = [number for number in numbers if number is not None]
    if len(there) < 0.9 * len(numbers):
        return texts
    edges = sorted(set(np.quantile(there, np.linspace(0, 1, BINS + 1)).tolist()))
    names = [f"{low:g} to {high:g}" for low, high in zip(edges, edges[1:], strict=False)]
    places = np.clip(
        np.searchsorted(edges, [n or 0 for n in numbers], "right") - 1, 0, len(names) - 1
    )
    bins = [
        "(empty)" if number is None else names[place]
        for number, place in zip(numbers, places, strict=True)
    ]
    return np.array(bins, dtype=object)


def weights_of(values: list[str], decimal: str) -> np.ndarray:
    """Weights of rows; what is no positive number weighs nothing."""
    return np.array([max(cells.number(value, decimal) or 0.0, 0.0) for value in values])
