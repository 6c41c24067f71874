"""Plausible values for a signature: an example request, and rows for a trial. Pure."""

import json
from math import ceil, floor, prod

import numpy as np

from hosting.model_server import coercion, datatypes, wire
from hosting.model_server.columns import Signature
from hosting.model_server.datatypes import INTEGERS
from hosting.model_server.signatures import MOST_EXAMPLE_ELEMENTS

TRIAL_ROWS = 3  # rows that are asked together, beside one alone
FREE = 2  # what a dimension of any size is in examples


def is_too_large_to_show(signature):
    """True when one row has more values than an example may have: it is neither made up, nor asked for."""
    return sum(prod(row_shape(field)) for field in signature["inputs"]) > MOST_EXAMPLE_ELEMENTS


def example_from_signature(signature, rows=1):
    """A request body with plausible values: defaults, allowed values, middles of ranges. {} when a row is too large to show."""
    if is_too_large_to_show(signature):
        return {}
    return {"inputs": [_example_tensor(field, rows) for field in signature["inputs"]]}


def in_protocol(example, signature):
    """The example as a request of the Open Inference Protocol in the signature's own datatypes, as documents and endpoints need it.

    What is one already keeps its values as they were written. example: one that signatures.check_example takes.
    """
    declared = {field["name"]: field["datatype"] for field in signature["inputs"]}
    given = example.get("inputs")
    if isinstance(given, list) and all(
        {"datatype", "shape", "data"} <= tensor.keys() for tensor in given
    ):
        return {
            **example,
            "inputs": [{**tensor, "datatype": declared[tensor["name"]]} for tensor in given],
        }
    columns, _rows = coercion.columns_of(
        wire.read(json.dumps(example).encode()), Signature.of(signature)
    )
    return {"inputs": [_tensor(name, declared[name], array) for name, array in columns.items()]}


def _tensor(name, datatype, array):
    data = [
        None if value != value else value for value in array.ravel().tolist()
    ]  # NaN, a gap, is the only value unlike itself
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": data}


def row_shape(field, free=FREE):
    """The sizes of one row, a free one being `free`."""
    return [free if size == -1 else size for size in field["shape"][1:]]


def columns_from_signature(signature, rows, free=FREE):
    """{input name: array of `rows` equal plausible rows}, for what is too large to be written as text."""
    return {
        field["name"]: np.full(
            [rows, *row_shape(field, free)],
            example_value(field),
            datatypes.dtype(field["datatype"]),
        )
        for field in signature["inputs"]
    }


def _example_tensor(field, rows):
    shape = [rows, *row_shape(field)]
    return {
        "name": field["name"],
        "datatype": field["datatype"],
        "shape": shape,
        "data": [example_value(field)] * prod(shape),
    }


def example_value(field):
    """One value that the field allows."""
    if field.get("default") is not None:
        return field["default"]
    if field.get("enum"):
        return field["enum"][0]
    if field["datatype"] == "BOOL":
        return True
    if field["datatype"] == "BYTES":
        return {"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z"}.get(
            field.get("format"), "text"
        )
    return _middle(field)


def _middle(field):
    """A number inside the range, whole where a whole one lies inside."""
    low, high = field.get("minimum"), field.get("maximum")
    if field["datatype"] in INTEGERS:
        return _near_one(
            low if low is None else ceil(low),
            high if high is None else floor(high),
            lambda: (ceil(low) + floor(high)) // 2,
        )
    value = _near_one(low, high, lambda: (low + high) / 2)
    whole = ceil(value) if high is None or ceil(value) <= high else floor(value)
    return float(whole) if low is None or whole >= low else float(value)


def _near_one(low, high, middle):
    """The middle of a range, or what lies in it and next to 1 where one end is open."""
    if low is not None and high is not None:
        return middle()
    return max(low, 1) if low is not None else min(high, 1) if high is not None else 1
