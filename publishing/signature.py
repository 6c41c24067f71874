"""The signature of a version: what calls look like. Made and kept here; judged by the code that a replica runs.

Format: {"inputs": [...], "outputs": [...], "binding": {...}}; datatypes and shapes are those of the Open Inference
Protocol, the first dimension -1 is the batch. Problems rise as Invalid; `field` is a path like "inputs.age.minimum".
"""

import re
from contextlib import contextmanager

from hosting.model_server import signatures as judge
from hosting.model_server.coercion import binding_of
from hosting.model_server.examples import (
    example_from_signature,
    example_value,
    in_protocol,
    is_too_large_to_show,
)
from marketplace.core.errors import Invalid

__all__ = [
    "carry_over",
    "divided",
    "example_from_signature",
    "example_value",
    "in_protocol",
    "is_too_large_to_show",
    "validate_example",
    "validate_signature",
    "value_problem",
]
PLACEHOLDER = re.compile(r"(?:.+_)?f\d+")
FLOATS = ("FP16", "FP32", "FP64")
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


def value_problem(field, value):
    """Why `value` does not fit the field ("17 is out of range. Send 18 to 120."), or ""."""
    return judge.why_unfit(field, value)


@contextmanager
def _as_invalid():
    try:
        yield
    except judge.Unfit as unfit:
        raise Invalid(unfit.message, field=unfit.field, remedy=unfit.remedy) from None


# -- a tensor, or its columns --------------------------------------------------------------------------------------


def divided(signature, graph, tensor, columns):
    """The signature with the input `tensor` of the graph as columns of these names, or (None) as one tensor. Raises Invalid."""
    known = next((known for known in graph.get("inputs", []) if known["name"] == tensor), None)
    if known is None or len(known["shape"]) != 2:
        raise Invalid(f"The graph has no input {tensor} of several values a row.", field="tensor")
    width = known["shape"][1]
    if columns is not None and width not in (-1, len(columns)):
        raise Invalid(
            f"{tensor} takes {width} columns; {len(columns)} are named.",
            field="columns",
            remedy=f"Name all {width}, in order.",
        )
    rows, inputs = [], []
    for row in signature["binding"]["inputs"]:
        fields = [
            field
            for field in signature["inputs"]
            if field["name"] in (row["columns"] or [row["tensor"]])
        ]
        if row["tensor"] == tensor:
            row, fields = {**row, "columns": columns}, _divided(fields[0], known, columns)
        rows.append(row)
        inputs.extend(fields)
    made = {**signature, "inputs": inputs, "binding": {**signature["binding"], "inputs": rows}}
    validate_signature(made, graph)
    return made


def _divided(pattern, tensor, columns):
    """The fields of a tensor: itself, or its columns; what people wrote about another division of it is not kept."""
    blank = {
        **pattern,
        "description": "",
        "unit": "",
        "minimum": None,
        "maximum": None,
        "enum": None,
        "default": None,
        "format": None,
    }
    blank |= {"datatype": tensor["datatype"], "required": True}
    if columns is None:
        return [{**blank, "name": tensor["name"], "shape": tensor["shape"]}]
    return [{**blank, "name": name, "shape": [-1]} for name in columns]


# -- keeping what people wrote -------------------------------------------------------------------------------------


def carry_over(old, new, graph=None):
    """(the freshly inspected signature `new` with what people wrote about `old`, sentences that say so).

    Names are kept in place of placeholders (f0, f1 …) only where the new package takes and makes the very tensors of the old
    one; descriptions, units, ranges and defaults are kept for fields of the same name and datatype. What would not fit the
    new package is left out.
    """
    if not old or not old.get("inputs"):
        return new, []
    renamed, kept = _with_old_names(old, new) if _interface(old) == _interface(new) else (new, [])
    carried = {
        **renamed,
        **{
            side: [_with_details(field, old.get(side, []), bool(kept)) for field in renamed[side]]
            for side in ("inputs", "outputs")
        },
    }
    try:
        validate_signature(carried, graph)
    except Invalid as misfit:
        return new, [
            f"What was written about the former package's columns does not fit this one and was left out: {misfit.message}"
        ]
    return carried, kept


def _interface(signature):
    """What a package takes and makes, without the names that people gave."""
    binding = signature.get("binding") or {}
    inputs = [
        (row["tensor"], row.get("datatype"), len(row.get("columns") or []))
        for row in binding.get("inputs", [])
    ]
    return inputs, [(row["tensor"], row.get("column")) for row in binding.get("outputs", [])]


def _with_old_names(old, new):
    """(`new` with the old names for its placeholders, sentences)."""
    before = {
        row["tensor"]: row.get("columns") for row in (old.get("binding") or {}).get("inputs", [])
    }
    names, rows, kept = {}, [], []
    for row in new["binding"]["inputs"]:
        columns, known = row["columns"] or [], before.get(row["tensor"]) or []
        if (
            columns
            and columns != known
            and len(columns) == len(known)
            and all(PLACEHOLDER.fullmatch(column) for column in columns)
        ):
            names |= dict(zip(columns, known, strict=True))
            row = {**row, "columns": known}
            kept.append(
                f"The columns of {row['tensor']} have no names in this package, so those of the former one were kept: "
                f"{', '.join(known[:20])}{' …' if len(known) > 20 else ''}. Check that they come in this order."
            )
        rows.append(row)
    inputs = [{**field, "name": names.get(field["name"], field["name"])} for field in new["inputs"]]
    return {**new, "inputs": inputs, "binding": {**new["binding"], "inputs": rows}}, kept


def rounding(signature):
    """Sentences about columns that callers send with more digits than the graph computes with."""
    carriers = {
        name: row["datatype"]
        for row in binding_of(signature)[0]
        for name in row.get("columns") or [row["tensor"]]
    }
    narrowed = [
        f"{field['name']} ({field['datatype']})"
        for field in signature["inputs"]
        if field["datatype"] in FLOATS
        and FLOATS.index(carriers[field["name"]]) < FLOATS.index(field["datatype"])
    ]
    if not narrowed:
        return []
    listed = f"{', '.join(narrowed[:5])}{' …' if len(narrowed) > 5 else ''}"
    return [
        f"The graph computes {listed} with fewer digits: values are rounded to the nearest, and refused where they would be lost."
    ]


def _with_details(field, old_fields, is_same_package):
    if PLACEHOLDER.fullmatch(field["name"]) and not is_same_package:
        return field  # f0 of one package is not f0 of another
    old = next(
        (
            other
            for other in old_fields
            if (other["name"], other["datatype"]) == (field["name"], field["datatype"])
        ),
        {},
    )
    return {
        **field,
        **{key: old[key] for key in DETAILS if key in field and old.get(key) not in (None, "")},
    }
