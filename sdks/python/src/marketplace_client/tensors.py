"""Rows and columns as the tensors of the Open Inference Protocol v2, in JSON or binary, and back.

A column is a list with one entry for each row: a value, or nested lists where a row has several. JSON has no NaN, so NaN and
infinity travel as null, and a null in a float output is NaN again. The binary form carries NaN itself, and has no null.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import prod
from typing import Any

from marketplace_client.errors import UnexpectedAnswer

Columns = dict[str, list[Any]]
FLOATS = ("FP16", "FP32", "FP64")
CODES = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class TensorType:
    """What the model's metadata says of an input: its datatype, and its shape with the rows first."""

    datatype: str
    shape: tuple[int, ...] = (-1,)


def columns_of(data: Any) -> Columns:
    """Rows (list of mappings), columns (mapping of sequences or arrays) or a DataFrame as columns of plain values.

    A value that a row does not have is None. Raises ValueError for no rows and for columns of different lengths.
    """
    if isinstance(data, Mapping) or _is_frame(data):
        names = list(data.columns) if _is_frame(data) else list(data)
        columns = {str(name): [plain(value) for value in _listed(data[name])] for name in names}
    else:
        rows = list(data)
        if not all(isinstance(row, Mapping) for row in rows):
            raise ValueError(
                "Give rows as a list of dicts, columns as a dict of lists, or a DataFrame."
            )
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {str(name): [plain(row.get(name)) for row in rows] for name in names}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError("Give at least one row, and as many values in each column.")
    return columns


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "to_dict")


def _listed(column: Any) -> Iterable[Any]:
    listed: Iterable[Any] = column.tolist() if hasattr(column, "tolist") else column
    return listed


def plain(value: Any) -> Any:
    """A value of JSON: numpy scalars and arrays as Python's own, times as ISO 8601, pandas' missing values as None."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    raise ValueError(f"A {type(value).__name__} is no value that a model takes.")


def encode(
    columns: Columns, types: Mapping[str, TensorType], binary: bool
) -> tuple[bytes, dict[str, str]]:
    """Columns → (body, headers) of one inference. Raises ValueError for what the binary form cannot hold."""
    inputs: list[dict[str, Any]] = []
    chunks: list[bytes] = []
    for name, column in columns.items():
        kind = types.get(name) or TensorType(_guessed(column))
        flat = _fitted(list(_flat(column)), kind.datatype)
        entry: dict[str, Any] = {
            "name": name,
            "datatype": kind.datatype,
            "shape": _shape(column, kind),
        }
        if binary:
            chunk = _packed(name, flat, kind.datatype)
            entry["parameters"] = {"binary_data_size": len(chunk)}
            chunks.append(chunk)
        else:
            entry["data"] = [_finite(value) for value in flat]
        inputs.append(entry)
    document: dict[str, Any] = {"inputs": inputs}
    if not binary:
        return _json(document), {"Content-Type": "application/json"}
    document["parameters"] = {"binary_data_output": True}
    head = _json(document)
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return b"".join([head, *chunks]), headers


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _flat(column: Iterable[Any]) -> Iterable[Any]:
    for value in column:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _shape(column: list[Any], kind: TensorType) -> list[int]:
    """Rows first; [n, 1] where the model says so of single values."""
    shape, level = [], column
    while isinstance(level, list) and level:
        shape.append(len(level))
        level = level[0]
    return [*shape, 1] if len(shape) == 1 and tuple(kind.shape[1:]) == (1,) else shape


def _fitted(flat: list[Any], datatype: str) -> list[Any]:
    """Tables with gaps have floats for integers and NaN for no text: whole numbers again, and None."""
    if datatype == "BYTES":
        return [None if isinstance(value, float) and math.isnan(value) else value for value in flat]
    if "INT" not in datatype:
        return flat
    return [
        (int(value) if value.is_integer() else None if math.isnan(value) else value)
        if isinstance(value, float)
        else value
        for value in flat
    ]


def _guessed(column: list[Any]) -> str:
    """For an input that the metadata does not name: the server judges it, not we."""
    values = [value for value in _flat(column) if value is not None]
    if values and all(isinstance(value, bool) for value in values):
        return "BOOL"
    if any(isinstance(value, str) for value in values):
        return "BYTES"
    return "INT64" if values and all(isinstance(value, int) for value in values) else "FP64"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _packed(name: str, flat: list[Any], datatype: str) -> bytes:
    if datatype in FLOATS:
        flat = [math.nan if value is None else value for value in flat]
    if any(value is None for value in flat):
        raise ValueError(
            f"Input '{name}' has a gap, and binary tensors have none: leave binary=True out."
        )
    if datatype == "BYTES":
        texts = [str(value).encode() for value in flat]
        return b"".join(LENGTH.pack(len(text)) + text for text in texts)
    try:
        return struct.pack(f"<{len(flat)}{CODES[datatype]}", *flat)
    except (struct.error, OverflowError) as wrong:
        raise ValueError(f"Input '{name}' has a value that is no {datatype}: {wrong}.") from None


def decode(body: bytes, header_length: str | None, rows: int) -> Columns:
    """The answer to an inference of so many rows → {output: a value for each row}. Raises UnexpectedAnswer."""
    try:
        head = int(header_length) if header_length else len(body)
        document = json.loads(body[:head])
        rest, offset, columns = memoryview(body)[head:], 0, {}
        for output in document["outputs"]:
            datatype, shape = output["datatype"], output["shape"]
            size = (output.get("parameters") or {}).get("binary_data_size")
            if size is None:
                flat = list(_flat(output["data"]))
                if datatype in FLOATS:
                    flat = [math.nan if value is None else value for value in flat]
            else:
                flat = _unpacked(bytes(rest[offset : offset + size]), datatype)
                offset += size
            if len(flat) != prod(shape) or shape[0] != rows:
                raise ValueError(f"output {output['name']} has shape {shape}")
            columns[output["name"]] = _by_row(flat, shape)
        return columns
    except (KeyError, TypeError, ValueError, IndexError, struct.error) as wrong:
        raise UnexpectedAnswer(
            f"The answer is none of the protocol for {rows} rows: {wrong!r}."
        ) from None


def _unpacked(raw: bytes, datatype: str) -> list[Any]:
    if datatype != "BYTES":
        code = CODES[datatype]
        return list(struct.unpack(f"<{len(raw) // struct.calcsize('<' + code)}{code}", raw))
    texts, at = [], 0
    while at < len(raw):
        (length,) = LENGTH.unpack_from(raw, at)
        texts.append(raw[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts


def _by_row(flat: list[Any], shape: list[int]) -> list[Any]:
    """One entry for each row: a value where a row has one, else nested lists."""
    for size in reversed([] if shape[1:] == [1] else shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat


def plain_members(members: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping whose values are plain."""
    return {name: plain(value) for name, value in members.items()}
