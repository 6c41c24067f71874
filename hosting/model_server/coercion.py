"""Input coercion: a read request → one numpy array per signature input → the graph's tensors. Pure; bad input is a Problem.

A signature input of shape [-1] is a column of n rows; it is sent as [n] or [n,1]. All inputs have the same n.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from math import ceil, floor, isfinite, prod

import numpy as np

from hosting.model_server import datatypes, request_forms, wire
from hosting.model_server.limits import LONGEST_STRING, MOST_ROWS
from hosting.model_server.problems import MOST_FAULTS_TOLD, Fault, bad_input, too_large


class _Refused(Exception):
    """One input does not fit; the others are still looked at. `at` counts elements, not rows."""

    def __init__(self, detail, at=None, remedy=""):
        super().__init__(detail)
        self.detail, self.at, self.remedy = detail, at, remedy


@dataclass(frozen=True)
class Column:
    """One input of the signature, as the contract declares it, with what is looked up per request worked out once.

    format   of BYTES only: "date" or "date-time"; the model gets ISO 8601 texts in one spelling, times without zone as UTC
    carrier  datatype of the graph's tensor that the values go into; "" for the column's own
    """

    name: str
    datatype: str
    shape: tuple
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    enum: frozenset | None = None
    default: object = None
    format: str | None = None
    carrier: str = ""

    @classmethod
    def of(cls, spec, carrier=""):
        known = _spelling(spec.get("format"))
        enum, default = spec.get("enum"), spec.get("default")
        whole = spec["datatype"] in datatypes.INTEGERS
        return cls(
            name=spec["name"],
            datatype=spec["datatype"],
            shape=tuple(spec.get("shape") or [-1]),
            required=spec.get("required", True),
            minimum=_bound_of(spec.get("minimum"), ceil if whole else _as_float),
            maximum=_bound_of(spec.get("maximum"), floor if whole else _as_float),
            enum=_enumeration(map(known, enum), spec["datatype"]) if enum else None,
            default=default if default is None else known(default),
            format=spec.get("format"),
            carrier=carrier or spec["datatype"],
        )

    @cached_property
    def dtype(self):
        return datatypes.dtype(self.datatype)

    @cached_property
    def carried(self):
        """(lowest, highest) value that the graph's tensor takes without loss; None where every allowed value is one."""
        exact = datatypes.exact_in(self.carrier or self.datatype, self.datatype)
        inside = (
            exact
            and None not in (self.minimum, self.maximum)
            and exact[0] <= self.minimum
            and self.maximum <= exact[1]
        )
        return None if inside else exact

    @property
    def missing(self):
        """The value of a missing element: the default, NaN for floats, "" for texts; None when there is none."""
        if self.default is not None:
            return self.default
        if self.datatype in datatypes.FLOATS:
            return float("nan")
        return "" if self.datatype == "BYTES" else None


def _bound_of(value, exact):
    """A limit as elements are compared with it: whole for integers, so that large ones are not rounded on the way."""
    return None if value is None else exact(value)


def _as_float(value):
    """numpy refuses to compare floats with an integer that it cannot hold; small ones stay as they were written."""
    return value if abs(value) <= datatypes.EXACT["FP16"] else float(value)


def _enumeration(values, datatype):
    """The allowed values as elements of that datatype come out: 0.1 is another number as FP32."""
    return frozenset(
        np.array(list(values), datatypes.dtype(datatype)).tolist()
        if datatype in datatypes.FLOATS
        else values
    )


@dataclass(frozen=True)
class Signature:
    """A version's contract, compiled once per replica. `outputs` maps name → declared shape."""

    columns: dict
    outputs: dict
    binding_inputs: tuple
    binding_outputs: tuple
    names: frozenset = field(default=frozenset())

    @classmethod
    def of(cls, signature):
        inputs, outputs = binding_of(signature)
        carriers = {
            name: row["datatype"]
            for row in inputs
            for name in row.get("columns") or [row["tensor"]]
        }
        columns = {
            spec["name"]: Column.of(spec, carriers.get(spec["name"], ""))
            for spec in signature["inputs"]
        }
        return cls(
            columns=columns,
            outputs={
                spec["name"]: tuple(spec.get("shape") or [-1]) for spec in signature["outputs"]
            },
            binding_inputs=tuple(inputs),
            binding_outputs=tuple(outputs),
            names=frozenset(columns),
        )


def binding_of(signature):
    """([row of each graph input], [row of each output]): what the signature says, or name to name where it says nothing."""
    binding = signature.get("binding") or {}
    inputs = binding.get("inputs") or [
        {"tensor": spec["name"], "datatype": spec["datatype"], "columns": None}
        for spec in signature["inputs"]
    ]
    return inputs, binding.get("outputs") or [
        {"tensor": spec["name"], "output": spec["name"], "column": None}
        for spec in signature["outputs"]
    ]


def columns_of(request, signature, *, strict=True, most_rows=MOST_ROWS):
    """RawRequest → ({input name: array of n rows}, n). Raises Problem 422 naming field, row and remedy, or 413."""
    given, faults = _by_name(request, signature, strict)
    rows = _rows(given, signature, faults)
    if rows > most_rows:
        raise too_large(
            f"{rows} rows in one request; at most {most_rows} are taken.",
            "Send fewer rows per request.",
        )
    found = {}
    for column in signature.columns.values():
        try:
            found[column.name] = _column(column, given.get(column.name), rows)
        except _Refused as no:
            row = None if no.at is None else given[column.name].row(no.at)
            faults.append(Fault(no.detail, column.name, row, no.remedy))
    if faults:
        raise bad_input(*faults[:MOST_FAULTS_TOLD])
    return found, rows


def _by_name(request, signature, strict):
    given, faults = {}, []
    sent = (
        request_forms.tensors(request.form, request.content, signature)
        if request.form
        else request.inputs
    )
    for tensor in sent:
        if tensor.name in given:
            faults.append(Fault("is sent twice.", tensor.name, remedy="Send each input once."))
        elif tensor.name in signature.names:
            known = tensor.datatype is not None and tensor.shape is not None
            given[tensor.name] = (
                tensor if known else request_forms.completed(tensor, signature.columns[tensor.name])
            )
        elif strict:
            known = ", ".join(list(signature.columns)[:20])
            faults.append(
                Fault(
                    "is not an input of this model.",
                    tensor.name,
                    remedy=f"Its inputs are: {known}.",
                )
            )
    return given, faults


def _rows(given, signature, faults):
    """The batch size that the inputs agree on; the first input given decides."""
    first = next(iter(given.values()), None)
    if first is None:
        raise bad_input(*faults, *_absent(signature))
    rows = first.shape[0]
    if rows == 0:
        raise bad_input(Fault("has no rows.", first.name, remedy="Send at least one row."))
    for tensor in given.values():
        if tensor.shape[0] != rows:
            detail = f"has {tensor.shape[0]} rows; input '{first.name}' has {rows}."
            faults.append(
                Fault(detail, tensor.name, remedy="Send the same number of rows for every input.")
            )
    if faults:
        raise bad_input(*faults[:MOST_FAULTS_TOLD])
    return rows


def _absent(signature):
    needed = [column for column in signature.columns.values() if column.required]
    return [
        Fault("is missing.", column.name, remedy=_sample(column))
        for column in needed[:MOST_FAULTS_TOLD]
    ] or [
        Fault(
            "No input of this model was sent.",
            remedy="Send at least one input, so that the number of rows is known.",
        )
    ]


def _sample(column):
    return f"Send it as {column.datatype} with shape [rows]."


def _column(column, tensor, rows):
    if tensor is None:
        if column.required:
            raise _Refused("is missing.", remedy=_sample(column))
        if column.missing is None:
            raise _Refused("is missing and has no default.", remedy=_sample(column))
        return np.full(
            (rows, *(max(size, 1) for size in column.shape[1:])), column.missing, dtype=column.dtype
        )
    _shape_fits(column, tensor)
    elements = _binary(column, tensor) if tensor.binary else _listed(column, tensor)
    array = elements.reshape(rows, *tensor.shape[1:]) if len(column.shape) > 1 else elements
    if column.datatype in datatypes.FLOATS:
        _finite(column, elements)
    if column.minimum is not None or column.maximum is not None:
        _in_range(column, elements)
    if column.enum is not None:
        _in_enum(column, elements)
    if column.carried:
        _carried(column, elements)
    return array


def _shape_fits(column, tensor):
    shape, declared = tensor.shape, column.shape
    if 0 in shape:
        raise _Refused(f"has no elements: its shape is {shape}.", remedy="Send sizes from 1.")
    if len(declared) == 1 and (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        return
    same = len(shape) == len(declared) and all(
        d in (-1, s) for s, d in zip(shape[1:], declared[1:], strict=True)
    )
    if not same or len(declared) == 1:
        wanted = ["rows", *declared[1:]]
        raise _Refused(
            f"has shape {shape}.", remedy=f"Send shape {wanted} (-1 is any size).".replace("'", "")
        )


# --- elements in binary form ---------------------------------------------------------------------------------------


def _binary(column, tensor):
    if tensor.datatype == "BYTES":
        return _from_texts(column, tensor, wire.strings(tensor))
    if column.datatype == "BYTES":
        raise _Refused(
            f"is {tensor.datatype}; the model takes BYTES (texts).", remedy="Send texts."
        )
    _count(prod(tensor.shape) * datatypes.item_size(tensor.datatype), len(tensor.data), "bytes")
    sent = np.frombuffer(tensor.data, dtype=datatypes.dtype(tensor.datatype).newbyteorder("<"))
    if tensor.datatype == "BOOL" and sent.view(np.uint8).max(initial=0) > 1:
        raise _Refused(
            "has BOOL bytes other than 0 and 1.", remedy="Send one byte per element, 0 or 1."
        )
    return _converted(column, sent, tensor.datatype)


def _count(expected, found, what):
    if expected != found:
        raise _Refused(
            f"has {found} {what}; its shape needs {expected}.", remedy="Make shape and data agree."
        )


def _converted(column, sent, datatype):
    """A numeric array of `datatype` → the column's dtype, where no value changes its meaning."""
    if datatype == column.datatype:
        return sent.astype(column.dtype)
    if (datatype == "BOOL") != (column.datatype == "BOOL"):
        raise _Refused(
            f"is {datatype}; the model takes {column.datatype}.", remedy=f"Send {column.datatype}."
        )
    if column.datatype in datatypes.FLOATS:
        return _to_float(column, sent, datatype)
    if datatype in datatypes.FLOATS:
        raise _Refused(
            f"is {datatype}; the model takes {column.datatype}.", remedy="Send whole numbers."
        )
    limits = np.iinfo(column.dtype)
    for at in np.flatnonzero((sent < limits.min) | (sent > limits.max))[:1]:
        raise _Refused(
            f"{sent[at]} is outside {column.datatype}.",
            int(at),
            f"Send {limits.min} to {limits.max}.",
        )
    return sent.astype(column.dtype)


def _to_float(column, sent, datatype):
    if datatype in datatypes.INTEGERS:
        for at in np.flatnonzero(_beyond_exact(sent))[:1]:
            raise _Refused(
                f"{sent[at]} is too large to be exact as a float.", int(at), "Send at most 2^53."
            )
    with np.errstate(over="ignore"):
        return sent.astype(column.dtype)


def _beyond_exact(sent):
    above = sent > datatypes.WHOLE_IN_FLOAT
    return above | (sent < -datatypes.WHOLE_IN_FLOAT) if sent.dtype.kind == "i" else above


# --- elements in JSON ----------------------------------------------------------------------------------------------


def _listed(column, tensor):
    flat = _flat(tensor.data, tensor.shape)
    _count(prod(tensor.shape), len(flat), "elements")
    kinds = set(map(type, flat))
    if type(None) in kinds:
        flat = _without_nulls(column, flat)
        kinds = set(map(type, flat))
    if column.datatype == "BYTES":
        return _from_texts(column, tensor, flat)
    if column.datatype == "BOOL":
        _only(kinds, {bool}, flat, "is not true or false.", "Send true or false.")
        return np.array(flat, dtype=column.dtype)
    _only(
        kinds,
        {int, float},
        flat,
        "is not a number.",
        "Send numbers without quotes; true and false are not numbers.",
    )
    return (
        _floats(column, flat, kinds)
        if column.datatype in datatypes.FLOATS
        else _integers(column, flat, kinds)
    )


def _flat(data, shape):
    """Nested or flat row-major lists → one flat list. Nesting must follow the shape."""
    for depth in range(len(shape) - 1):
        if not data or not isinstance(data[0], list):
            break
        size = shape[depth + 1]
        for index, inner in enumerate(data):
            if not isinstance(inner, list) or len(inner) != size:
                at = index * prod(shape[depth + 1 :])
                raise _Refused(
                    f"is nested unlike its shape {shape}.",
                    at,
                    "Send the data flat, or nested by shape.",
                )
        data = [value for inner in data for value in inner]
    return data


def _without_nulls(column, flat):
    if column.required or column.missing is None:
        raise _Refused("is null.", flat.index(None), "This input needs a value in every row.")
    return [column.missing if value is None else value for value in flat]


def _only(kinds, allowed, flat, detail, remedy):
    if kinds <= allowed:
        return
    at = next(index for index, value in enumerate(flat) if type(value) not in allowed)
    raise _Refused(f"{_shown(flat[at])} {detail}", at, remedy)


def _shown(value):
    text = json.dumps(value) if isinstance(value, bool | str | list | dict) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _floats(column, flat, kinds):
    if int in kinds:
        for at, value in enumerate(flat):
            if (
                type(value) is int
                and not -datatypes.WHOLE_IN_FLOAT <= value <= datatypes.WHOLE_IN_FLOAT
            ):
                raise _Refused(
                    f"{_shown(value)} is too large to be exact as a float.",
                    at,
                    "Send at most 2^53.",
                )
    with np.errstate(over="ignore"):
        return np.array(flat, dtype=np.float64).astype(column.dtype, copy=False)


def _integers(column, flat, kinds):
    if float in kinds:
        flat = [_whole(value, at) for at, value in enumerate(flat)]
    limits = np.iinfo(column.dtype)
    if min(flat) < limits.min or max(flat) > limits.max:
        at = next(
            index for index, value in enumerate(flat) if not limits.min <= value <= limits.max
        )
        raise _Refused(
            f"{_shown(flat[at])} is outside {column.datatype}.",
            at,
            f"Send {limits.min} to {limits.max}.",
        )
    return np.array(flat, dtype=column.dtype)


def _whole(value, at):
    if type(value) is int:
        return value
    if not (isfinite(value) and value.is_integer() and abs(value) <= datatypes.WHOLE_IN_FLOAT):
        raise _Refused(f"{value} is not a whole number.", at, "Send a whole number.")
    return int(value)


# --- texts and dates -----------------------------------------------------------------------------------------------


def _from_texts(column, tensor, flat):
    if column.datatype != "BYTES":
        raise _Refused(
            f"is BYTES (texts); the model takes {column.datatype}.", remedy="Send numbers."
        )
    _count(prod(tensor.shape), len(flat), "elements")
    _texts(flat)
    if column.format:
        flat = [_dated(column, value, at) for at, value in enumerate(flat)]
    array = np.empty(len(flat), dtype=column.dtype)
    array[:] = flat
    return array


def _texts(flat):
    for at, value in enumerate(flat):
        if type(value) is not str:
            raise _Refused(f"{_shown(value)} is not a text.", at, "Send texts in quotes.")
        if len(value) > LONGEST_STRING:
            raise _Refused("is a text longer than 64 KiB.", at, "Send a shorter text.")
        if not _is_unicode(value):
            raise _Refused(
                "has half of a surrogate pair, which is no character.", at, "Send Unicode text."
            )
        if "\0" in value:
            raise _Refused(
                "has the character U+0000, which texts do not carry.", at, "Leave it out."
            )


def _is_unicode(text):
    """JSON can spell code units that are no characters, and runtimes refuse them."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _dated(column, value, at):
    """An ISO 8601 text in the spelling that the model gets; an empty one is missing."""
    if value == "" and not column.required:
        return column.missing
    try:
        return _spelling(column.format)(value)
    except ValueError:
        sample = "2026-11-23" if column.format == "date" else "2026-11-23T12:00:00Z"
        raise _Refused(
            f"{_shown(value)} is not an ISO 8601 {column.format}.",
            at,
            f"Send for example {sample}.",
        ) from None


def _spelling(form):
    """What makes one spelling of the many that ISO 8601 allows; it raises ValueError for another text."""
    return {"date": _date, "date-time": _date_time}.get(form, lambda value: value)


def _date(value):
    return date.fromisoformat(value).isoformat()


def _date_time(value):
    parsed = datetime.fromisoformat(value)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).isoformat()


# --- values --------------------------------------------------------------------------------------------------------


def _finite(column, elements):
    unfit = ~np.isfinite(elements) if column.required else np.isinf(elements)
    for at in np.flatnonzero(unfit)[:1]:
        raise _Refused(
            "is not a finite number in this datatype.", int(at), f"Send a finite {column.datatype}."
        )
    if not column.required and column.default is not None:
        elements[np.isnan(elements)] = column.default


def _in_range(column, elements):
    if column.datatype == "BYTES":
        return
    low = elements < column.minimum if column.minimum is not None else np.zeros(len(elements), bool)
    high = (
        elements > column.maximum if column.maximum is not None else np.zeros(len(elements), bool)
    )
    for at in np.flatnonzero(low | high)[:1]:
        raise _Refused(f"{elements[at]} is out of range.", int(at), _range(column))


def _range(column):
    if column.minimum is None:
        return f"Send at most {column.maximum}."
    return (
        f"Send at least {column.minimum}."
        if column.maximum is None
        else f"Send {column.minimum} to {column.maximum}."
    )


def _in_enum(column, elements):
    for at, value in enumerate(elements.tolist()):
        if value not in column.enum and not (not column.required and _is_missing(column, value)):
            allowed = ", ".join(map(str, sorted(column.enum, key=str)[:20]))
            raise _Refused(
                f"{_shown(value)} is not an allowed value.", at, f"Send one of: {allowed}."
            )


def _is_missing(column, value):
    return value != value or value == column.missing  # NaN is the only value unlike itself


def _carried(column, elements):
    """The graph's own datatype is narrower than the column's: a value that would be lost there is refused."""
    low, high = column.carried
    lost = (elements < low) | (elements > high)
    if column.datatype in datatypes.FLOATS:
        lost |= (elements != 0) & (np.abs(elements) < datatypes.smallest(column.carrier))
    for at in np.flatnonzero(lost)[:1]:
        detail = f"{elements[at]} is lost in {column.carrier}, in which the model computes."
        raise _Refused(detail, int(at), f"Send 0, or {low} to {high}.")


def chosen(request, signature):
    """[(output name, binary?)] in the order asked for. Raises Problem 422 for an output that the model has not."""
    if request.outputs is None:
        return [(name, request.binary_output) for name in signature.outputs]
    for wanted in request.outputs:
        if wanted.name not in signature.outputs:
            known = ", ".join(signature.outputs)
            raise bad_input(
                Fault(f"'{wanted.name[:200]}' is not an output.", remedy=f"Ask for: {known}.")
            )
    every = request.binary_output
    return [
        (wanted.name, every if wanted.binary is None else wanted.binary)
        for wanted in request.outputs
    ]
