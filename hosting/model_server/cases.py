"""Requests that a signature promises to answer, and requests that it promises to refuse. Pure.

A request is one row, or a few; each case says in words what is special about it.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from hosting.model_server import coercion, datatypes, examples, wire
from hosting.model_server.columns import Column, Signature

Columns = dict[str, np.ndarray]
Case = tuple[str, Columns]  # what is special about the row, the row
Wrong = tuple[str, dict[str, Any]]  # what is wrong with the request, the request

MOST_ENUM_VALUES = 50  # asked of one input; a longer list is asked in part
MOST_JSON_ELEMENTS = 5_000  # a row with more values is sent in the binary form
MOST_FIELDS_WRONG = 20  # inputs that are sent wrong, one after the other
LARGE = 1e6  # a unit error away from most business figures
TEXTS = {
    "an empty text": "",
    "a text of other scripts": "Ünïcode 漢字 Ω 🙂",
    "a text of 10 000 letters": "a" * 10_000,
}


def example_rows(signature: dict[str, Any], example: dict[str, Any]) -> Columns:
    """The rows of the version's own example, read as a replica reads a call; made up where it has none."""
    if not example:
        return examples.columns_from_signature(signature, 1)
    request = wire.read(json.dumps(example).encode())
    columns: Columns = coercion.columns_of(request, Signature.of(signature))[0]
    return columns


def encoded(columns: Columns) -> tuple[bytes, str | None]:
    """(body, length of its JSON part) of a request: JSON, or binary where a row is too large to be written as text."""
    if sum(array.size for array in columns.values()) <= MOST_JSON_ELEMENTS or any(
        array.dtype == object for array in columns.values()
    ):
        return json.dumps(document(columns)).encode(), None
    inputs = [_head(name, array) for name, array in columns.items()]
    blobs = [np.ascontiguousarray(array).tobytes() for array in columns.values()]
    for tensor, blob in zip(inputs, blobs, strict=True):
        tensor["parameters"] = {"binary_data_size": len(blob)}
    head = json.dumps({"inputs": inputs}).encode()
    return head + b"".join(blobs), str(len(head))


def document(columns: Columns) -> dict[str, Any]:
    """The request as JSON."""
    return {
        "inputs": [
            # NaN, a gap, is the only value unlike itself; JSON writes it as null.
            {
                **_head(name, array),
                "data": [None if value != value else value for value in array.ravel().tolist()],
            }
            for name, array in columns.items()
        ]
    }


def _head(name: str, array: np.ndarray) -> dict[str, Any]:
    return {"name": name, "datatype": datatypes.of_array(array), "shape": list(array.shape)}


def boundaries(signature: Signature, row: Columns) -> list[Case]:
    """Each declared end of a range, each allowed value, each optional input left out; all ends together."""
    found: list[Case] = []
    lowest, highest = dict(row), dict(row)
    for name, column in _columns(signature, row):
        for what, value in _declared(column):
            found.append((f"{name} at {what}", row | {name: _filled(row[name], value)}))
        if column.enum is None and column.datatype in datatypes.NUMBERS:
            lowest[name] = _filled(row[name], column.minimum)
            highest[name] = _filled(row[name], column.maximum)
        if not column.required and len(row) > 1:
            found.append((f"{name} left out", {k: v for k, v in row.items() if k != name}))
    if found and len(row) > 1:
        found += [("every input at its minimum", lowest), ("every input at its maximum", highest)]
    return found


def extremes(signature: Signature, row: Columns) -> list[Case]:
    """What no range or list excludes and callers send some day: zero, negative, large; odd texts."""
    found: list[Case] = []
    for name, column in _columns(signature, row):
        values: dict[str, Any] = {}
        if column.enum is None and column.datatype in datatypes.NUMBERS:
            low, high = column.carried or datatypes.span(column.datatype)
            low = low if column.minimum is None else max(low, column.minimum)
            high = high if column.maximum is None else min(high, column.maximum)
            extreme = (0.0, -1.0, -LARGE, LARGE)
            values = {f"{value:g}": value for value in extreme if low <= value <= high}
        elif column.enum is None and column.datatype == "BYTES" and not column.format:
            values = TEXTS
        found += [
            (f"{name} as {what}", row | {name: _filled(row[name], value)})
            for what, value in values.items()
        ]
    return found


def wrong(signature: Signature, row: Columns) -> list[Wrong]:
    """Requests that must be refused: outside the range or the list, of another type, missing, unknown, ill-shaped."""
    sent = document({name: array for name, array in row.items() if array.size})
    found: list[Wrong] = []
    for name, column in list(_columns(signature, row))[:MOST_FIELDS_WRONG]:
        for what, value in _refused(column):
            found.append((f"{name} {what}", _with(sent, name, value)))
        if column.required:
            rest = [tensor for tensor in sent["inputs"] if tensor["name"] != name]
            found.append((f"{name} left out", {"inputs": rest}))
    first = sent["inputs"][0]
    return [
        *found,
        ("an unknown input", {"inputs": [*sent["inputs"], {**first, "name": "no_such_input"}]}),
        ("an impossible shape", {"inputs": [{**first, "shape": [2**40]}, *sent["inputs"][1:]]}),
        ("no input", {"inputs": []}),
    ]


def _columns(signature: Signature, row: Columns) -> Iterator[tuple[str, Column]]:
    return ((name, column) for name, column in signature.columns.items() if name in row)


def _declared(column: Column) -> Iterator[tuple[str, Any]]:
    if column.enum is not None:
        for value in sorted(column.enum, key=str)[:MOST_ENUM_VALUES]:
            yield f"its allowed value {value}", value
    elif column.datatype == "BOOL":
        yield from (("true", True), ("false", False))
    elif column.datatype in datatypes.NUMBERS:
        for what, value in (("minimum", column.minimum), ("maximum", column.maximum)):
            if value is not None:
                yield f"its declared {what} {value:g}", value


def _refused(column: Column) -> Iterator[tuple[str, Any]]:
    if column.datatype == "BYTES":
        yield "as a number", 7
        if column.enum is not None:
            yield "as a text that is not allowed", "no such value"
    else:
        yield "as a text", "seven"
    if column.datatype in datatypes.NUMBERS and column.enum is None:
        step = max(1.0, abs(column.maximum or 0) / 10), max(1.0, abs(column.minimum or 0) / 10)
        if column.maximum is not None:
            yield "above its maximum", column.maximum + step[0]
        if column.minimum is not None:
            yield "below its minimum", column.minimum - step[1]
    if column.required:
        yield "as null", None


def _with(sent: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The request with one value changed: the first of that input."""
    return {
        "inputs": [
            {**tensor, "data": [value, *tensor["data"][1:]]} if tensor["name"] == name else tensor
            for tensor in sent["inputs"]
        ]
    }


def _filled(array: np.ndarray, value: Any) -> np.ndarray:
    """The array with `value` everywhere; as it is where no value is declared."""
    return array if value is None else np.full(array.shape, value, dtype=array.dtype)
