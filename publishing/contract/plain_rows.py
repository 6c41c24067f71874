"""One version in plain rows (docs/gateway.md, "Rows"): its example as objects and CSV, and JSON schemas of a row."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hosting.model_server.datatypes import FLOATS
from publishing.contract import schemas

Row = dict[str, Any]
SPARK = {"BOOL": "boolean", "BYTES": "string", "FP64": "double", "INT64": "bigint"} | {
    "FP16": "float",
    "FP32": "float",
    "UINT64": "decimal(20,0)",
    "UINT32": "bigint",
}


def of_tensors(tensors: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Tensors of the protocol in JSON as one object for each row; what a row lacks is left out."""
    columns = {tensor["name"]: by_rows(tensor) for tensor in tensors}
    return [
        {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        for row in zip(*columns.values(), strict=True)
    ]


def by_rows(tensor: Mapping[str, Any]) -> list[Any]:
    """A tensor's values as one entry for each row: a value, or nested lists where a row has several."""
    values, (_rows, *sizes) = list(flattened(tensor["data"])), tensor["shape"]
    for size in reversed([] if sizes == [1] else sizes):
        values = [values[at : at + size] for at in range(0, len(values), size)]
    return values


def flattened(data: Sequence[Any]) -> Iterator[Any]:
    """The values of nested lists, in their order."""
    for item in data:
        if isinstance(item, list):
            yield from flattened(item)
        else:
            yield item


def as_csv(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV (RFC 4180) with a line of names; lists and true are JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        writer.writerow(
            [json.dumps(cell) if isinstance(cell, list | bool) else cell for cell in cells]
        )
    return text.getvalue()


def spark_type(field: Mapping[str, Any]) -> str:
    """The type of an output in Spark's words; integers of 32 bits and less are int."""
    kind = SPARK.get(field["datatype"], "int")
    for _ in field["shape"][1:]:
        kind = f"array<{kind}>"
    return kind


def rows_schema(signature: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call in rows."""
    needed = [field["name"] for field in signature["inputs"] if field.get("required", True)]
    row = {
        "type": "object",
        "properties": {field["name"]: _cell(field) for field in signature["inputs"]},
        "additionalProperties": False,
    }
    row |= {"required": needed} if needed else {}
    return {"type": "array", "minItems": 1, "items": row}


def answered_rows_schema(signature: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an answer in rows: NaN and infinity are null."""
    fields = signature["outputs"]
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                field["name"]: _cell(field | {"required": field["datatype"] not in FLOATS})
                for field in fields
            },
            "required": [field["name"] for field in fields],
        },
    }


def _cell(field: Mapping[str, Any]) -> dict[str, Any]:
    """A value of the field in one row, nested where its shape says so."""
    schema: dict[str, Any] = schemas.value_schema(field)
    for size in reversed(field["shape"][1:]):
        bounds = {"minItems": size, "maxItems": size} if size > 0 else {"minItems": 1}
        schema = {"type": "array", "items": schema, **bounds}
    if len(field["shape"]) > 1 and not field.get("required", True):
        schema["type"] = ["array", "null"]
    text = schemas.description(field)
    return schema | ({"description": text} if text else {})
