"""Cells of a table as the values that an input takes, by the rules by which the gateway takes them. Pure.

A cell is a text. What is empty is missing; numbers have the file's decimal sign and may be grouped by thousands.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from hosting.model_server import datatypes
from hosting.model_server.columns import Column, spelling
from hosting.model_server.limits import LONGEST_STRING

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "#n/a", "-", "–", "?"})
TRUE = frozenset({"1", "true", "yes", "y", "t", "ja", "oui", "si", "wahr"})
FALSE = frozenset({"0", "false", "no", "n", "f", "nein", "non", "falsch"})
POINT_GROUPS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
COMMA_GROUPS = re.compile(r"-?\d{1,3}(?:[.'\u00a0\u202f ]\d{3})+(?:,\d+)?")
SHOWN = 40


@dataclass(frozen=True)
class Fault:
    """Why a cell is not taken. kind: missing, wrong_type, out_of_range or unseen."""

    kind: str
    problem: str


@dataclass
class Parsed:
    """The values of a column, None where there is none, and the faults by place."""

    values: list[Any]
    faults: dict[int, Fault] = field(default_factory=dict)


def is_missing(cell: str) -> bool:
    return cell.strip().casefold() in MISSING


def number(cell: str, decimal: str) -> float | None:
    """The number that a cell spells; None when it spells none, or one that is not finite."""
    text = cell.strip()
    if decimal == ",":
        if COMMA_GROUPS.fullmatch(text):
            text = re.sub(r"[.'\u00a0\u202f ]", "", text)
        text = text.replace(",", ".")
    elif "," in text and POINT_GROUPS.fullmatch(text):
        text = text.replace(",", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def parse(column: Column, cells: list[str], decimal: str) -> Parsed:
    """The cells of one column as the values of an input."""
    one = _reader(column, decimal)
    parsed = Parsed([None] * len(cells))
    may_miss = not column.required and column.missing is not None
    known: dict[str, Any] = {}
    for place, cell in enumerate(cells):
        result = known.get(cell)
        if result is None:
            result = one(cell)
            if len(known) < 10_000:
                known[cell] = result
        if not isinstance(result, Fault):
            parsed.values[place] = result
        elif not (result.kind == "missing" and may_miss):
            parsed.faults[place] = result
    return parsed


def _reader(column: Column, decimal: str) -> Any:
    kind = column.datatype
    if kind == "BYTES":
        return lambda cell: _text(column, cell)
    if kind == "BOOL":
        return lambda cell: _truth(column, cell)
    return lambda cell: _number(column, cell, decimal)


def _text(column: Column, cell: str) -> Any:
    if cell == "":
        return Fault("missing", "is empty")
    if len(cell) > LONGEST_STRING or "\0" in cell:
        return Fault("wrong_type", "is no text that can be sent")
    if column.format:
        try:
            cell = spelling(column.format)(cell.strip())
        except ValueError:
            return Fault("wrong_type", f"{shown(cell)} is not an ISO 8601 {column.format}")
    return _allowed(column, cell, cell)


def _truth(column: Column, cell: str) -> Any:
    text = cell.strip().casefold()
    if text in MISSING:
        return Fault("missing", "is empty")
    if text not in TRUE | FALSE:
        return Fault("wrong_type", f"{shown(cell)} is not true or false")
    return _allowed(column, text in TRUE, cell)


def _number(column: Column, cell: str, decimal: str) -> Any:
    if is_missing(cell):
        return Fault("missing", "is empty")
    value: Any = number(cell, decimal)
    if value is None:
        return Fault("wrong_type", f"{shown(cell)} is not a number")
    if column.datatype in datatypes.INTEGERS:
        if not value.is_integer() or abs(value) > datatypes.WHOLE_IN_FLOAT:
            return Fault("wrong_type", f"{shown(cell)} is not a whole number")
        value = int(value)
    low, high = datatypes.span(column.datatype)
    carried = column.carried or (low, high)
    least = max(x for x in (low, carried[0], column.minimum) if x is not None)
    most = min(x for x in (high, carried[1], column.maximum) if x is not None)
    if value < least:
        return Fault("out_of_range", f"{shown(cell)} is below {least:g}")
    if value > most:
        return Fault("out_of_range", f"{shown(cell)} is above {most:g}")
    if column.enum is not None and column.datatype in datatypes.FLOATS:
        return _allowed(column, column.dtype.type(value).item(), cell)
    return _allowed(column, value, cell)


def _allowed(column: Column, value: Any, cell: str) -> Any:
    if column.enum is not None and value not in column.enum:
        return Fault("unseen", f"{shown(cell)} is not one of the allowed values")
    return value


def shown(cell: str) -> str:
    text = cell.strip()
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
