"""The signature of a version: what calls look like. Checks it, checks examples against it, and makes examples.

Format: {"inputs": [...], "outputs": [...], "binding": {...}}; datatypes and shapes are those of the Open Inference
Protocol, the first dimension -1 is the batch. Problems rise as Invalid; `field` is a path like "inputs.age.minimum".
"""

import re
from datetime import date, datetime
from math import ceil, floor, prod

from marketplace.lib.errors import Invalid

INTEGER_BITS = {"UINT8": (0, 8), "UINT16": (0, 16), "UINT32": (0, 32), "UINT64": (0, 64)}
INTEGER_BITS |= {"INT8": (1, 7), "INT16": (1, 15), "INT32": (1, 31), "INT64": (1, 63)}
FLOATS = ("FP32", "FP64")
NUMBERS = (*INTEGER_BITS, *FLOATS)
DATATYPES = ("BOOL", *NUMBERS, "BYTES")
FORMATS = (None, "", "date", "date-time")
NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
MOST_FIELDS = 512
MOST_ROWS = 100
PLACEHOLDER = re.compile(r"(?:.+_)?f\d+")
DETAILS = ("description", "unit", "minimum", "maximum", "enum", "default", "required", "format")


# -- checking a signature ------------------------------------------------------------------------------------------


def validate_signature(signature, graph=None):
    """Raises Invalid unless the signature is whole and, given the inspected graph, fits it.

    graph: Inspection.graph, {"inputs": [{"name", "datatype", "shape"}], "outputs": [...]}.
    """
    if not isinstance(signature, dict):
        raise _invalid("signature", "The signature is not an object with inputs and outputs.")
    for side in ("inputs", "outputs"):
        _check_side(side, signature.get(side))
    if signature.get("binding"):
        _check_binding(signature, signature["binding"])
        if graph:
            _check_graph(signature["binding"], graph)


def _check_side(side, fields):
    if not isinstance(fields, list) or not fields:
        raise _invalid(side, f"The signature has no {side}.")
    if len(fields) > MOST_FIELDS:
        raise _invalid(side, f"The signature has more than {MOST_FIELDS} {side}.", "Combine them into tensors.")
    names = set()
    for index, field in enumerate(fields):
        name = field.get("name") if isinstance(field, dict) else None
        if not isinstance(name, str) or not NAME.fullmatch(name) or name != name.strip():
            raise _invalid(f"{side}.{index}", f"Number {index + 1} of the {side} has no proper name.", "Use 1 to 100 printable characters.")
        if name in names:
            raise _invalid(f"{side}.{name}", f"Two {side} are called {name}.")
        names.add(name)
        _check_field(f"{side}.{name}", field, is_input=side == "inputs")


def _check_field(path, field, is_input):
    if field.get("datatype") not in DATATYPES:
        raise _invalid(f"{path}.datatype", f"{path} has no known datatype.", f"Choose one of {', '.join(DATATYPES)}.")
    _check_shape(path, field.get("shape"))
    _check_range(path, field)
    _check_enum(path, field)
    if field.get("format") not in FORMATS or (field.get("format") and field["datatype"] != "BYTES"):
        raise _invalid(f"{path}.format", f"{path} has a format that does not fit.", "Only BYTES may be date or date-time.")
    if is_input:
        _check_presence(path, field)


def _check_shape(path, shape):
    sound = isinstance(shape, list) and shape and shape[0] == -1
    if not sound or not all(_is_integer(size) and (size > 0 or size == -1) for size in shape):
        raise _invalid(f"{path}.shape", f"{path} has no shape that begins with -1, the batch.", "A column has the shape [-1].")


def _check_range(path, field):
    low, high = field.get("minimum"), field.get("maximum")
    for key, value in (("minimum", low), ("maximum", high)):
        if value is not None and (field["datatype"] not in NUMBERS or not _is_number(value)):
            raise _invalid(f"{path}.{key}", f"The {key} of {path} is not a number, or {path} is none.")
    if low is not None and high is not None and low > high:
        raise _invalid(f"{path}.minimum", f"The minimum of {path} is greater than its maximum.")


def _check_enum(path, field):
    values = field.get("enum")
    if values is None:
        return
    if not isinstance(values, list) or not values or any(value_problem({**field, "enum": None}, value) for value in values):
        raise _invalid(f"{path}.enum", f"The allowed values of {path} are not a list of {field['datatype']} values.")
    if len(set(map(str, values))) != len(values):
        raise _invalid(f"{path}.enum", f"The allowed values of {path} repeat themselves.")


def _check_presence(path, field):
    default = field.get("default")
    if not isinstance(field.get("required", True), bool):
        raise _invalid(f"{path}.required", f"{path} does not say whether it is required.")
    if default is not None and value_problem(field, default):
        raise _invalid(f"{path}.default", f"The default of {path} {value_problem(field, default)}.")
    fillable = default is not None or field["datatype"] in (*FLOATS, "BYTES")
    if not field.get("required", True) and not fillable:
        raise _invalid(
            f"{path}.default", f"{path} is optional but has no default.", "Give a default, or declare it FP64: then a gap is NaN."
        )


def _check_binding(signature, binding):
    for side in ("inputs", "outputs"):
        rows = binding.get(side) if isinstance(binding, dict) else None
        if not isinstance(rows, list) or not all(_is_binding_row(row) for row in rows):
            raise _invalid(f"binding.{side}", f"The binding of the {side} is not a list of tensors and their columns.")
    inputs = [column for row in binding.get("inputs", []) for column in row.get("columns") or [row.get("tensor")]]
    outputs = [row.get("output") for row in binding.get("outputs", [])]
    for side, bound in (("inputs", inputs), ("outputs", outputs)):
        names = [field["name"] for field in signature[side]]
        if sorted(names) != sorted(bound):
            odd = sorted(set(names) ^ set(bound)) or sorted({name for name in bound if bound.count(name) > 1})
            raise _invalid(f"binding.{side}", f"The binding does not name each of the {side} once: {odd[0]}.")


def _is_binding_row(row):
    names = [row.get("tensor"), row.get("output", ""), *(row.get("columns") or [])] if isinstance(row, dict) else [None]
    return all(isinstance(name, str) for name in names)


def _check_graph(binding, graph):
    tensors = {tensor["name"]: tensor for tensor in graph["inputs"]}
    bound = [row["tensor"] for row in binding["inputs"]]
    if sorted(bound) != sorted(tensors):
        raise _invalid("binding.inputs", f"The graph takes {', '.join(tensors)}; the binding gives {', '.join(bound)}.")
    for row in binding["inputs"]:
        _check_bound_input(row, tensors[row["tensor"]])
    results = {tensor["name"]: tensor for tensor in graph["outputs"]}
    for row in binding["outputs"]:
        _check_bound_output(row, results.get(row["tensor"]))


def _check_bound_input(row, tensor):
    if row.get("datatype", tensor["datatype"]) != tensor["datatype"]:
        raise _invalid("binding.inputs", f"The tensor {tensor['name']} is {tensor['datatype']} in the graph.")
    width = 1 if len(tensor["shape"]) == 1 else tensor["shape"][1]
    if row.get("columns") and width != -1 and len(row["columns"]) != width:
        raise _invalid("binding.inputs", f"The tensor {tensor['name']} takes {width} columns; {len(row['columns'])} are bound.")


def _check_bound_output(row, tensor):
    if tensor is None:
        raise _invalid("binding.outputs", f"The graph has no output {row['tensor']}.")
    column, shape = row.get("column"), tensor["shape"]
    if column is None:
        return
    if not _is_integer(column) or len(shape) != 2 or not (0 <= column < shape[1] or shape[1] == -1):
        raise _invalid("binding.outputs", f"The output {row['tensor']} has no column {column}.")


# -- checking and making examples ----------------------------------------------------------------------------------


def validate_example(signature, example):
    """Raises Invalid unless `example` is a request body that the signature allows."""
    given = example.get("inputs") if isinstance(example, dict) else None
    if not isinstance(given, list) or not all(isinstance(tensor, dict) for tensor in given):
        raise _invalid("example", "The example is not a request body with a list of inputs.")
    fields = {field["name"]: field for field in signature["inputs"]}
    tensors = {tensor.get("name"): tensor for tensor in given}
    unknown = [name for name in tensors if name not in fields]
    if unknown or len(tensors) != len(given):
        raise _invalid("example", f"The example has an input that the signature does not know, or twice: {(unknown or list(tensors))[0]}.")
    for name, field in fields.items():
        if name not in tensors and field.get("required", True):
            raise _invalid(f"example.{name}", f"The example lacks the required input {name}.")
    rows = {_check_tensor(fields[name], tensor) for name, tensor in tensors.items()}
    if len(rows) > 1:
        raise _invalid("example", "The inputs of the example have different numbers of rows.")


def _check_tensor(field, tensor):
    """The number of rows of an example's input."""
    path, shape, declared = f"example.{field['name']}", tensor.get("shape"), field["shape"]
    if tensor.get("datatype") != field["datatype"]:
        raise _invalid(path, f"The example sends {field['name']} as {tensor.get('datatype')}; the signature says {field['datatype']}.")
    if not isinstance(shape, list) or not shape or not all(_is_integer(size) and size > 0 for size in shape):
        raise _invalid(path, f"The example's {field['name']} has no shape.")
    tail = [] if len(declared) == 1 and shape[1:] == [1] else shape[1:]
    if len(tail) != len(declared) - 1 or any(want not in (-1, size) for want, size in zip(declared[1:], tail, strict=True)):
        raise _invalid(path, f"The example's {field['name']} has the shape {shape}; the signature says {declared}.")
    values = list(_flat(tensor.get("data")))
    if len(values) != prod(shape) or shape[0] > MOST_ROWS:
        raise _invalid(path, f"The example's {field['name']} has {len(values)} values for the shape {shape}; at most {MOST_ROWS} rows.")
    for row, value in enumerate(values):
        problem = "" if value is None and not field.get("required", True) else value_problem(field, value)
        if problem:
            raise _invalid(path, f"The example's {field['name']} {problem} (value {row + 1}).")
    return shape[0]


def value_problem(field, value):
    """Why `value` does not fit the field ("is below the minimum 18"), or ""."""
    datatype = field["datatype"]
    if datatype == "BOOL":
        return "" if isinstance(value, bool) else "is not true or false"
    if datatype == "BYTES":
        return _text_problem(field, value)
    if not _is_number(value) or (datatype in INTEGER_BITS and value != int(value)):
        return f"is not a value of the type {datatype}"
    if datatype in INTEGER_BITS and not _integer_range(datatype)[0] <= value <= _integer_range(datatype)[1]:
        return f"does not fit into {datatype}"
    if field.get("minimum") is not None and value < field["minimum"]:
        return f"is below the minimum {field['minimum']}"
    if field.get("maximum") is not None and value > field["maximum"]:
        return f"is above the maximum {field['maximum']}"
    return _enum_problem(field, value)


def example_from_signature(signature, rows=1):
    """A request body with plausible values: defaults, allowed values, middles of ranges."""
    return {"inputs": [_example_tensor(field, rows) for field in signature["inputs"]]}


def _example_tensor(field, rows):
    shape = [rows, *(2 if size == -1 else size for size in field["shape"][1:])]
    return {"name": field["name"], "datatype": field["datatype"], "shape": shape, "data": [example_value(field)] * prod(shape)}


def example_value(field):
    """One value that the field allows."""
    if field.get("default") is not None:
        return field["default"]
    if field.get("enum"):
        return field["enum"][0]
    if field["datatype"] == "BOOL":
        return True
    if field["datatype"] == "BYTES":
        return {"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z"}.get(field.get("format"), "text")
    return _middle(field)


def _middle(field):
    """A number inside the range, whole where a whole one lies inside."""
    low, high = field.get("minimum"), field.get("maximum")
    if low is None and high is None:
        value = 1
    elif low is None or high is None:
        value = low if high is None else min(high, 1)
    else:
        value = (low + high) / 2
    whole = ceil(value) if high is None or ceil(value) <= high else floor(value)
    if field["datatype"] in INTEGER_BITS:
        return whole
    return float(whole) if low is None or whole >= low else float(value)


# -- keeping what people wrote -------------------------------------------------------------------------------------


def carry_over(old, new):
    """The freshly inspected signature `new` with the names and details that people gave to `old`.

    Placeholder names (f0, f1 …) yield to the old names where a tensor has as many columns as before; descriptions,
    units, ranges and defaults are kept for fields of the same name and datatype.
    """
    if not old or not old.get("inputs"):
        return new
    renamed = _with_old_names(old, new)
    return {**renamed, **{side: [_with_details(field, old.get(side, [])) for field in renamed[side]] for side in ("inputs", "outputs")}}


def _with_old_names(old, new):
    before = {row["tensor"]: row.get("columns") for row in (old.get("binding") or {}).get("inputs", [])}
    names, rows = {}, []
    for row in new["binding"]["inputs"]:
        columns, known = row["columns"] or [], before.get(row["tensor"]) or []
        if columns and len(columns) == len(known) and all(PLACEHOLDER.fullmatch(column) for column in columns):
            names |= dict(zip(columns, known, strict=True))
            row = {**row, "columns": known}
        rows.append(row)
    inputs = [{**field, "name": names.get(field["name"], field["name"])} for field in new["inputs"]]
    return {**new, "inputs": inputs, "binding": {**new["binding"], "inputs": rows}}


def _with_details(field, old_fields):
    old = next((other for other in old_fields if (other["name"], other["datatype"]) == (field["name"], field["datatype"])), {})
    return {**field, **{key: old[key] for key in DETAILS if key in field and old.get(key) not in (None, "")}}


def _text_problem(field, value):
    if not isinstance(value, str):
        return "is not a text"
    parsers = {"date": date.fromisoformat, "date-time": datetime.fromisoformat}
    if field.get("format") in parsers:
        try:
            parsers[field["format"]](value)
        except ValueError:
            return f"is not a {field['format']} in ISO 8601"
    return _enum_problem(field, value)


def _enum_problem(field, value):
    return f"is not one of the allowed values {field['enum'][:10]}" if field.get("enum") and value not in field["enum"] else ""


def _integer_range(datatype):
    signed, bits = INTEGER_BITS[datatype]
    return -signed * 2**bits, 2**bits - 1


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) != float("inf")


def _flat(data):
    if isinstance(data, list):
        for item in data:
            yield from _flat(item)
    else:
        yield data


def _invalid(field, message, remedy=""):
    return Invalid(message, field=field, remedy=remedy)
