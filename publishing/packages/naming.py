"""Proposing a version's signature: the graph's tensors, named and typed by what the publisher wrote beside them.

Hints, strongest first: the MLmodel signature, manifest.json in the archive, the graph's metadata_props "columns", and for
outputs the class labels of the graph. A tensor that shall stay one is named "tensor" instead of its columns.
"""

import json
from dataclasses import dataclass, field

from . import limits
from .refusals import Refusal, printable


@dataclass(frozen=True)
class Column:
    """A named feature or result. datatype is OIP, or "" for the tensor's own."""

    name: str
    datatype: str = ""
    required: bool = True
    format: str | None = None
    description: str = ""


AS_TENSOR = ()  # instead of a list of columns: the tensor stays one
NAME_LENGTH = 100


@dataclass(frozen=True)
class Hints:
    """Names for the tensors' columns. A key "" means: in this order, over all tensors."""

    inputs: dict = field(default_factory=dict)  # tensor → [Column], or AS_TENSOR
    outputs: dict = field(default_factory=dict)


def signature_of(graph, hints, warnings, questions):
    """The proposed signature with its binding (the format of the packaging standard). Raises Refusal.

    Adds warnings, and questions that only the publisher can answer: {"tensor", "width"} of an input of several values a row
    without names. f0, f1 … stand in for few columns, and many stay one tensor, until it is answered.
    """
    said = {name: columns for name, columns in hints.outputs.items() if columns != AS_TENSOR}
    hints = Hints(hints.inputs, said if "" in said else _labelled(graph, set(said)) | said)
    inputs = [
        _bound(tensor, columns, "input")
        for tensor, columns in _named_inputs(graph, hints, warnings, questions)
    ]
    outputs = [
        _bound(tensor, columns, "output") for tensor, columns in _named_outputs(graph, hints)
    ]
    signature = {
        "inputs": [field for fields, _ in inputs for field in fields],
        "outputs": [field for fields, _ in outputs for field in fields],
        "binding": {
            "inputs": [binding for _, binding in inputs],
            "outputs": [row for _, rows in outputs for row in rows],
        },
    }
    for side in ("inputs", "outputs"):
        _check_unique(signature[side], side)
    return signature


def columns_from_metadata(metadata):
    """Hints from the graph's metadata_props: "columns" and "output_columns", as JSON or comma-separated names."""
    sides = {"inputs": metadata.get("columns"), "outputs": metadata.get("output_columns")}
    return Hints(
        **{side: columns_from_value(_decoded(value)) for side, value in sides.items() if value}
    )


def columns_from_value(value):
    """{"X": ["a", "b"], "E": "tensor"} or ["a", "b"] → tensor → [Column] or AS_TENSOR. Raises Refusal on other forms."""
    table = value if isinstance(value, dict) else {"": value}
    for tensor, names in table.items():
        if names == "tensor" and tensor:
            continue
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise Refusal(
                "The column names are not a list of names.",
                "columns",
                'Write them as JSON: {"X": ["income", "age"], "embedding": "tensor"}.',
            )
    return {
        tensor: AS_TENSOR if names == "tensor" else [Column(name) for name in names]
        for tensor, names in table.items()
    }


def _decoded(value):
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return [part.strip() for part in value.split(",")]


def _labelled(graph, said):
    """output → a column for each of its class labels, named like it; labels that are no names stay unnamed."""
    others = {tensor.name for tensor in graph.outputs}
    table = {}
    for tensor, labels in graph.labels.items():
        if tensor in said:
            continue
        names = [f"{tensor}_{label}" if label in others else label for label in labels]
        proper = all(
            name.isprintable() and name == name.strip() and 0 < len(name) <= NAME_LENGTH
            for name in names
        )
        if proper and len(set(names)) == len(names) <= limits.COLUMNS:
            others |= set(names)
            table[tensor] = [
                Column(name, description=f"Class {label}")
                for name, label in zip(names, labels, strict=True)
            ]
    return table


def _named_inputs(graph, hints, warnings, questions):
    """Yields (tensor, columns or None) for each graph input."""
    widths = [_width(tensor, hints) for tensor in graph.inputs]
    named = _spread(graph.inputs, widths, hints.inputs, "input")
    several = sum(width > 1 for width in widths) > 1
    for tensor, width in zip(graph.inputs, widths, strict=True):
        stays = hints.inputs.get(tensor.name) == AS_TENSOR
        yield (
            tensor,
            None
            if stays
            else named.get(tensor.name)
            or _placeholders(tensor, width, several, warnings, questions),
        )


def _named_outputs(graph, hints):
    widths = [max(_tensor_width(tensor), 0) for tensor in graph.outputs]
    if set(hints.outputs) == {""} and len(hints.outputs[""]) != sum(widths):
        hints = Hints(hints.inputs, _by_tensor_name(graph.outputs, hints.outputs[""]))
    named = _spread(graph.outputs, widths, hints.outputs, "output")
    for tensor, width in zip(graph.outputs, widths, strict=True):
        yield tensor, named.get(tensor.name) or ([Column(tensor.name)] if width == 1 else None)


def _by_tensor_name(tensors, columns):
    """Output names that equal tensor names need no binding; others are a contradiction."""
    names = {tensor.name for tensor in tensors}
    strange = [column.name for column in columns if column.name not in names]
    if strange:
        raise mismatch(
            f"the outputs {', '.join(printable(name) for name in strange[:3])} are not in the graph"
        )
    return {}


def _spread(tensors, widths, table, side):
    """tensor name → its columns, checked to fit the widths. Raises Refusal when they do not."""
    if set(table) == {""}:
        table = _dealt(tensors, widths, table[""], side)
    unknown = sorted(set(table) - {tensor.name for tensor in tensors})
    if unknown:
        raise mismatch(f"the graph has no {side} {printable(unknown[0])}")
    for tensor, width in zip(tensors, widths, strict=True):
        columns = table.get(tensor.name)
        if (
            columns
            and len(columns) != width
            and not (width == 0 and columns[0].name == tensor.name)
        ):
            raise mismatch(
                f"{len(columns)} columns are named for {printable(tensor.name)}, which takes {width}"
            )
    return {name: columns for name, columns in table.items() if columns}


def _dealt(tensors, widths, columns, side):
    """Deals columns to the tensors: by name where the names are the tensors', else in order."""
    by_name = {column.name: column for column in columns}
    if set(by_name) == {tensor.name for tensor in tensors}:
        return {tensor.name: [by_name[tensor.name]] for tensor in tensors}
    if sum(widths) != len(columns):
        raise mismatch(
            f"{len(columns)} {side} columns are named, but the graph takes {sum(widths)}"
        )
    left = iter(columns)
    return {
        tensor.name: [next(left) for _ in range(width)]
        for tensor, width in zip(tensors, widths, strict=True)
    }


def _width(tensor, hints):
    """How many columns an input tensor takes; 0 when it stays a tensor."""
    width = _tensor_width(tensor)
    if hints.inputs.get(tensor.name) == AS_TENSOR:
        return 0
    if width == -1:  # [N, ?]: only the names tell
        columns = hints.inputs.get(tensor.name) or hints.inputs.get("") or []
        return len(columns)
    return width


def _tensor_width(tensor):
    """1 for [N] and [N,1], k for [N,k], -1 for [N,?], 0 for higher ranks."""
    if len(tensor.shape) == 1:
        return 1
    return tensor.shape[1] if len(tensor.shape) == 2 else 0


def _placeholders(tensor, width, several, warnings, questions):
    if width == 1:
        return [Column(tensor.name)]
    if width < 1:
        return None
    questions.append({"tensor": tensor.name, "width": width})
    if width > limits.COLUMNS:
        return None
    warnings.append(
        f"The columns of {tensor.name} have no names: f0 to f{width - 1} stand in until you give them their real names."
    )
    prefix = f"{tensor.name}_f" if several else "f"
    return [Column(f"{prefix}{index}") for index in range(width)]


def _bound(tensor, columns, side):
    """(signature fields, binding) of one tensor: inputs bind by a list of columns, outputs by one row per column."""
    through = columns is None or (
        side == "output"
        and len(columns) == 1
        and len(tensor.shape) == 1
        and columns[0].name == tensor.name
    )
    if columns is None:
        fields = [_field(Column(tensor.name), tensor, list(tensor.shape), side)]
    else:
        shape = [-1] if len(tensor.shape) <= 2 else list(tensor.shape)
        fields = [_field(column, tensor, shape, side) for column in columns]
    names = [field["name"] for field in fields]
    if side == "input":
        return fields, {
            "tensor": tensor.name,
            "datatype": tensor.datatype,
            "columns": names if columns else None,
        }
    flat = len(tensor.shape) == 1
    indexes = [None] if through or flat else range(len(names))
    return fields, [
        {"tensor": tensor.name, "output": name, "column": index}
        for name, index in zip(names, indexes, strict=True)
    ]


def _field(column, tensor, shape, side):
    datatype = column.datatype or tensor.datatype
    if (datatype == "BYTES") != (tensor.datatype == "BYTES") and column.format is None:
        raise mismatch(
            f"{printable(column.name)} is declared {datatype}, but its tensor is {tensor.datatype}"
        )
    field = {
        "name": column.name,
        "datatype": datatype,
        "shape": shape,
        "description": column.description,
        "unit": "",
        "minimum": None,
        "maximum": None,
        "enum": None,
    }
    if side == "input":
        field |= {"required": column.required, "default": None, "format": column.format}
    return field


def _check_unique(fields, side):
    names = [field["name"] for field in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise mismatch(f"the name {printable(twice[0])} stands twice among the {side}")


def mismatch(what):
    return Refusal(
        f"The names and the ONNX graph do not fit together: {what}.",
        "columns",
        "Name exactly the columns that the graph takes, in the order of training.",
    )
