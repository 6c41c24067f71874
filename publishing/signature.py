"""The signature of a version: what calls look like. Made and kept here; judged by the code that a replica runs.

Format: {"inputs": [...], "outputs": [...], "binding": {...}}; datatypes and shapes are those of the Open Inference
Protocol, the first dimension -1 is the batch. Problems rise as Invalid; `field` is a path like "inputs.age.minimum".
"""

import re
from contextlib import contextmanager
from math import ceil, floor, prod

from hosting.model_server import signatures as judge
from hosting.model_server.datatypes import INTEGERS
from marketplace.lib.errors import Invalid

PLACEHOLDER = re.compile(r"(?:.+_)?f\d+")
DETAILS = ("description", "unit", "minimum", "maximum", "enum", "default", "required", "format")


# -- checking ------------------------------------------------------------------------------------------------------


def validate_signature(signature, graph=None):
    """Raises Invalid unless the signature is whole and, given the inspected graph, fits it.

    graph: Inspection.graph, {"inputs": [{"name", "datatype", "shape"}], "outputs": [...]}.
    """
    with _as_invalid():
        judge.check_signature(signature, graph)


def validate_example(signature, example):
    """Raises Invalid unless `example` is a request body that a replica takes. A row too large to show needs none."""
    if example or not is_too_large_to_show(signature):
        with _as_invalid():
            judge.check_example(signature, example)


def is_too_large_to_show(signature):
    """True when one row has more values than an example may have: it is neither made up, nor asked for."""
    return _row_elements(signature["inputs"]) > judge.MOST_EXAMPLE_ELEMENTS


def value_problem(field, value):
    """Why `value` does not fit the field ("17 is out of range. Send 18 to 120."), or ""."""
    return judge.why_unfit(field, value)


@contextmanager
def _as_invalid():
    try:
        yield
    except judge.Unfit as unfit:
        raise Invalid(unfit.message, field=unfit.field, remedy=unfit.remedy) from None


# -- making examples -----------------------------------------------------------------------------------------------


def example_from_signature(signature, rows=1):
    """A request body with plausible values: defaults, allowed values, middles of ranges. {} when a row is too large to show."""
    if is_too_large_to_show(signature):
        return {}
    return {"inputs": [_example_tensor(field, rows) for field in signature["inputs"]]}


def _row_elements(fields):
    return sum(prod(_row_shape(field)) for field in fields)


def _row_shape(field):
    """The sizes of one row; a free one is 2 in examples."""
    return [2 if size == -1 else size for size in field["shape"][1:]]


def _example_tensor(field, rows):
    shape = [rows, *_row_shape(field)]
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
    if field["datatype"] in INTEGERS:
        return _near_one(low if low is None else ceil(low), high if high is None else floor(high), lambda: (ceil(low) + floor(high)) // 2)
    value = _near_one(low, high, lambda: (low + high) / 2)
    whole = ceil(value) if high is None or ceil(value) <= high else floor(value)
    return float(whole) if low is None or whole >= low else float(value)


def _near_one(low, high, middle):
    """The middle of a range, or what lies in it and next to 1 where one end is open."""
    if low is not None and high is not None:
        return middle()
    return max(low, 1) if low is not None else min(high, 1) if high is not None else 1


# -- a tensor, or its columns --------------------------------------------------------------------------------------


def divided(signature, graph, tensor, columns):
    """The signature with the input `tensor` of the graph as columns of these names, or (None) as one tensor. Raises Invalid."""
    known = next((known for known in graph.get("inputs", []) if known["name"] == tensor), None)
    if known is None or len(known["shape"]) != 2:
        raise Invalid(f"The graph has no input {tensor} of several values a row.", field="tensor")
    width = known["shape"][1]
    if columns is not None and width not in (-1, len(columns)):
        raise Invalid(f"{tensor} takes {width} columns; {len(columns)} are named.", field="columns", remedy=f"Name all {width}, in order.")
    rows, inputs = [], []
    for row in signature["binding"]["inputs"]:
        fields = [field for field in signature["inputs"] if field["name"] in (row["columns"] or [row["tensor"]])]
        if row["tensor"] == tensor:
            row, fields = {**row, "columns": columns}, _divided(fields[0], known, columns)
        rows.append(row)
        inputs.extend(fields)
    made = {**signature, "inputs": inputs, "binding": {**signature["binding"], "inputs": rows}}
    validate_signature(made, graph)
    return made


def _divided(pattern, tensor, columns):
    """The fields of a tensor: itself, or its columns; what people wrote about another division of it is not kept."""
    blank = {**pattern, "description": "", "unit": "", "minimum": None, "maximum": None, "enum": None, "default": None, "format": None}
    blank |= {"datatype": tensor["datatype"], "required": True}
    if columns is None:
        return [{**blank, "name": tensor["name"], "shape": tensor["shape"]}]
    return [{**blank, "name": name, "shape": [-1]} for name in columns]


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
