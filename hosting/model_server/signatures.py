"""The one judge of a signature and of an example: publishing asks it before a version is submitted, a replica before it serves.

Format: {"inputs": [...], "outputs": [...], "binding": {...}}; datatypes and shapes are those of the Open Inference Protocol,
the first dimension -1 is the batch. What does not fit rises as Unfit. The rules are written down in docs/packaging.md.
"""

import json
import re
import unicodedata
from math import isfinite, prod

from hosting.model_server import coercion, datatypes, wire
from hosting.model_server.columns import MONOTONE, Column, Signature, binding_of
from hosting.model_server.limits import MOST_BODY_BYTES, MOST_DIMENSIONS, MOST_ELEMENTS
from hosting.model_server.problems import Problem

FORMATS = (None, "", "date", "date-time")
MOST_FIELDS = 512
LONGEST_NAME = 100
DETAILS = {"description": 4_000, "unit": 100}  # characters
MOST_EXAMPLE_ROWS = 100
# Of all inputs together: an example is read by people, stored and shown.
MOST_EXAMPLE_ELEMENTS = 200_000
MOST_EXAMPLE_BYTES = 4 * 2**20
NO_TEXT = (
    "Cc",
    "Cs",
    "Zl",
    "Zp",
)  # controls, halves of surrogate pairs, line and paragraph separators
NUL_IN_JSON = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Unfit(Exception):
    """Why a signature or an example cannot be used. `field` is a path like "inputs.age.minimum"."""

    def __init__(self, field, message, remedy=""):
        super().__init__(message)
        self.field, self.message, self.remedy = field, message, remedy


def check_signature(signature, graph=None):
    """Raises Unfit unless the signature is whole and, given the inspected graph, fits it.

    graph: {"inputs": [{"name", "datatype", "shape"}], "outputs": [...]}, -1 where a dimension is free.
    """
    if not isinstance(signature, dict):
        raise Unfit("signature", "The signature is not an object with inputs and outputs.")
    _storable("signature", signature)
    for side in ("inputs", "outputs"):
        _check_side(side, signature.get(side))
    _check_row_size(signature["inputs"])
    if signature.get("binding"):
        _check_binding(signature, signature["binding"])
    inputs, outputs = binding_of(signature)
    for row in inputs:
        _check_carried(row, {field["name"]: field for field in signature["inputs"]})
    if graph and graph.get("inputs"):
        _check_graph(signature, inputs, outputs, graph)


def check_example(signature, example):
    """Raises Unfit unless a replica with this signature would take `example`, a request body."""
    _storable("example", example)
    try:
        body = json.dumps(example).encode()
    except (TypeError, RecursionError):
        raise Unfit("example", "The example is not JSON.") from None
    if len(body) > MOST_EXAMPLE_BYTES:
        raise Unfit("example", "The example is larger than 4 MiB.", "Send fewer rows.")
    try:
        request = wire.read(body)
        coercion.chosen(request, compiled := Signature.of(signature))
        columns, rows = coercion.columns_of(request, compiled)
    except Problem as problem:
        raise _unfit_example(problem) from None
    if (
        rows > MOST_EXAMPLE_ROWS
        or sum(array.size for array in columns.values()) > MOST_EXAMPLE_ELEMENTS
    ):
        most = f"{MOST_EXAMPLE_ROWS} rows and {MOST_EXAMPLE_ELEMENTS} values"
        raise Unfit(
            "example",
            f"The example is too large for one that people read: at most {most}.",
            "Send fewer rows.",
        )


def _unfit_example(problem):
    fault = problem.faults[0] if problem.faults else None
    field = f"example.{fault.field}" if fault and fault.field else "example"
    return Unfit(field, f"The example would be refused: {problem.detail}")


def why_unfit(field, value):
    """Why `value` is not one that an input or output of this description may have, or ""."""
    try:
        _elements(field, [value])
    except Problem as problem:
        fault = problem.faults[0]
        return f"{fault.detail} {fault.remedy}".strip()
    return ""


def _elements(field, values, carrier=""):
    """The values as elements of the field's own datatype, fit for a tensor of the datatype `carrier`. Raises Problem."""
    column = Column.of(
        {**field, "name": "value", "shape": [-1], "required": True, "default": None}, carrier
    )
    alone = Signature({"value": column}, {}, (), (), frozenset({"value"}))
    tensor = wire.RawTensor("value", field["datatype"], [len(values)], values)
    return coercion.columns_of(wire.RawRequest(None, [tensor]), alone)[0]["value"]


# --- the fields ----------------------------------------------------------------------------------------------------


def _storable(field, value):
    """JSON can spell what no text holds: halves of surrogate pairs and U+0000."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except (TypeError, RecursionError):
        raise Unfit(field, f"The {field} is not JSON.") from None
    except UnicodeEncodeError:
        raise Unfit(
            field,
            f"The {field} has half of a surrogate pair, which is no character.",
            "Write Unicode text.",
        ) from None
    if NUL_IN_JSON.search(text):
        raise Unfit(
            field,
            f"The {field} has the character U+0000, which texts do not carry.",
            "Leave it out.",
        )


def _check_side(side, fields):
    if not isinstance(fields, list) or not fields:
        raise Unfit(side, f"The signature has no {side}.")
    if len(fields) > MOST_FIELDS:
        raise Unfit(
            side, f"The signature has more than {MOST_FIELDS} {side}.", "Combine them into tensors."
        )
    names = set()
    for index, field in enumerate(fields):
        name = field.get("name") if isinstance(field, dict) else None
        if not is_name(name):
            raise Unfit(
                f"{side}.{index}",
                f"Number {index + 1} of the {side} has no proper name.",
                "Use 1 to 100 printable characters.",
            )
        if name in names:
            raise Unfit(f"{side}.{name}", f"Two {side} are called {name}.")
        names.add(name)
        check_field(f"{side}.{name}", field, is_input=side == "inputs")


def is_name(name):
    """True for a text that an input or output may be called."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or name != name.strip():
        return False
    return not any(char in DIRECTIONS or unicodedata.category(char) in NO_TEXT for char in name)


def check_field(path, field, is_input):
    """Raises Unfit unless an input or output, called `path` in what is said, is described properly by itself."""
    if not isinstance(field.get("datatype"), str) or field["datatype"] not in datatypes.NUMPY:
        raise Unfit(
            f"{path}.datatype",
            f"{path} has no known datatype.",
            f"Choose one of {', '.join(datatypes.NUMPY)}.",
        )
    _check_shape(path, field.get("shape"))
    if field.get("format") not in FORMATS or (field.get("format") and field["datatype"] != "BYTES"):
        raise Unfit(
            f"{path}.format",
            f"{path} has a format that does not fit.",
            "Only BYTES may be date or date-time.",
        )
    _check_details(path, field)
    _check_range(path, field)
    _check_enum(path, field)
    if is_input:
        _check_presence(path, field)
        _check_monotone(path, field)


def _check_details(path, field):
    for name, longest in DETAILS.items():
        detail = field.get(name)
        if detail is not None and not (isinstance(detail, str) and len(detail) <= longest):
            raise Unfit(
                f"{path}.{name}",
                f"{path} has a {name} that is no text, or a long one.",
                f"Write at most {longest} characters.",
            )


def _check_shape(path, shape):
    sound = isinstance(shape, list) and shape and shape[0] == -1 and _is_integer(shape[0])
    if not sound or not all(_is_integer(size) and (size > 0 or size == -1) for size in shape):
        raise Unfit(
            f"{path}.shape",
            f"{path} has no shape that begins with -1, the batch.",
            "A column has the shape [-1].",
        )
    if len(shape) > MOST_DIMENSIONS:
        raise Unfit(
            f"{path}.shape",
            f"{path} has {len(shape)} dimensions; a call carries at most {MOST_DIMENSIONS}.",
            "Flatten it at the edge of the graph, with a Reshape inside.",
        )
    if _row_elements(shape) > MOST_ELEMENTS:
        raise Unfit(
            f"{path}.shape",
            f"One row of {path} has {_row_elements(shape)} values; a call carries at most {MOST_ELEMENTS}.",
            "Make the model smaller at its edges, or host it yourself and register it as an external endpoint.",
        )


def _row_elements(shape):
    return prod(max(size, 1) for size in shape[1:])


def _check_row_size(inputs):
    size = sum(
        _row_elements(field["shape"]) * (datatypes.item_size(field["datatype"]) or 4)
        for field in inputs
    )
    if size > MOST_BODY_BYTES:
        raise Unfit(
            "inputs",
            f"One row of the inputs takes {size} bytes; a call carries at most {MOST_BODY_BYTES}.",
            "Use smaller inputs.",
        )


def _check_range(path, field):
    limits = {key: field[key] for key in ("minimum", "maximum") if field.get(key) is not None}
    for key, value in limits.items():
        if field["datatype"] not in datatypes.NUMBERS or not _is_number(value):
            raise Unfit(f"{path}.{key}", f"The {key} of {path} is not a number, or {path} is none.")
        low, high = datatypes.span(field["datatype"])
        if not low <= value <= high:
            raise Unfit(
                f"{path}.{key}",
                f"The {key} of {path} lies outside {field['datatype']}.",
                f"Choose {low} to {high}.",
            )
    if len(limits) == 2 and not _leaves_a_value(field):
        raise Unfit(
            f"{path}.minimum", f"No value lies between the minimum and the maximum of {path}."
        )


def _leaves_a_value(field):
    column = Column.of({**field, "enum": None, "default": None})
    assert column.minimum is not None and column.maximum is not None
    return column.minimum <= column.maximum


def _check_enum(path, field):
    values = field.get("enum")
    if values is None:
        return
    wrong = Unfit(
        f"{path}.enum",
        f"The allowed values of {path} are not a list of {field['datatype']} values.",
    )
    if not isinstance(values, list) or not values:
        raise wrong
    try:
        elements = _elements({**field, "enum": None}, values)
    except Problem as problem:
        fault = problem.faults[0]
        raise Unfit(wrong.field, f"{wrong.message[:-1]}: {fault.detail}", fault.remedy) from None
    if len(set(elements.tolist())) != len(values):
        raise Unfit(f"{path}.enum", f"The allowed values of {path} repeat themselves.")


def _check_monotone(path, field):
    direction = field.get("monotone")
    if direction is None:
        return
    if direction not in MONOTONE:
        known = " or ".join(MONOTONE)
        raise Unfit(f"{path}.monotone", f"{path} is monotone in no known way.", f"Write {known}.")
    if field["datatype"] not in datatypes.NUMBERS or field.get("enum") or field["shape"] != [-1]:
        raise Unfit(
            f"{path}.monotone",
            f"{path} is not one number a row, so its answer cannot be monotone in it.",
            "Leave it out.",
        )


def _check_presence(path, field):
    default = field.get("default")
    if not isinstance(field.get("required", True), bool):
        raise Unfit(f"{path}.required", f"{path} does not say whether it is required.")
    if default is not None and (why := why_unfit(field, default)):
        raise Unfit(f"{path}.default", f"The default of {path} cannot be used: {why}")
    fillable = (
        default is not None or field["datatype"] in datatypes.FLOATS or field["datatype"] == "BYTES"
    )
    if not field.get("required", True) and not fillable:
        remedy = "Give a default, or declare it FP64: then a gap is NaN."
        raise Unfit(f"{path}.default", f"{path} is optional but has no default.", remedy)


# --- the binding ---------------------------------------------------------------------------------------------------


def _check_binding(signature, binding):
    for side, is_row in (("inputs", _is_input_row), ("outputs", _is_output_row)):
        rows = binding.get(side) if isinstance(binding, dict) else None
        if not isinstance(rows, list) or not rows or not all(is_row(row) for row in rows):
            raise Unfit(
                f"binding.{side}",
                f"The binding of the {side} is not a list of tensors and their columns.",
            )
    tensors = [row["tensor"] for row in binding["inputs"]]
    inputs = [
        column for row in binding["inputs"] for column in row.get("columns") or [row["tensor"]]
    ]
    outputs = [row["output"] for row in binding["outputs"]]
    for side, bound in (("inputs", inputs), ("outputs", outputs)):
        names = [field["name"] for field in signature[side]]
        if sorted(names) != sorted(bound):
            odd = sorted(set(names) ^ set(bound)) or sorted(
                {name for name in bound if bound.count(name) > 1}
            )
            raise Unfit(
                f"binding.{side}", f"The binding does not name each of the {side} once: {odd[0]}."
            )
    if len(set(tensors)) != len(tensors):
        raise Unfit(
            "binding.inputs",
            "The binding fills a tensor twice.",
            "Name all its columns in one row.",
        )


def _is_input_row(row):
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("tensor"), str)
        or row.get("datatype") not in list(datatypes.NUMPY)
    ):
        return False
    columns = row.get("columns")
    return columns is None or (
        isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    )


def _is_output_row(row):
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("tensor"), str)
        or not isinstance(row.get("output"), str)
    ):
        return False
    column = row.get("column")
    return column is None or (_is_integer(column) and column >= 0)


def _check_carried(row, fields):
    """What callers send can be put into the tensor, and so can what stands in where they send nothing."""
    names = row.get("columns") or [row["tensor"]]
    for name in names:
        field = fields[name]
        if not datatypes.carries(row["datatype"], field["datatype"]):
            what = f"{name} is {field['datatype']}{', a ' + field['format'] if field.get('format') else ''}"
            raise Unfit(
                f"inputs.{name}.datatype",
                f"{what}; its tensor {row['tensor']} takes {row['datatype']}.",
                f"Declare it {row['datatype']}, or convert it before it is sent.",
            )
        if len(names) > 1 and field["shape"] != [-1]:
            raise Unfit(
                f"inputs.{name}.shape",
                f"{name} is one of several columns of {row['tensor']}, so its shape is [-1].",
            )
        _check_own_values(f"inputs.{name}", field, row["datatype"])


def _check_own_values(path, field, carrier):
    """The default and the allowed values survive the tensor's datatype, each as itself."""
    for key, values in (("default", [field.get("default")]), ("enum", field.get("enum") or [])):
        values = [value for value in values if value is not None]
        try:
            if values:
                _elements({**field, "enum": None}, values, carrier)
        except Problem as problem:
            raise Unfit(
                f"{path}.{key}", f"The {key} of {path} cannot be used: {problem.faults[0].detail}"
            ) from None


# --- the graph -----------------------------------------------------------------------------------------------------


def _check_graph(signature, inputs, outputs, graph):
    fields = {field["name"]: field for field in signature["inputs"]}
    tensors = {tensor["name"]: tensor for tensor in graph["inputs"]}
    bound = [row["tensor"] for row in inputs]
    if sorted(bound) != sorted(tensors):
        raise Unfit(
            "binding.inputs",
            f"The graph takes {', '.join(tensors)}; the binding gives {', '.join(bound)}.",
        )
    for row in inputs:
        _check_bound_input(row, fields, tensors[row["tensor"]])
    results = {tensor["name"]: tensor for tensor in graph["outputs"]}
    for row in outputs:
        named = next(field for field in signature["outputs"] if field["name"] == row["output"])
        _check_bound_output(row, named, results.get(row["tensor"]))


def _check_bound_input(row, fields, tensor):
    if row["datatype"] != tensor["datatype"]:
        raise Unfit(
            "binding.inputs", f"The tensor {tensor['name']} is {tensor['datatype']} in the graph."
        )
    names, shape = row.get("columns") or [row["tensor"]], tensor["shape"]
    if len(names) > 1 or fields[names[0]]["shape"] == [-1]:
        width = 1 if len(shape) == 1 else shape[1]
        if len(shape) > 2 or width not in (-1, len(names)) or (len(shape) == 1 and len(names) > 1):
            raise Unfit(
                "binding.inputs",
                f"The tensor {tensor['name']} takes {width} columns; {len(names)} are bound.",
            )
        return
    given = fields[names[0]]["shape"]
    if len(given) != len(shape) or any(
        size not in (-1, sent) for size, sent in zip(shape[1:], given[1:], strict=True)
    ):
        raise Unfit(
            f"inputs.{names[0]}.shape",
            f"{names[0]} has the shape {given}; its tensor {tensor['name']} has {shape}.",
        )


def _check_bound_output(row, field, tensor):
    if tensor is None:
        raise Unfit("binding.outputs", f"The graph has no output {row['tensor']}.")
    if field["datatype"] != tensor["datatype"]:
        what = f"{field['name']} is declared {field['datatype']}; the graph's {tensor['name']} is {tensor['datatype']}."
        raise Unfit(f"outputs.{field['name']}.datatype", what, f"Declare it {tensor['datatype']}.")
    column, shape = row.get("column"), tensor["shape"]
    if column is None:
        return
    if len(shape) != 2 or not (column < shape[1] or shape[1] == -1):
        raise Unfit("binding.outputs", f"The output {row['tensor']} has no column {column}.")


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False
