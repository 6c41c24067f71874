"""Requests as pandas, MLflow and TensorFlow Serving write them, turned into the protocol's tensors by the model's own columns.

    {"dataframe_split": {"columns": ["income", "age"], "data": [[52000, 41]]}}      pandas, MLflow
    {"dataframe_records": [{"income": 52000, "age": 41}]}                            pandas, MLflow
    {"instances": [{"income": 52000, "age": 41}]}, {"instances": [[52000, 41]]}      TensorFlow Serving
    {"inputs": {"income": [52000], "age": [41]}}, {"inputs": [[52000, 41]]}          both

Also completes tensors of the protocol whose datatype and shape were left out: the signature knows them. Rules: docs/packaging.md.
"""

import json
from math import prod

from hosting.model_server import datatypes, wire
from hosting.model_server.problems import Fault, bad_input

SHOWN_COLUMNS = 6


def tensors(form, value, signature):
    """The value of another form → [RawTensor] without datatype and shape. Raises Problem 422 with a sample in this form."""
    read = {
        "dataframe_split": _split,
        "dataframe_records": _records,
        "instances": _rows,
        "inputs": _named if isinstance(value, dict) else _rows,
    }[form]
    try:
        columns = read(value, signature)
    except ValueError as wrong:
        raise bad_input(
            Fault(f"`{form}` {wrong}", remedy=f"Send for example {sample(form, signature)}.")
        ) from None
    return [wire.RawTensor(str(name)[:200], None, None, data) for name, data in columns]


def completed(tensor, column):
    """The RawTensor with the datatype and shape of its column, where it says none. Raises Problem 422."""
    datatype = column.datatype if tensor.datatype is None else tensor.datatype
    shape = tensor.shape
    if shape is None:
        count = _in_bytes if tensor.binary else _in_lists
        shape = count(tensor, column, datatype)
        if prod(shape) > wire.MOST_ELEMENTS:
            raise wire.too_large(
                f"Input '{tensor.name}' has more than {wire.MOST_ELEMENTS} elements.",
                "Send fewer rows per request.",
                limit_elements=wire.MOST_ELEMENTS,
            )
    return wire.RawTensor(tensor.name, datatype, shape, tensor.data, tensor.binary)


def sample(form, signature):
    """A request of one row in this form, "" for plain rows, as text: this model's own columns, the first few of many."""
    row = {name: _value(column) for name, column in list(signature.columns.items())[:SHOWN_COLUMNS]}
    body = {
        "dataframe_split": {"columns": list(row), "data": [list(row.values())]},
        "inputs": {name: [value] for name, value in row.items()},
    }.get(form, [row])
    return json.dumps({form: body} if form else body, ensure_ascii=False)


# -- the forms: each gives (name, list of one entry for each row) ------------------------------------------------------


def _split(value, signature):
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise ValueError("is not an object with columns and data.")
    names, rows = value.get("columns"), value["data"]
    if names is None or (
        isinstance(names, list) and all(type(name) is int for name in names)
    ):  # a DataFrame without names
        return _rows(rows, signature)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("has columns that are not a list of names.")
    for at, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise ValueError(
                f"has {len(names)} columns, but row {at} is not a list of as many values."
            )
    return [(name, [row[at] for row in rows]) for at, name in enumerate(names)]


def _records(value, _signature):
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("is not a list of objects, one for each row.")
    names = dict.fromkeys(name for row in value for name in row)
    return [(name, [row.get(name) for row in value]) for name in names]


def _rows(value, signature):
    if not isinstance(value, list) or not value:
        raise ValueError("is not a list of rows.")
    if all(isinstance(row, dict) for row in value):
        return _records(value, signature)
    return _by_place(value, list(signature.columns), signature, "")


def _by_place(rows, names, signature, where):
    """Rows without names: the values of these columns in their order. Optional ones at the end may be left out by all rows, so
    that a new optional input breaks no caller (docs/governance.md, "Version numbers")."""
    least = max((at for at, name in enumerate(names, 1) if _is_needed(signature, name)), default=1)
    if len(names) == 1 or (least == 1 and not any(isinstance(row, list) for row in rows)):
        return [(names[0], rows)]
    width = len(rows[0]) if rows and isinstance(rows[0], list) else len(names)
    width = width if least <= width <= len(names) else len(names)
    for at, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            raise ValueError(
                f"has a row ({at}){where} that is not a list of {width} values, one for each input."
            )
    return [(name, [row[at] for row in rows]) for at, name in enumerate(names[:width])]


def _is_needed(signature, name):
    """Whether a request must hold a value of this column."""
    column = signature.columns[name]
    return column.required or column.missing is None


def _named(value, signature):
    found = []
    for name, data in value.items():
        rows = data if isinstance(data, list) else [data]
        found += (
            _columns_of_tensor(name, rows, signature)
            if name not in signature.names
            else [(name, rows)]
        )
    if not found:
        raise ValueError("names no input.")
    return found


def _columns_of_tensor(name, rows, signature):
    """A tensor of the graph that the signature takes apart into columns; any other name stays, and is refused later."""
    columns = next(
        (
            spec["columns"]
            for spec in signature.binding_inputs
            if spec["tensor"] == name and spec.get("columns")
        ),
        None,
    )
    if columns is None:
        return [(name, rows)]
    return _by_place(rows, columns, signature, f" of {name[:100]}")


# -- what was left out ------------------------------------------------------------------------------------------------


def _in_lists(tensor, column, _datatype):
    """The shape of JSON data: from its nesting, or from its length where it is flat and a row has a fixed size."""
    data, tail = tensor.data, list(column.shape[1:])
    nested, level = [len(data)], data
    while level and isinstance(level[0], list) and len(nested) <= max(len(tail), 1):
        level = level[0]
        nested.append(len(level))
    if len(nested) > 1 or not tail:
        return nested
    size = prod(tail)
    if -1 in tail:
        raise bad_input(
            Fault(
                "is flat, and a row has no fixed size.",
                column.name,
                remedy="Nest the data by rows, or send its shape.",
            )
        )
    if len(data) % size:
        raise bad_input(
            Fault(
                f"has {len(data)} values; a row has {size}.",
                column.name,
                remedy=f"Send {size} values for each row.",
            )
        )
    return [len(data) // size, *tail]


def _in_bytes(tensor, column, datatype):
    """The shape of binary data, from its length: a row has a fixed size."""
    tail = list(column.shape[1:])
    count = (
        wire.count_strings(tensor)
        if datatype == "BYTES"
        else len(tensor.data) / datatypes.item_size(datatype)
    )
    rows = count / prod(tail)
    if -1 in tail or rows != int(rows):
        raise bad_input(
            Fault(
                "has bytes that are no whole rows.",
                column.name,
                remedy="Send its shape, or whole rows.",
            )
        )
    return [int(rows), *tail]


def _value(column):
    """One value that this input takes, for a sample."""
    if column.default is not None:
        return column.default
    if column.enum:
        return sorted(column.enum, key=str)[0]
    if column.datatype in ("BOOL", "BYTES"):
        return (
            True
            if column.datatype == "BOOL"
            else {"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z"}.get(
                column.format, "text"
            )
        )
    one = (
        column.minimum
        if column.minimum is not None
        else 1
        if column.maximum is None
        else min(1, column.maximum)
    )
    for size in reversed(column.shape[1:]):
        one = [one] * min(max(size, 1), 2)
    return one
