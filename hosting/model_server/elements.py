"""The elements of one input: from binary form, JSON or texts to a numpy array of the column's datatype; and which values it allows."""

import json
from math import isfinite, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hosting.model_server import datatypes, wire
from hosting.model_server.columns import Column, spelling
from hosting.model_server.limits import LONGEST_STRING

Array = NDArray[Any]
Completed = Any  # a wire.RawTensor whose datatype and shape are known (request_forms.completed)


class Refused(Exception):
    """One input does not fit; the others are still looked at. `at` counts elements, not rows."""

    def __init__(self, detail: str, at: int | None = None, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail, self.at, self.remedy = detail, at, remedy


def elements_of(column: Column, tensor: Completed) -> Array:
    """The flat array of a tensor's elements, in the column's datatype. Raises Refused."""
    return _binary(column, tensor) if tensor.binary else _listed(column, tensor)


def require_allowed(column: Column, elements: Array) -> None:
    """Finite, in range, in the enumeration, and not lost in the graph's own datatype. Fills in what is missing. Raises Refused."""
    if column.datatype in datatypes.FLOATS:
        _finite(column, elements)
    if column.minimum is not None or column.maximum is not None:
        _in_range(column, elements)
    if column.enum is not None:
        _in_enum(column, elements, column.enum)
    if column.carried:
        _carried(column, elements, *column.carried)


# --- elements in binary form -------------------------------------------------------------------------------------------


def _binary(column: Column, tensor: Completed) -> Array:
    if tensor.datatype == "BYTES":
        return _from_texts(column, tensor, wire.strings(tensor))
    if column.datatype == "BYTES":
        raise Refused(f"is {tensor.datatype}; the model takes BYTES (texts).", remedy="Send texts.")
    _count(prod(tensor.shape) * datatypes.item_size(tensor.datatype), len(tensor.data), "bytes")
    sent = np.frombuffer(tensor.data, dtype=datatypes.dtype(tensor.datatype).newbyteorder("<"))
    if tensor.datatype == "BOOL" and sent.view(np.uint8).max(initial=0) > 1:
        raise Refused(
            "has BOOL bytes other than 0 and 1.", remedy="Send one byte per element, 0 or 1."
        )
    return _converted(column, sent, tensor.datatype)


def _count(expected: int, found: int, what: str) -> None:
    if expected != found:
        raise Refused(
            f"has {found} {what}; its shape needs {expected}.", remedy="Make shape and data agree."
        )


def _converted(column: Column, sent: Array, datatype: str) -> Array:
    """A numeric array of `datatype` → the column's dtype, where no value changes its meaning."""
    if datatype == column.datatype:
        return sent.astype(column.dtype)
    if (datatype == "BOOL") != (column.datatype == "BOOL"):
        raise Refused(
            f"is {datatype}; the model takes {column.datatype}.", remedy=f"Send {column.datatype}."
        )
    if column.datatype in datatypes.FLOATS:
        return _to_float(column, sent, datatype)
    if datatype in datatypes.FLOATS:
        raise Refused(
            f"is {datatype}; the model takes {column.datatype}.", remedy="Send whole numbers."
        )
    limits = np.iinfo(column.dtype)
    for at in np.flatnonzero((sent < limits.min) | (sent > limits.max))[:1]:
        raise Refused(
            f"{sent[at]} is outside {column.datatype}.",
            int(at),
            f"Send {limits.min} to {limits.max}.",
        )
    return sent.astype(column.dtype)


def _to_float(column: Column, sent: Array, datatype: str) -> Array:
    if datatype in datatypes.INTEGERS:
        for at in np.flatnonzero(_beyond_exact(sent))[:1]:
            raise Refused(
                f"{sent[at]} is too large to be exact as a float.", int(at), "Send at most 2^53."
            )
    with np.errstate(over="ignore"):
        return sent.astype(column.dtype)


def _beyond_exact(sent: Array) -> Array:
    above = sent > datatypes.WHOLE_IN_FLOAT
    return above | (sent < -datatypes.WHOLE_IN_FLOAT) if sent.dtype.kind == "i" else above


# --- elements in JSON --------------------------------------------------------------------------------------------------


def _listed(column: Column, tensor: Completed) -> Array:
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


def _flat(data: list[Any], shape: list[int]) -> list[Any]:
    """Nested or flat row-major lists → one flat list. Nesting must follow the shape."""
    for depth in range(len(shape) - 1):
        if not data or not isinstance(data[0], list):
            break
        size = shape[depth + 1]
        for index, inner in enumerate(data):
            if not isinstance(inner, list) or len(inner) != size:
                at = index * prod(shape[depth + 1 :])
                raise Refused(
                    f"is nested unlike its shape {shape}.",
                    at,
                    "Send the data flat, or nested by shape.",
                )
        data = [value for inner in data for value in inner]
    return data


def _without_nulls(column: Column, flat: list[Any]) -> list[Any]:
    if column.required or column.missing is None:
        raise Refused("is null.", flat.index(None), "This input needs a value in every row.")
    return [column.missing if value is None else value for value in flat]


def _only(kinds: set[type], allowed: set[type], flat: list[Any], detail: str, remedy: str) -> None:
    if kinds <= allowed:
        return
    at = next(index for index, value in enumerate(flat) if type(value) not in allowed)
    raise Refused(f"{_shown(flat[at])} {detail}", at, remedy)


def _shown(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, bool | str | list | dict) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _floats(column: Column, flat: list[Any], kinds: set[type]) -> Array:
    if int in kinds:
        for at, value in enumerate(flat):
            if (
                type(value) is int
                and not -datatypes.WHOLE_IN_FLOAT <= value <= datatypes.WHOLE_IN_FLOAT
            ):
                raise Refused(
                    f"{_shown(value)} is too large to be exact as a float.",
                    at,
                    "Send at most 2^53.",
                )
    with np.errstate(over="ignore"):
        return np.array(flat, dtype=np.float64).astype(column.dtype, copy=False)


def _integers(column: Column, flat: list[Any], kinds: set[type]) -> Array:
    if float in kinds:
        flat = [_whole(value, at) for at, value in enumerate(flat)]
    limits = np.iinfo(column.dtype)
    if min(flat) < limits.min or max(flat) > limits.max:
        at = next(
            index for index, value in enumerate(flat) if not limits.min <= value <= limits.max
        )
        raise Refused(
            f"{_shown(flat[at])} is outside {column.datatype}.",
            at,
            f"Send {limits.min} to {limits.max}.",
        )
    return np.array(flat, dtype=column.dtype)


def _whole(value: float, at: int) -> int:
    if type(value) is int:
        return value
    if not (isfinite(value) and value.is_integer() and abs(value) <= datatypes.WHOLE_IN_FLOAT):
        raise Refused(f"{value} is not a whole number.", at, "Send a whole number.")
    return int(value)


# --- texts and dates ---------------------------------------------------------------------------------------------------


def _from_texts(column: Column, tensor: Completed, flat: list[Any]) -> Array:
    if column.datatype != "BYTES":
        raise Refused(
            f"is BYTES (texts); the model takes {column.datatype}.", remedy="Send numbers."
        )
    _count(prod(tensor.shape), len(flat), "elements")
    _texts(flat)
    if column.format:
        flat = [_dated(column, value, at) for at, value in enumerate(flat)]
    array = np.empty(len(flat), dtype=column.dtype)
    array[:] = flat
    return array


def _texts(flat: list[Any]) -> None:
    for at, value in enumerate(flat):
        if type(value) is not str:
            raise Refused(f"{_shown(value)} is not a text.", at, "Send texts in quotes.")
        if len(value) > LONGEST_STRING:
            raise Refused("is a text longer than 64 KiB.", at, "Send a shorter text.")
        if not _is_unicode(value):
            raise Refused(
                "has half of a surrogate pair, which is no character.", at, "Send Unicode text."
            )
        if "\0" in value:
            raise Refused(
                "has the character U+0000, which texts do not carry.", at, "Leave it out."
            )


def _is_unicode(text: str) -> bool:
    """JSON can spell code units that are no characters, and runtimes refuse them."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _dated(column: Column, value: str, at: int) -> Any:
    """An ISO 8601 text in the spelling that the model gets; an empty one is missing."""
    if value == "" and not column.required:
        return column.missing
    try:
        return spelling(column.format)(value)
    except ValueError:
        sample = "2026-11-23" if column.format == "date" else "2026-11-23T12:00:00Z"
        raise Refused(
            f"{_shown(value)} is not an ISO 8601 {column.format}.",
            at,
            f"Send for example {sample}.",
        ) from None


# --- values ------------------------------------------------------------------------------------------------------------


def _finite(column: Column, elements: Array) -> None:
    unfit = ~np.isfinite(elements) if column.required else np.isinf(elements)
    for at in np.flatnonzero(unfit)[:1]:
        raise Refused(
            "is not a finite number in this datatype.", int(at), f"Send a finite {column.datatype}."
        )
    if not column.required and column.default is not None:
        elements[np.isnan(elements)] = column.default


def _in_range(column: Column, elements: Array) -> None:
    if column.datatype == "BYTES":
        return
    low = elements < column.minimum if column.minimum is not None else np.zeros(len(elements), bool)
    high = (
        elements > column.maximum if column.maximum is not None else np.zeros(len(elements), bool)
    )
    for at in np.flatnonzero(low | high)[:1]:
        raise Refused(f"{elements[at]} is out of range.", int(at), _range(column))


def _range(column: Column) -> str:
    if column.minimum is None:
        return f"Send at most {column.maximum}."
    return (
        f"Send at least {column.minimum}."
        if column.maximum is None
        else f"Send {column.minimum} to {column.maximum}."
    )


def _in_enum(column: Column, elements: Array, allowed_values: frozenset[Any]) -> None:
    for at, value in enumerate(elements.tolist()):
        if value not in allowed_values and not (not column.required and _is_missing(column, value)):
            allowed = ", ".join(map(str, sorted(allowed_values, key=str)[:20]))
            raise Refused(
                f"{_shown(value)} is not an allowed value.", at, f"Send one of: {allowed}."
            )


def _is_missing(column: Column, value: Any) -> bool:
    return value != value or value == column.missing  # NaN is the only value unlike itself


def _carried(column: Column, elements: Array, low: Any, high: Any) -> None:
    """The graph's own datatype is narrower than the column's: a value that would be lost there is refused."""
    lost = (elements < low) | (elements > high)
    if column.datatype in datatypes.FLOATS:
        lost |= (elements != 0) & (np.abs(elements) < datatypes.smallest(column.carrier))
    for at in np.flatnonzero(lost)[:1]:
        detail = f"{elements[at]} is lost in {column.carrier}, in which the model computes."
        raise Refused(detail, int(at), f"Send 0, or {low} to {high}.")
