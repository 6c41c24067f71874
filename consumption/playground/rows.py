"""Rows of texts, as people type them, and requests of the Open Inference Protocol: both ways, and what is wrong with a row.

The judge of a row is the model server's own (hosting.model_server.coercion), so that the form and a replica say the same. Pure.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from consumption.playground.fields import InputField, Mistyped
from hosting.model_server import coercion, examples, request_forms, wire
from hosting.model_server.columns import Signature
from hosting.model_server.problems import Problem
from marketplace.core import json_reader

MOST_ROWS = 20
MOST_TEXT = 64 * 1024  # characters of one value
MOST_PASTED = 256 * 1024
DELIMITERS = ",;\t|"
Texts = dict[str, str]  # of one row, by input


class Unpasteable(Exception):
    """What was pasted, or the JSON that was written, holds no rows; the message says why."""


@dataclass(frozen=True)
class Judged:
    """The rows of one version: the request that carries those without errors, which they are, and what is wrong with the others.

    `body` is None when no row can be sent. errors: {row: {input, or "" for the row: sentence}}.
    """

    body: dict[str, Any] | None
    sent: list[int]
    errors: dict[int, dict[str, str]]


def fields_of(signature: Mapping[str, Any]) -> list[InputField]:
    """The inputs in the signature's order."""
    return [InputField(spec) for spec in signature.get("inputs") or []]


def judge(signature: Mapping[str, Any], rows: Sequence[Texts]) -> Judged:
    """Read each row by itself: one that is wrong does not stop the others."""
    compiled, fields = Signature.of(signature), fields_of(signature)
    values, errors = {}, {}
    for at, texts in enumerate(rows):
        read, wrong = _read(fields, texts)
        wrong = wrong or _faults(fields, compiled, read)
        if wrong:
            errors[at] = wrong
        else:
            values[at] = read
    for at in _unlike(fields, values):
        del values[at]
        errors[at] = {
            "": "Its lists have other sizes than those of the rows before it. Run it by itself."
        }
    body = request(fields, list(values.values())) if values else None
    return Judged(body, list(values), errors)


def request(fields: Sequence[InputField], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The request body of rows of values. What no row has is left out; what one lacks is null."""
    tensors = [_tensor(field, [row[field.name] for row in rows]) for field in fields]
    given = [tensor for tensor in tensors if any(value is not None for value in tensor["data"])]
    return {"inputs": given or tensors[:1]}


def of_request(signature: Mapping[str, Any], body: Mapping[str, Any]) -> list[Texts]:
    """The rows of a request body in any form that the model server takes, as texts. Raises Unpasteable.

    Values are taken as they are written, fit or not: they are judged when they are run.
    """
    fields = {field.name: field for field in fields_of(signature)}
    try:
        read = wire.read(json.dumps(body).encode())
        compiled = Signature.of(signature)
        sent = (
            request_forms.tensors(read.form, read.content, compiled) if read.form else read.inputs
        )
        columns = {
            tensor.name: _rows_of(tensor, fields[tensor.name], compiled)
            for tensor in sent
            if tensor.name in fields
        }
    except Problem as problem:
        raise Unpasteable(problem.detail) from None
    if not columns:
        raise Unpasteable(
            f"It names no input of this model. Its inputs are: {', '.join(list(fields)[:20])}."
        )
    count = max(map(len, columns.values()))
    return [
        {
            name: fields[name].text_of(column[at]) if at < len(column) else ""
            for name, column in columns.items()
        }
        for at in range(count)
    ]


def of_example(signature: Mapping[str, Any], example: Mapping[str, Any]) -> list[Texts]:
    """The owner's example as rows; a plausible one where there is none, and none where a row is too large to be shown."""
    if examples.is_too_large_to_show(signature):
        return [{}]
    for body in (example, examples.example_from_signature(signature)):
        try:
            if body and (rows := of_request(signature, body)):
                return rows[:MOST_ROWS]
        except Unpasteable:
            continue
    return [{}]


def of_paste(signature: Mapping[str, Any], text: str) -> list[Texts]:
    """The rows of pasted JSON or CSV (also from a spreadsheet). Columns are found by name, or by place without a header.

    Raises Unpasteable.
    """
    if len(text) > MOST_PASTED:
        raise Unpasteable(
            f"More than {MOST_PASTED // 1024} KiB were pasted. Evaluate on a file instead."
        )
    text = text.lstrip("\ufeff").strip("\r\n ")
    if not text:
        raise Unpasteable("Nothing was pasted.")
    return _of_json(signature, text) if text[0] in "{[" else _of_csv(fields_of(signature), text)


def _of_json(signature: Mapping[str, Any], text: str) -> list[Texts]:
    try:
        value = json_reader.read(text)
    except (json_reader.Malformed, json_reader.Unusable) as error:
        raise Unpasteable(f"This is not JSON that can be read: {error}") from None
    if isinstance(value, list):
        value = {"instances": value}
    elif not {"inputs", *wire.FORMS} & value.keys():
        value = {"dataframe_records": [value]}
    return of_request(signature, value)


def _of_csv(fields: Sequence[InputField], text: str) -> list[Texts]:
    delimiter = _delimiter(text, len(fields))
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if any(line)]
    except csv.Error as error:
        raise Unpasteable(f"This is no CSV that can be read: {error}.") from None
    by_name = {_folded(field.label): field for field in fields}
    by_name |= {_folded(field.name): field for field in fields}
    header = [by_name.get(_folded(cell)) for cell in lines[0]]
    if any(header):
        lines = lines[1:]
    elif len(lines[0]) == len(fields) and not _read(fields, _line(fields, lines[0], delimiter))[1]:
        header = list(fields)
    else:
        known = ", ".join(field.name for field in fields[:20])
        raise Unpasteable(f"No column has the name of an input. The inputs are: {known}.")
    if not lines:
        raise Unpasteable("There is a header and no row below it.")
    return [_line(header, line, delimiter) for line in lines]


def _line(header: Sequence[InputField | None], cells: Sequence[str], delimiter: str) -> Texts:
    """One line of cells, below the inputs that its columns are of."""
    return {
        field.name: _decimal(field, cell, delimiter)
        for field, cell in zip(header, cells, strict=False)
        if field is not None
    }


def _folded(name: str) -> str:
    """Spelled alike for spreadsheets: case, and spaces for underscores."""
    return "_".join(name.casefold().split())


def _delimiter(text: str, inputs: int) -> str:
    """What the first line is cut by most often; of a single column, nothing that occurs in it."""
    first = text.partition("\n")[0]
    return max(DELIMITERS, key=first.count) if inputs > 1 or "\t" in first else "\t"


def _decimal(field: InputField, cell: str, delimiter: str) -> str:
    """A decimal comma, where commas do not cut the line, becomes a point."""
    if field.is_number and delimiter != "," and cell.count(",") == 1 and "." not in cell:
        return cell.replace(",", ".")
    return cell


def _read(fields: Sequence[InputField], texts: Texts) -> tuple[dict[str, Any], dict[str, str]]:
    """({input: value}, {input: what is wrong with its text})."""
    values, wrong = {}, {}
    for field in fields:
        text = texts.get(field.name, "")
        try:
            values[field.name] = field.value_of(text)
        except Mistyped as error:
            wrong[field.name] = str(error)
        else:
            if values[field.name] is None and field.is_required:
                wrong[field.name] = "Fill this in."
    return values, wrong


def _faults(
    fields: Sequence[InputField], compiled: Signature, values: Mapping[str, Any]
) -> dict[str, str]:
    """What the model server would say of a row by itself, by input."""
    try:
        coercion.columns_of(wire.read(json.dumps(request(fields, [values])).encode()), compiled)
    except Problem as problem:
        return {
            fault.field or "": f"{fault.detail} {fault.remedy}".strip() for fault in problem.faults
        }
    return {}


def _unlike(fields: Sequence[InputField], values: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """The rows with a list of another size than in the rows before: one request has one size."""
    first: dict[str, list[int]] = {}
    unlike = []
    for at, row in values.items():
        sizes = {
            field.name: _shape(row[field.name])
            for field in fields
            if field.is_tensor and row[field.name] is not None
        }
        if any(first.get(name, size) != size for name, size in sizes.items()):
            unlike.append(at)
        else:
            first = sizes | first
    return unlike


def _shape(value: Any) -> list[int]:
    sizes = []
    while isinstance(value, list):
        sizes.append(len(value))
        value = value[0] if value else None
    return sizes


def _tensor(field: InputField, values: list[Any]) -> dict[str, Any]:
    """A missing list is one of nulls, of the size that the other rows have."""
    sizes: list[int] = []
    if field.is_tensor:
        given = next((value for value in values if value is not None), None)
        free = [max(size, 1) for size in field.column.shape[1:]]
        sizes = free if given is None else _shape(given)
        missing = [None] * prod(sizes)
        values = [missing if value is None else value for value in values]
    return {
        "name": field.name,
        "datatype": field.column.datatype,
        "shape": [len(values), *sizes],
        "data": list(_flattened(values)),
    }


def _flattened(value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        yield value
        return
    for inner in value:
        yield from _flattened(inner)


def _rows_of(tensor: wire.RawTensor, field: InputField, compiled: Signature) -> list[Any]:
    """One entry for each row, nested where a row has several values."""
    if tensor.binary:
        raise Unpasteable("Binary data cannot be shown as a form.")
    whole = request_forms.completed(tensor, compiled.columns[tensor.name])
    flat, sizes = list(_flattened(whole.data)), list(whole.shape[1:])
    if not field.is_tensor:
        return flat
    if prod(whole.shape) != len(flat):
        raise Unpasteable(
            f"{field.name} has {len(flat)} values; its shape needs {prod(whole.shape)}."
        )
    for size in reversed(sizes):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)] if size else []
    return flat
