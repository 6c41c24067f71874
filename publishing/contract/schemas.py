"""JSON schemas of a version's inputs and outputs, made from its signature (JSON Schema 2020-12)."""

import re
from math import prod

from hosting.model_server.datatypes import INTEGERS
from hosting.model_server.examples import row_shape
from hosting.model_server.signatures import MOST_EXAMPLE_ELEMENTS
from publishing.signature import example_value

FLOAT_FORMATS = {"FP32": "float", "FP64": "double"}


def schema_name(side, name):
    """A component name for a field: letters, digits, dot, dash and underscore only."""
    return f"{side}.{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"


def schema_names(side, fields):
    """field name → component name, unique also where two names differ only in odd characters."""
    names = {}
    for field in fields:
        name = schema_name(side, field["name"])
        names[field["name"]] = f"{name}_{len(names)}" if name in names.values() else name
    return names


def value_schema(field):
    """One value of a field: type, range, allowed values; also null where the field may have gaps."""
    datatype, schema = field["datatype"], {}
    kind = {"BOOL": "boolean", "BYTES": "string"}.get(
        datatype, "integer" if datatype in INTEGERS else "number"
    )
    may_lack = not field.get("required", True)
    schema["type"] = [kind, "null"] if may_lack else kind
    form = {"INT32": "int32", "INT64": "int64", **FLOAT_FORMATS}.get(datatype) or field.get(
        "format"
    )
    schema |= {"format": form} if form else {}
    for key in ("minimum", "maximum", "default"):
        if field.get(key) is not None:
            schema[key] = field[key]
    if field.get("enum"):
        schema["enum"] = [*field["enum"], *([None] if may_lack else [])]
    return schema


def tensor_schema(field):
    """A tensor of the protocol that carries the field; the signature knows datatype and shape where they are left out."""
    return {
        "type": "object",
        "title": field["name"],
        "description": description(field),
        "required": ["name", "data"],
        "properties": {
            "name": {"const": field["name"]},
            "datatype": {"const": field["datatype"]},
            "shape": shape_schema(field["shape"]),
            "data": data_schema(field),
            "parameters": {"type": "object"},
        },
    }


def shape_schema(shape):
    """[rows] or [rows, …]; a column may also be sent as [rows, 1]."""
    sizes = [{"type": "integer", "minimum": 1} if size == -1 else {"const": size} for size in shape]
    if len(shape) == 1:
        return {
            "type": "array",
            "prefixItems": [*sizes, {"const": 1}],
            "minItems": 1,
            "maxItems": 2,
        }
    return {"type": "array", "prefixItems": sizes, "minItems": len(shape), "maxItems": len(shape)}


def data_schema(field):
    """The values in row-major order: flat, or nested like the shape."""
    flat = {"type": "array", "items": value_schema(field), "minItems": 1}
    if len(field["shape"]) == 1:
        return flat
    nested = flat
    for _ in field["shape"][1:]:
        nested = {"type": "array", "items": nested, "minItems": 1}
    return {"anyOf": [flat, nested]}


def description(field):
    """What people wrote about the field, with its unit."""
    unit = f"({field['unit']})" if field.get("unit") else ""
    presence = "" if field.get("required", True) else "– optional"
    return " ".join(part for part in (field.get("description", ""), unit, presence) if part)


def request_schema(signature):
    """The body of a call: in the protocol's own form, or as pandas, MLflow and TensorFlow Serving write it."""
    return {"anyOf": [_protocol_schema(signature), *_other_forms(signature)]}


def _other_forms(signature):
    """Rows by name or by position; what they hold is judged like the protocol's own form."""
    record = {"type": "object", "properties": {field["name"]: {} for field in signature["inputs"]}}
    rows = {"type": "array", "minItems": 1}
    split = {
        "type": "object",
        "required": ["data"],
        "properties": {"columns": {"type": "array"}, "index": {"type": "array"}, "data": rows},
    }
    return [
        _form("dataframe_split", split, 'As pandas\' to_json(orient="split") and MLflow write it.'),
        _form(
            "dataframe_records",
            {**rows, "items": record},
            'As pandas\' to_json(orient="records") and MLflow write it.',
        ),
        _form(
            "instances",
            rows,
            "As TensorFlow Serving takes it: rows by name, or values in the order of the inputs.",
        ),
    ]


def _form(name, value, description):
    return {
        "type": "object",
        "description": description,
        "required": [name],
        "properties": {name: value},
    }


def _protocol_schema(signature):
    """The protocol's own form: each required input once, in any order."""
    names = schema_names("Input", signature["inputs"])
    needed = [field["name"] for field in signature["inputs"] if field.get("required", True)]
    inputs = {
        "type": "array",
        "minItems": max(len(needed), 1),
        "maxItems": len(names),
        "items": _any_of(names.values()),
    }
    if needed:
        inputs["allOf"] = [_contains(name) for name in needed]
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string", "description": "Echoed in the answer."},
            "parameters": {"type": "object"},
            "inputs": inputs,
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                },
            },
        },
    }


def answer_schema(signature):
    """The body of an answer."""
    names = schema_names("Output", signature["outputs"])
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string", "description": "The version that answered."},
            "outputs": {"type": "array", "items": _any_of(names.values())},
            "predictions": {
                "type": "array",
                "description": "One entry for each row, where rows were sent.",
            },
        },
    }


def made_up_answer(contract):
    """An answer with the right names, types and shapes. Its values are made up; None when it is too large to show."""
    first = next(iter(contract.example["inputs"]), {"shape": [1]})
    rows = first["shape"][0]
    if (
        rows * sum(prod(row_shape(field)) for field in contract.signature["outputs"])
        > MOST_EXAMPLE_ELEMENTS
    ):
        return None
    return {
        "model_name": contract.model,
        "model_version": contract.number,
        "outputs": [_made_up_tensor(field, rows) for field in contract.signature["outputs"]],
    }


def _made_up_tensor(field, rows):
    shape = [rows, *row_shape(field)]
    return {
        "name": field["name"],
        "datatype": field["datatype"],
        "shape": shape,
        "data": [example_value(field)] * prod(shape),
    }


def _any_of(names):
    return {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]} if names else {}


def _contains(name):
    return {
        "contains": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"const": name}},
        }
    }
