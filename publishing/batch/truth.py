"""The column with the truth: which task its values suggest, and the truth as numbers (docs/batch-evaluation.md, "Tasks"). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from publishing.batch import cells

MOST_CLASSES = 50
AMOUNTS_FROM = 21  # as many different numbers are amounts, not classes
POSITIVE = ("1", "1.0", "true", "yes", "y", "positive", "bad", "default", "fraud", "churn")


@dataclass
class Labels:
    """What is known of a column of labels, gathered chunk by chunk. different: its values, as many as matter."""

    decimal: str = "."
    rows: int = 0
    missing: int = 0
    not_numbers: int = 0
    different: dict[str, int] = field(default_factory=dict)

    def add(self, values: Iterable[str]) -> None:
        for value in values:
            self.rows += 1
            if cells.is_missing(value):
                self.missing += 1
                continue
            text = value.strip()
            self.not_numbers += cells.number(text, self.decimal) is None
            if text in self.different or len(self.different) <= MOST_CLASSES:
                self.different[text] = self.different.get(text, 0) + 1


@dataclass(frozen=True)
class Task:
    """What is measured. classes: of a binary task the negative and the positive one; sorted of several. problem: why nothing is."""

    name: str = ""
    classes: tuple[str, ...] = ()
    problem: str = ""


def task_of(labels: Labels, chosen: str, positive: str) -> Task:
    """The task that was chosen, or that the values suggest."""
    count, names = len(labels.different), tuple(sorted(labels.different))
    if labels.missing == labels.rows:
        return Task(problem="The column with the truth is empty.")
    is_number = not labels.not_numbers
    name = chosen or _suggested(count, is_number)
    if name == "regression":
        if not is_number:
            return Task(problem=f"{labels.not_numbers} values of the truth are not numbers.")
        return Task(name)
    if count > MOST_CLASSES:
        return Task(
            problem=f"The truth has more than {MOST_CLASSES} different values; classes are fewer."
        )
    if count < 2:
        return Task(problem="The truth has one value only; nothing can be told apart.")
    if name == "multiclass":
        return Task(name, names)
    return _binary(names, positive)


def _suggested(count: int, is_number: bool) -> str:
    if count == 2:
        return "binary"
    return "regression" if is_number and count >= AMOUNTS_FROM else "multiclass"


def _binary(names: tuple[str, ...], positive: str) -> Task:
    if len(names) != 2:
        return Task(problem=f"Yes or no has two values; the truth has {len(names)}.")
    if positive and positive not in names:
        return Task(problem=f"The truth has the values {names[0]} and {names[1]}, not {positive}.")
    known = [name for name in names if name.casefold() in POSITIVE]
    chosen = positive or (known[0] if len(known) == 1 else names[1])
    return Task("binary", (names[0] if chosen == names[1] else names[1], chosen))


def truth_of(values: list[str], task: Task, decimal: str) -> tuple[np.ndarray, np.ndarray]:
    """(the truth as numbers, which rows have one). A missing one is 0 and not there."""
    if task.name == "regression":
        numbers = [None if cells.is_missing(v) else cells.number(v, decimal) for v in values]
    else:
        place = {name: number for number, name in enumerate(task.classes)}
        numbers = [place.get(value.strip()) for value in values]
    there = np.array([number is not None for number in numbers], dtype=bool)
    kind = float if task.name == "regression" else int
    return np.array([number or 0 for number in numbers], dtype=kind), there
