"""How a version answers rows that are a little different from the benchmark's (docs/evaluation.md, "Robustness"). Pure numpy.

Runs in the predictions' limited child. `Answer` makes one prediction a row of columns; the same seed gives the same rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hosting.model_server.columns import Column, Signature

Columns = dict[str, np.ndarray]
Answer = Callable[[Columns], np.ndarray]

MOST_ROWS = 1000  # of the benchmark that are perturbed
SEARCHED_ROWS = 100  # that the search tries to turn
EDGE_ROWS = 20  # whose inputs are set to the ends of their ranges
MOST_COLUMNS = 20  # that are searched and set to their ends
NOISES = {"noise_5": 0.05, "noise_20": 0.20}  # of an input's standard deviation
MISSING = 0.10  # of the cells of inputs that may be left out
STEP = 0.05  # of the search, of an input's standard deviation, as the noise
STEPS = 9  # between both ends of the range of an input whose answer is declared to rise or to fall with it
FAR = 10.0  # times the largest value: what a wrong unit makes of it


@dataclass(frozen=True)
class Number:
    """A numeric input without a list of values: how far it varies, and the ends of its range, or of the data."""

    column: Column
    deviation: float
    low: float
    high: float

    @classmethod
    def of(cls, column: Column, values: np.ndarray) -> "Number":
        finite = values[np.isfinite(values)].astype(float)
        return cls(
            column,
            float(finite.std()) if len(finite) else 0.0,
            float(finite.min(initial=0.0)) if column.minimum is None else float(column.minimum),
            float(finite.max(initial=0.0)) if column.maximum is None else float(column.maximum),
        )

    def moved(self, values: np.ndarray, by: Any) -> np.ndarray:
        """Values with something added, within the declared range and of the same datatype."""
        moved = values.astype(float) + by
        if np.issubdtype(values.dtype, np.integer):
            moved = np.rint(moved)
        least = -np.inf if self.column.minimum is None else self.column.minimum
        most = np.inf if self.column.maximum is None else self.column.maximum
        return np.clip(moved, least, most).astype(values.dtype)

    def refuses(self, value: float) -> bool:
        least, most = self.column.minimum, self.column.maximum
        return (least is not None and value < least) or (most is not None and value > most)


def probe(columns: Columns, signature: Signature, answer: Answer, seed: int) -> dict[str, Any]:
    """What governance.robustness.Probe holds, as JSON takes it."""
    random = np.random.default_rng(seed)
    n = len(next(iter(columns.values())))
    rows = np.sort(random.choice(n, min(n, MOST_ROWS), replace=False))
    numbers = {
        name: Number.of(signature.columns[name], values)
        for name, values in columns.items()
        if values.ndim == 1 and values.dtype.kind in "iuf" and not signature.columns[name].enum
    }
    sample = {name: values[rows] for name, values in columns.items()}
    found: dict[str, Any] = {"rows": rows.tolist(), "answers": {}}
    changes = (
        *_changed(sample, numbers, signature, random),
        *_rewritten(sample, signature, random),
    )
    for name, changed in changes:
        found["answers"][name] = answer(changed).tolist()
    found["monotone"] = _monotone(sample, numbers, answer)
    if numbers:
        found["edges"] = _edges(sample, numbers, answer)
        found["far"] = [number.refuses(FAR * _largest(number)) for number in numbers.values()]
        found["searched"] = search(sample, numbers, answer)
    return found


def _changed(
    sample: Columns, numbers: dict[str, Number], signature: Signature, random: Any
) -> Iterator[tuple[str, Columns]]:
    rows = len(next(iter(sample.values())))
    for name, part in NOISES.items():
        if numbers:
            yield (
                name,
                sample
                | {
                    column: number.moved(
                        sample[column], random.normal(0, part * number.deviation, rows)
                    )
                    for column, number in numbers.items()
                },
            )
    optional = {
        name: column.missing
        for name, column in signature.columns.items()
        if not column.required and column.missing is not None and name in sample
    }
    if optional:
        yield (
            "missing_10",
            sample
            | {
                name: np.where(random.random(rows) < MISSING, missing, sample[name]).astype(
                    sample[name].dtype
                )
                for name, missing in optional.items()
                if sample[name].ndim == 1
            },
        )


def _rewritten(sample: Columns, signature: Signature, random: Any) -> Iterator[tuple[str, Columns]]:
    """Texts as people write them: with other spaces, in other case, with a slip of the keys. Dates and lists are left alone."""
    texts = {
        name: [str(text) for text in values]
        for name, values in sample.items()
        if values.ndim == 1
        and signature.columns[name].datatype == "BYTES"
        and not signature.columns[name].enum
        and not signature.columns[name].format
    }
    if not texts:
        return
    yield "spaces", sample | _texts(texts, lambda text: f" {text.replace(' ', '  ')} ")
    yield "case", sample | _texts(texts, str.swapcase)
    yield "typos", sample | _texts(texts, lambda text: _with_a_slip(text, random))


def _texts(texts: dict[str, list[str]], change: Callable[[str], str]) -> Columns:
    return {
        name: np.array([change(text) for text in rows], dtype=object)
        for name, rows in texts.items()
    }


def _with_a_slip(text: str, random: Any) -> str:
    """Two neighbouring characters change places."""
    if len(text) < 2:
        return text
    at = int(random.integers(0, len(text) - 1))
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _monotone(sample: Columns, numbers: dict[str, Number], answer: Answer) -> dict[str, list[int]]:
    """Input that declares it → [rows whose answer never turns back between the ends of its range, rows]."""
    few = {name: values[:EDGE_ROWS] for name, values in sample.items()}
    rows = len(next(iter(few.values())))
    found = {}
    for name, number in list(numbers.items())[:MOST_COLUMNS]:
        if not number.column.monotone:
            continue
        values = np.linspace(number.low, number.high, STEPS)
        cases = [few | {name: np.full(rows, value).astype(few[name].dtype)} for value in values]
        answers = answer(_joined(cases)).reshape(STEPS, rows, -1)
        if answers.dtype.kind not in "iuf" or answers.shape[2] > 2:
            continue  # of several classes, no answer is higher than another
        scores = answers[..., -1].astype(float)
        slack = 1e-6 * max(1.0, float(np.abs(scores).max()))
        kept = (np.diff(scores, axis=0) * number.column.monotone >= -slack).all(axis=0)
        found[name] = [int(kept.sum()), rows]
    return found


def _edges(sample: Columns, numbers: dict[str, Number], answer: Answer) -> list[int]:
    """[cases answered with finite numbers, cases]: each number at both ends, in some rows."""
    few = {name: values[:EDGE_ROWS] for name, values in sample.items()}
    rows = len(next(iter(few.values())))
    cases = [
        few | {name: np.full(rows, end).astype(few[name].dtype)}
        for name, number in list(numbers.items())[:MOST_COLUMNS]
        for end in (number.low, number.high)
    ]
    answers = answer(_joined(cases)).reshape(len(cases) * rows, -1)
    is_number = answers.dtype.kind in "iuf"
    finite = np.isfinite(answers).all(axis=1) if is_number else np.ones(len(answers), dtype=bool)
    return [int(finite.sum()), len(answers)]


def search(sample: Columns, numbers: dict[str, Number], answer: Answer) -> list[Any]:
    """Candidates × rows: answers to the worst small steps that a bounded search finds.

    Each number is moved by STEP up and down alone; then all at once in the direction that raised the score, and in the one
    that lowered it (a sign step along finite differences). The latter needs one score a row.
    """
    few = {name: values[:SEARCHED_ROWS] for name, values in sample.items()}
    rows = len(next(iter(few.values())))
    tried = list(numbers.items())[:MOST_COLUMNS]
    singles = [
        few | {name: number.moved(few[name], sign * STEP * number.deviation)}
        for name, number in tried
        for sign in (1, -1)
    ]
    answers = answer(_joined(singles))
    found = answers.reshape(len(singles), rows, *answers.shape[1:])
    scores = found[..., -1] if found.ndim == 3 and found.shape[-1] <= 2 else found
    if scores.ndim != 2 or scores.dtype.kind != "f":
        return list(found.tolist())
    rising = np.where(scores[0::2] >= scores[1::2], 1, -1)
    both = [
        few
        | {
            name: number.moved(few[name], sign * rising[place] * STEP * number.deviation)
            for place, (name, number) in enumerate(tried)
        }
        for sign in (1, -1)
    ]
    more = answer(_joined(both)).reshape(2, rows, *answers.shape[1:])
    return list(np.concatenate([found, more]).tolist())


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _largest(number: Number) -> float:
    return max(abs(number.low), abs(number.high))
