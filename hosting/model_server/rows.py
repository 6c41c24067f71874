"""Plain rows, for callers without tensors: a list of JSON objects or CSV lines in, the same out, by the model's own columns.

    [{"income": 52000, "age": 41}, {"income": 31000, "age": 22}]        application/json
    income,age                                                          text/csv: RFC 4180 with a line of names
    52000,41

A cell is one value of an input, or nested lists where a row has several (in CSV as JSON). null, an empty cell and a name that
is left out are gaps, which optional inputs may have. Which values fit is judged by `coercion`, as with tensors. Rules:
docs/gateway.md, "Rows".
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice, repeat
from math import prod
from typing import Any

import numpy as np

from hosting.model_server import coercion, datatypes, request_forms, wire
from hosting.model_server.columns import Column, Signature
from hosting.model_server.elements import Array
from hosting.model_server.limits import MOST_ELEMENTS, MOST_ROWS
from hosting.model_server.problems import (
    MOST_FAULTS_TOLD,
    Fault,
    Problem,
    bad_input,
    too_large,
    unreadable,
)

JSON, CSV = "application/json", "text/csv"
CSV_ANSWER = "text/csv; charset=utf-8; header=present"
FEW = 10_000  # elements that gaps may always add
LINES_AT_ONCE = 500
DELIMITERS = ",;\t"
LETTERS_OF_NUMBERS = re.compile(r"[0-9.eE+-]*")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
BOOLEANS = {"true": True, "false": False}
Values = Sequence[Any]  # of one input, one for each row; None is a gap


def read(
    body: bytes,
    content_type: str,
    signature: Signature,
    *,
    most_rows: int = MOST_ROWS,
    most_gaps: int = MOST_ELEMENTS,
) -> wire.RawRequest:
    """Rows → a request of one tensor for each input that they name. Raises Problem 400, 413, 415 or 422 naming row and field.

    most_gaps   elements that may be filled in for what rows leave out
    """
    media_type, _, parameters = content_type.partition(";")
    kind = media_type.strip().lower()
    if kind in ("", JSON):
        columns, count = _of_json(body, signature, most_rows, most_gaps)
    elif kind == CSV:
        columns, count = _of_csv(_text(body, parameters), signature, most_rows)
    else:
        raise Problem(
            415,
            "media-type",
            "This media type is not understood",
            [Fault(f"'{media_type[:80]}' is not understood.", remedy=f"Send {JSON} or {CSV}.")],
        )
    given = {
        name: values for name, values in columns.items() if _has_values(values, name, signature)
    }
    if not given:
        name = next(iter(columns or signature.columns))
        given = {name: columns.get(name, [None] * count)}
    tensors = [
        _tensor(signature.columns[name], values, most_gaps) for name, values in given.items()
    ]
    return wire.RawRequest(id=None, inputs=tensors)


def tensors_of(request: wire.RawRequest, signature: Signature) -> tuple[bytes, int]:
    """A request that `read` made → (body of an Open Inference request, rows), for a model that speaks the protocol only.

    Inputs that no row has stay out. Raises Problem 413 or 422.
    """
    columns, count = coercion.columns_of(request, signature, only_given=True)
    inputs = [
        {
            "name": name,
            "datatype": signature.columns[name].datatype,
            "shape": list(array.shape),
            "data": values_of(array.ravel()),
        }
        for name, array in columns.items()
    ]
    return json.dumps({"inputs": inputs}, separators=(",", ":")).encode(), count


def columns_of_answer(body: bytes, count: int) -> dict[str, list[Any]]:
    """The answer of a model that speaks the protocol only → {output: its value for each row}. Raises ValueError."""
    document = json.loads(body, parse_constant=lambda _: None)
    outputs = document.get("outputs") if isinstance(document, dict) else None
    if not isinstance(outputs, list) or not outputs:
        raise ValueError("it has no outputs")
    return dict(_output(output, count) for output in outputs)


def _output(output: Any, count: int) -> tuple[str, list[Any]]:
    if not isinstance(output, dict) or not isinstance(output.get("name"), str):
        raise ValueError("an output has no name")
    data, shape = output.get("data"), output.get("shape")
    if not isinstance(data, list) or not isinstance(shape, list) or shape[:1] != [count]:
        raise ValueError("an output has no data, or another number of rows")
    if any(type(size) is not int or size < 1 for size in shape):
        raise ValueError("an output has a shape that is not whole numbers")
    if len(data) != count or (len(shape) > 1 and not isinstance(data[0], list)):
        if len(data) != prod(shape):
            raise ValueError("an output has another number of values than its shape")
        for size in reversed(shape[1:]):
            data = [data[at : at + size] for at in range(0, len(data), size)]
    return output["name"], data


def write(columns: Mapping[str, Values], accept: str) -> tuple[bytes, str]:
    """{output: its value for each row} → (body, media type): JSON objects, or CSV where `accept` prefers it."""
    if prefers_csv(accept):
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*map(_cells, columns.values()), strict=True))
        return text.getvalue().encode(), CSV_ANSWER
    if not columns:
        return b"[]", JSON
    names = [
        f"{mark}{json.dumps(name)}:"
        for name, mark in zip(columns, chain("{", repeat(",")), strict=False)
    ]
    parts = [
        part
        for name, values in zip(names, columns.values(), strict=True)
        for part in (repeat(name), _json_texts(values))
    ]
    rows = zip(*parts, repeat("},"), strict=False)
    return f"[{''.join(chain.from_iterable(rows))[:-1]}]".encode(), JSON


def _cells(values: Values) -> Values:
    """Values as csv writes them: lists and true as JSON."""
    if {list, bool}.isdisjoint(map(type, values)):
        return values
    return [json.dumps(value) if isinstance(value, list | bool) else value for value in values]


def _json_texts(values: Values) -> Sequence[str]:
    """Each value as JSON. One text for all, taken apart, takes a third of the time of one for each."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return list(map(json.encoder.encode_basestring_ascii, values))
    if kinds.isdisjoint({str, list}):
        return json.dumps(values)[1:-1].split(", ")
    return list(map(json.dumps, values))


def values_of(array: Array) -> list[Any]:
    """An array as lists of what JSON can hold: NaN and infinity are null, bytes are texts."""
    values: list[Any] = array.tolist()
    is_plain = np.isfinite(array).all() if array.dtype.kind == "f" else array.dtype.kind != "O"
    if is_plain or (array.ndim == 1 and set(map(type, values)) == {str}):
        return values
    return list(wire.finite(values))


def prefers_csv(accept: str) -> bool:
    """Whether an Accept header prefers CSV to JSON (RFC 9110, 12.5.1)."""
    weights = dict(map(_weight, accept.lower().split(",")))

    def weight(media_type: str) -> float:
        ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
        return next((weights[name] for name in ranges if name in weights), 0.0)

    return weight(CSV) > weight(JSON)


def _weight(part: str) -> tuple[str, float]:
    name, *parameters = (text.strip() for text in part.split(";"))
    with suppress(ValueError):
        return name, next((float(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    return name, 0.0


# --- rows to columns ---------------------------------------------------------------------------------------------------


def _of_json(
    body: bytes, signature: Signature, most_rows: int, most_gaps: int
) -> tuple[dict[str, Values], int]:
    rows = wire.parsed(body, _sample(signature), None)
    _require_rows(rows, signature, most_rows)
    columns = _same_names(rows)
    if columns is None:
        columns = _with_gaps(rows, signature, max(most_gaps, FEW))
    else:
        _require_known(columns, signature, lambda name: _row_with(name, rows))
    _require_given(columns, signature)
    if _may_repeat(body, rows, columns, signature):
        wire.parsed(body)
    return columns, len(rows)


def _with_gaps(
    rows: list[dict[str, Any]], signature: Signature, most_cells: int
) -> dict[str, Values]:
    names = dict.fromkeys(name for row in rows for name in row)
    _require_known(names, signature, lambda name: _row_with(name, rows))
    if len(rows) * len(names) > most_cells:
        raise too_large(
            "The rows leave out too much.", "Send fewer rows per request.", limit_cells=most_cells
        )
    required = [name for name in names if signature.columns[name].required]
    faults = [
        _missing(name, at)
        for name in required
        for at in [next((at for at, row in enumerate(rows) if name not in row), None)]
        if at is not None
    ]
    if faults:
        raise bad_input(*faults[:MOST_FAULTS_TOLD])
    return {name: [row.get(name) for row in rows] for name in names}


def _same_names(rows: list[dict[str, Any]]) -> dict[str, Values] | None:
    """The columns of rows that all have the same names, which is usual; None otherwise."""
    first = rows[0]
    if sum(map(len, rows)) == len(rows) * len(first):
        with suppress(KeyError):
            return {name: [row[name] for row in rows] for name in first}
    return None


def _require_rows(rows: Any, signature: Signature, most_rows: int) -> None:
    if not isinstance(rows, list):
        raise bad_input(Fault("The body is not a list of rows.", remedy=_sample(signature)))
    if not rows:
        raise bad_input(Fault("There are no rows.", remedy=_sample(signature)))
    if len(rows) > most_rows:
        raise _too_many_rows(most_rows)
    if set(map(type, rows)) != {dict}:
        at = next(at for at, row in enumerate(rows) if type(row) is not dict)
        fault = Fault("is not an object.", row=at, remedy=_sample(signature))
        raise bad_input(fault)


def _may_repeat(
    body: bytes, rows: list[dict[str, Any]], columns: Mapping[str, Values], signature: Signature
) -> bool:
    """Whether a row may name an input twice: the body has other quotation marks than those of the names and texts that were read.

    Asking the parser about each row would take as long as all the rest.
    """
    texts = sum(
        list(map(type, values)).count(str)
        for name, values in columns.items()
        if signature.columns[name].datatype == "BYTES"
    )
    return body.count(b'"') != 2 * (sum(map(len, rows)) + texts)


def _of_csv(text: str, signature: Signature, most_rows: int) -> tuple[dict[str, Values], int]:
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _require_known(names, signature, lambda _: None)
        cells = _cells_by_column(reader, len(names), most_rows)
    except csv.Error as wrong:
        raise unreadable(
            f"The body is not CSV: line {reader.line_num}: {wrong}.",
            "Send a line of names, then one line for each row.",
        ) from None
    if not cells or not cells[0]:
        raise bad_input(Fault("There are no rows.", remedy="Send a line of names and rows below."))
    columns = dict(zip(names, cells, strict=True))
    _require_given(columns, signature)
    return {
        name: _read_cells(signature.columns[name], texts, delimiter)
        for name, texts in columns.items()
    }, len(cells[0])


def _cells_by_column(reader: Iterator[list[str]], width: int, most_rows: int) -> list[list[str]]:
    """The lines below the names, by column. A part at a time: many small lists at once cost more than their cells."""
    columns: list[list[str]] = [[] for _ in range(width)]
    count = 0
    while part := list(islice(reader, LINES_AT_ONCE)):
        lines = [line for line in part if line]
        if not set(map(len, lines)) <= {width}:
            at, line = next((at, line) for at, line in enumerate(lines) if len(line) != width)
            detail = f"has {len(line)} cells; the line of names has {width}."
            raise bad_input(Fault(detail, row=count + at, remedy="Send a cell for each name."))
        count += len(lines)
        if count > most_rows:
            raise _too_many_rows(most_rows)
        for column, cells in zip(columns, zip(*lines, strict=True), strict=False):
            column.extend(cells)
    return columns


def _text(body: bytes, parameters: str) -> str:
    charset = parameters.lower().partition("charset=")[2].partition(";")[0].strip(' "')
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise unreadable(f"The charset '{charset[:40]}' is not taken.", "Send CSV as UTF-8.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable("The body is not UTF-8 text.", "Encode CSV as UTF-8.") from None


def _read_cells(column: Column, cells: Sequence[str], delimiter: str) -> Values:
    """Texts of a column as the values that JSON would have; a text that is none stays, and is refused with its row."""
    if len(column.shape) > 1:
        return [_nested(cell) for cell in cells]
    if column.datatype == "BYTES":
        return cells if column.required else [cell or None for cell in cells]
    if column.datatype == "BOOL":
        return [BOOLEANS.get(cell.strip().lower(), cell or None) for cell in cells]
    if LETTERS_OF_NUMBERS.fullmatch("".join(cells)):
        with suppress(ValueError):
            if column.datatype in datatypes.INTEGERS:
                return list(map(int, cells))
            floats = list(map(float, cells))
            if max(floats) <= datatypes.WHOLE_IN_FLOAT and min(floats) >= -datatypes.WHOLE_IN_FLOAT:
                return floats
    return [_number(cell, delimiter) for cell in cells]


def _number(cell: str, delimiter: str) -> Any:
    text = cell.strip()
    if delimiter != "," and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    if not NUMBER.fullmatch(text):
        return cell if text else None
    try:
        return int(text)
    except ValueError:
        return float(text)


def _nested(cell: str) -> Any:
    if not cell.strip():
        return None
    try:
        return json.loads(cell, parse_constant=lambda _: cell)
    except (ValueError, RecursionError):
        return cell


# --- columns to tensors ------------------------------------------------------------------------------------------------


def _has_values(values: Values, name: str, signature: Signature) -> bool:
    """Whether a column says more than gaps; a required one is always looked at."""
    return signature.columns[name].required or any(value is not None for value in values)


def _tensor(column: Column, values: Values, most_gaps: int) -> wire.RawTensor:
    if len(column.shape) == 1:
        return wire.RawTensor(column.name, column.datatype, [len(values)], list(values))
    first = next((at for at, value in enumerate(values) if value is not None), None)
    free = [max(size, 1) for size in column.shape[1:]]
    sizes = free if first is None else _sizes(values[first])
    if not sizes and prod(column.shape[1:]) == 1:
        return wire.RawTensor(column.name, column.datatype, [len(values), *free], list(values))
    if len(sizes) != len(column.shape) - 1:
        raise bad_input(
            Fault(
                f"is not a list of {len(column.shape) - 1} dimensions.",
                column.name,
                first,
                f"Nest each cell by the shape {list(column.shape[1:])} (-1 is any size).",
            )
        )
    gaps = sum(value is None for value in values)
    if gaps * prod(sizes) > max(most_gaps, FEW):
        raise too_large(
            "The rows leave out too much.",
            "Send fewer rows per request.",
            limit_cells=max(most_gaps, FEW),
        )
    gap = _filled(None, sizes) if gaps else None
    data = [gap if value is None else value for value in values]
    return wire.RawTensor(column.name, column.datatype, [len(values), *sizes], data)


def _sizes(value: Any) -> list[int]:
    sizes = []
    while isinstance(value, list):
        sizes.append(len(value))
        value = value[0] if value else None
    return sizes


def _filled(value: Any, sizes: Sequence[int]) -> Any:
    """Nested lists of these sizes, of one value."""
    for size in reversed(sizes):
        value = [value] * size
    return value


# --- what is refused ---------------------------------------------------------------------------------------------------


def _require_known(names: Iterable[str], signature: Signature, row_of: Any) -> None:
    """Each name is an input's, and there once."""
    seen: set[str] = set()
    faults = []
    for name in names:
        if name not in signature.names:
            known = ", ".join(list(signature.columns)[:20])
            remedy = f"The inputs are: {known}."
            detail = "is not an input of this model."
            faults.append(Fault(detail, name[:200], row_of(name), remedy))
        elif name in seen:
            faults.append(Fault("is there twice.", name, remedy="Name each input once."))
        if len(faults) == MOST_FAULTS_TOLD:
            break
        seen.add(name)
    if faults:
        raise bad_input(*faults)


def _require_given(columns: Mapping[str, Any], signature: Signature) -> None:
    """Each required input is there; which of its values is none, `coercion` says."""
    faults = [
        _missing(column.name, 0)
        for column in signature.columns.values()
        if column.required and column.name not in columns
    ]
    if faults:
        raise bad_input(*faults[:MOST_FAULTS_TOLD])


def _missing(name: str, row: int) -> Fault:
    return Fault("is missing.", name, row, "Every row needs it.")


def _row_with(name: str, rows: list[dict[str, Any]]) -> int:
    return next(at for at, row in enumerate(rows) if name in row)


def _too_many_rows(most_rows: int) -> Problem:
    return too_large(
        f"More than {most_rows} rows in one request.",
        "Send fewer rows per request.",
        limit_rows=most_rows,
    )


def _sample(signature: Signature) -> str:
    return f"Send for example {request_forms.sample('', signature)}."
