"""The signature of a version: what calls look like. Made and kept here; judged by the code that a replica runs.

Format: {"inputs": [...], "outputs": [...], "binding": {...}}; datatypes and shapes are those of the Open Inference
Protocol, the first dimension -1 is the batch. Problems rise as Invalid; `field` is a path like "inputs.age.minimum".
"""

import re
from contextlib import contextmanager

from hosting.model_server import signatures as judge
from hosting.model_server.columns import binding_of
from hosting.model_server.datatypes import FLOATS
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
    "mapping",
    "unnamed_tensors",
    "validate_example",
    "validate_field",
    "validate_signature",
    "value_problem",
]
PLACEHOLDER = re.compile(r"(?:.+_)?f\d+")
DETAILS = (
    "description",
    "unit",
    "minimum",
    "maximum",
    "enum",
    "default",
    "required",
    "format",
    "monotone",
)


# -- checking ------------------------------------------------------------------------------------------------------


def validate_signature(signature, graph=None):
    """Raises Invalid unless the signature is whole and, given the inspected graph, fits it.

    graph: Inspection.graph, {"inputs": [{"name", "datatype", "shape"}], "outputs": [...]}.
    """
    with _as_invalid():
        judge.check_signature(signature, graph)


def validate_field(side, field):
    """Raises Invalid unless one field, of "inputs" or "outputs", is described properly by itself."""
    with _as_invalid():
        judge.check_field(f"{side}.{field['name']}", field, is_input=side == "inputs")


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
            row, fields = {**row, "columns": columns}, _divided(fields, known, columns)
        rows.append(row)
        inputs.extend(fields)
    made = {**signature, "inputs": inputs, "binding": {**signature["binding"], "inputs": rows}}
    validate_signature(made, graph)
    return made


def unnamed_tensors(signature):
    """The input tensors whose columns are called f0, f1 … because nobody named them."""
    return [
        row["tensor"]
        for row in (signature.get("binding") or {}).get("inputs", [])
        if len(row.get("columns") or []) > 1 and all(map(PLACEHOLDER.fullmatch, row["columns"]))
    ]


def _divided(former, tensor, columns):
    """The fields of a tensor: itself, or its columns; what people wrote is kept for columns that keep their names."""
    blank = {
        **former[0],
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
    known = {field["name"]: field for field in former if field["shape"] == [-1]}
    return [known.get(name) or {**blank, "name": name, "shape": [-1]} for name in columns]


# -- keeping what people wrote -------------------------------------------------------------------------------------


def carry_over(old, new, graph=None):
    """(the freshly inspected signature `new` with what people wrote about `old`, sentences that say so).

    An input tensor whose columns have no names takes those of the old one of the same name, else of the same place, when
    datatype and number of columns are the same; descriptions, units, ranges and defaults are kept for fields of the same name
    and datatype. Names by place are a proposal: who uploads confirms them. What would not fit the new package is left out.
    """
    if not old or not old.get("inputs"):
        return new, []
    is_same_package = _interface(old) == _interface(new)
    named, kept = _with_old_names(old, new, graph)
    carried = {
        **named,
        **{
            side: [
                _with_details(field, old.get(side, []), bool(kept) and is_same_package)
                for field in named[side]
            ]
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


def _with_old_names(old, new, graph):
    """(`new` with the old names where it has none, sentences)."""
    known = (old.get("binding") or {}).get("inputs", [])
    by_name, kept, made = {row["tensor"]: row for row in known}, [], new
    for place, row in enumerate(new["binding"]["inputs"]):
        like = by_name.get(row["tensor"]) or (known[place] if place < len(known) else {})
        names = like.get("columns") or []
        if not names or like.get("datatype") != row["datatype"] or names == row["columns"]:
            continue
        if not _is_unnamed(row, graph, len(names)):
            continue
        made = _renamed(made, row, names)
        kept.append(
            f"The columns of {row['tensor']} have no names in this package, so those of the former one were kept: "
            f"{', '.join(names[:20])}{' …' if len(names) > 20 else ''}. Check that they come in this order."
        )
    return made, kept


def _is_unnamed(row, graph, count):
    """Has the tensor `count` columns without names: f0 …, or one undivided row of so many values?"""
    if row["columns"] is not None:
        return len(row["columns"]) == count and all(map(PLACEHOLDER.fullmatch, row["columns"]))
    tensors = {tensor["name"]: tensor for tensor in (graph or {}).get("inputs", [])}
    return tensors.get(row["tensor"], {}).get("shape") == [-1, count]


def _renamed(signature, row, names):
    """The signature with the tensor of `row` as columns of these names."""
    mine = row["columns"] or [row["tensor"]]
    start = next(n for n, field in enumerate(signature["inputs"]) if field["name"] == mine[0])
    pattern = {**signature["inputs"][start], "shape": [-1]}
    fields = [{**pattern, "name": name} for name in names]
    inputs = [*signature["inputs"][:start], *fields, *signature["inputs"][start + len(mine) :]]
    rows = [
        {**other, "columns": names} if other["tensor"] == row["tensor"] else other
        for other in signature["binding"]["inputs"]
    ]
    return {**signature, "inputs": inputs, "binding": {**signature["binding"], "inputs": rows}}


def mapping(old, found, made):
    """How the fields of an upload came to their names: [{"side", "tensor", "place", "found", "name", "carried", "is_new"}].

    old, found, made  the former signature, the one read from the package, and what became of it.
    carried           which of meaning, unit, range, values, default the former signature gave.
    """
    rows = []
    for before, after in zip(found["binding"]["inputs"], made["binding"]["inputs"], strict=True):
        names = after["columns"] or [after["tensor"]]
        read = before["columns"] or [before["tensor"]]
        for place, name in enumerate(names):
            was = read[place] if len(read) == len(names) else ""
            rows.append(_mapped("inputs", after["tensor"], place, was, name, old, made))
    for place, output in enumerate(made["binding"]["outputs"]):
        name = output["output"]
        rows.append(_mapped("outputs", output["tensor"], place, name, name, old, made))
    return rows


def _mapped(side, tensor, place, read, name, old, made):
    former = {field["name"]: field for field in old.get(side, [])}.get(name)
    field = next(field for field in made[side] if field["name"] == name)
    carried = [
        key
        for key in DETAILS
        if former and former.get(key) not in (None, "", True) and former[key] == field.get(key)
    ]
    return {
        "side": side,
        "tensor": tensor,
        "place": place,
        "found": read,
        "name": name,
        "carried": carried,
        "is_new": former is None,
    }


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
        **{
            key: old[key]
            for key in DETAILS
            if (key in field or key == "monotone") and old.get(key) not in (None, "")
        },
    }
