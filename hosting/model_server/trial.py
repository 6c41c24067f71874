"""Does a package run? Its graph is opened as a replica opens it, and answers its example with one row and with three.

Runs in the run gate's limited child only (publishing.packages.run_child). The rules and limits: docs/packaging.md.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from hosting.model_server import coercion, datatypes, examples, wire
from hosting.model_server.examples import TRIAL_ROWS as ROWS
from hosting.model_server.problems import Problem
from hosting.model_server.session import CannotLoad, because, open_graph

# How far a row's answer may move with its neighbours, as a part of the output's largest value. Sums in another order move the
# last digits; a graph that quantises while it runs measures all rows together, and moves some per cent.
REFUSED_APART = 0.1
SIZES_TO_TRY = (1, 3, 4, 8, 16, 32, 64, 128, 224)
SHOWN_VALUES = 8
BATCH_REMEDY = (
    "Export the model in inference mode (in PyTorch model.eval()), without anything that looks over the first axis: "
    "a mean, a softmax or a reshape that folds the batch."
)


@dataclass
class Trial:
    """What came of it. `problem` is "" when the package runs; `figures` are for people and pages; times in milliseconds."""

    problem: str = ""
    said: str = ""  # the runtime's own words, whole
    figures: dict = field(default_factory=dict)


class _Unanswered(Exception):
    """Why the answers will not do, with the remedy, as one text."""


def try_out(graph, signature, example, memory_mb):
    """ONNX bytes, signature, example request ({}: rows are made up) → Trial."""
    trial = Trial(figures={"runtime": f"ONNX Runtime {onnxruntime.__version__}"})
    try:
        started = time.perf_counter()
        model = open_graph(graph, signature, memory_mb)
        trial.figures["load_ms"] = _ms_since(started)
        _answer(model, signature, example, memory_mb, trial.figures)
    except CannotLoad as wrong:
        trial.problem, trial.said = str(wrong), wrong.said
    except _Unanswered as wrong:
        trial.problem = str(wrong)
    trial.figures["memory_mb"] = round(peak_mb())
    return trial


def _answer(model, signature, example, memory_mb, figures):
    request, columns = _request(signature, example, model)
    one, three = first_rows(columns, 1), first_rows(columns, ROWS)
    try:
        first, figures["first_ms"] = _timed(model, one)
        again, figures["one_row_ms"] = _timed(model, one)
        together, figures["three_rows_ms"] = _timed(model, three)
    except Exception as wrong:  # onnxruntime raises many kinds
        failed = because(
            wrong, memory_mb, "its own example", "The version's own example fails", when_run=True
        )
        raise CannotLoad(
            f"{failed} {_a_size_that_runs(model, signature)}".strip(), said=failed.said
        ) from None
    for rows, results in ((1, first), (ROWS, together)):
        _check_answer(signature, results, rows)
        wire.write(
            {},
            [
                (name, results[name], binary)
                for name, binary in coercion.chosen(request, model.signature)
            ],
        )
    if max(distance(first[name], again[name], first[name]) for name in first) > 0:
        raise _Unanswered(
            "It answers the same call twice and differs. Remove what draws random numbers, or give it a fixed seed."
        )
    figures["rows"] = [1, ROWS]
    figures["output"] = {name: _shown(array) for name, array in first.items()}
    figures["rows_apart"] = _check_rows(model, columns, signature)


def _request(signature, example, model):
    """(RawRequest, {input: array}) of the example, read as a replica reads a call."""
    if not example:
        return wire.RawRequest(None, []), examples.columns_from_signature(signature, 1)
    try:
        request = wire.read(json.dumps(example).encode())
        return request, coercion.columns_of(request, model.signature)[0]
    except Problem as problem:
        raise _Unanswered(f"The example would be refused: {problem.detail}") from None


def first_rows(columns, rows):
    """So many rows of the columns, from the beginning again where there are fewer."""
    return {name: array[np.arange(rows) % len(array)] for name, array in columns.items()}


def _timed(model, columns):
    started = time.perf_counter()
    results = model.run(columns)
    return results, _ms_since(started)


def _check_answer(signature, results, rows):
    """The answer is what the signature promises: as many rows as were asked, of that datatype and shape."""
    for output in signature["outputs"]:
        name, array, declared = output["name"], results[output["name"]], output["shape"]
        if array.ndim == 0 or len(array) != rows:
            found = "one value" if array.ndim == 0 else f"{len(array)} rows"
            raise _Unanswered(
                f"Asked for {rows} rows, the output {name} has {found}. {BATCH_REMEDY}"
            )
        if datatypes.of_array(array) != output["datatype"]:
            found = datatypes.of_array(array)
            raise _Unanswered(
                f"The output {name} is {found}; the signature says {output['datatype']}. Declare it {found}."
            )
        if len(array.shape) != len(declared) or any(
            want not in (-1, size) for want, size in zip(declared, array.shape, strict=True)
        ):
            found = [-1, *array.shape[1:]]
            raise _Unanswered(
                f"The output {name} has the shape {found}; the signature says {declared}. Declare it {found}."
            )


def _check_rows(model, columns, signature):
    """How far a row's answer moves when others are in the same call. Raises _Unanswered when it is another answer."""
    try:
        rows = varied(columns, signature)
        together = model.run(rows)
    except Exception:  # a value that we made up: the example's own rows count
        rows = first_rows(columns, ROWS)
        together = model.run(rows)
    worst = 0.0
    for row in range(ROWS):
        alone = model.run({name: array[row : row + 1] for name, array in rows.items()})
        for name, array in alone.items():
            apart = distance(together[name][row : row + 1], array, together[name])
            worst = max(worst, apart)
            if apart > REFUSED_APART:
                raise _Unanswered(
                    f"Rows of one call change each other's answers: row {row} of the output {name} is {_shown(array)} alone, and "
                    f"{_shown(together[name][row : row + 1])} beside {ROWS - 1} others. {BATCH_REMEDY}"
                )
    return float(f"{worst:.2g}")


def varied(columns, signature, count=ROWS):
    """`count` rows that differ from each other, each inside the declared ranges."""
    rows = first_rows(columns, count)
    for described in signature["inputs"]:
        array = rows[described["name"]]
        for row in range(len(columns[described["name"]]), count):
            array[row] = _other(array[row], described, row)
    return rows


def _other(value, described, step):
    """Another allowed value than `value`, or itself where none is known."""
    if described.get("enum"):
        return described["enum"][step % len(described["enum"])]
    if described["datatype"] == "BOOL":
        return ~value if step % 2 else value
    if described["datatype"] == "BYTES":
        return value
    low, high = datatypes.span(described["datatype"])
    low = low if described.get("minimum") is None else max(low, described["minimum"])
    high = high if described.get("maximum") is None else min(high, described["maximum"])
    moved = value.astype(np.float64) * (1 - 0.2 * step) - 0.1 * step
    if described["datatype"] in datatypes.INTEGERS:
        return np.where(value > low, value - 1, value)
    return np.clip(moved, low, high).astype(value.dtype)


def distance(left, right, whole):
    """0 for the same values; for floats the largest difference as a part of the largest value in `whole`; else 1."""
    if left.shape != right.shape:
        return 1.0
    if left.dtype.kind != "f":
        return float(not np.array_equal(left, right))
    left, right, whole = (array.astype(np.float64) for array in (left, right, whole))
    finite = np.isfinite(left) & np.isfinite(right)
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True):
        return 1.0
    scale = np.abs(whole[np.isfinite(whole)]).max(initial=0) or 1.0
    return float(np.abs(left[finite] - right[finite]).max(initial=0) / scale)


def _a_size_that_runs(model, signature):
    """A size for the free dimensions that the graph takes, as a sentence, or ""."""
    free = [described for described in signature["inputs"] if -1 in described["shape"][1:]]
    for size in SIZES_TO_TRY if free else ():
        try:
            model.run(examples.columns_from_signature(signature, 1, size))
        except Exception:
            continue
        shapes = ", ".join(
            f"{described['name']} {[1, *examples.row_shape(described, size)]}" for described in free
        )
        return f"With {shapes} it runs."
    return ""


def _shown(array):
    """The first values of an output, for people."""
    values = array.ravel()[:SHOWN_VALUES].tolist()
    return [value if not isinstance(value, str) else value[:60] for value in values]


def _ms_since(started):
    return round((time.perf_counter() - started) * 1000, 2)


def peak_mb():
    """The most that this process itself had in memory. getrusage would count the process that started it."""
    high = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )
    return int(high.split()[1]) / 1024
