"""What stands in one cell of the signature table: text as people type it, and the value of the signature. Pure.

Each reader raises CellError with a sentence for the cell; each writer makes the text that its reader takes back.
"""

import csv
import io
import json
import re
from math import isfinite
from typing import Any

from hosting.model_server import datatypes

LONGEST = {"default": 1_000, "enum": 20_000, "example": 4_000}  # characters, of cells that are read
MOST_VALUES = 500  # in a list of allowed values
MOST_SHOWN = (
    64  # values of one example cell; an example with more stays as it is, and is changed as JSON
)
ANY_SIZE = frozenset({"n", "-1", "none", "?", "*", "any"})
GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")  # 61,480.50
SPECIAL = re.compile(r'[,"\r\n]|^\s|\s$')  # what stands in quotes in a list
TIMES = {"date": "BYTES date", "date-time": "BYTES date-time"}
TYPES = [*datatypes.NUMPY, *TIMES.values()]
TRUTH = {"true": True, "false": False}


class CellError(ValueError):
    """Why a cell cannot be read: a sentence."""


def type_of(field: dict[str, Any]) -> str:
    """The datatype with its format, as one choice: "FP32", "BYTES date"."""
    return TIMES.get(field.get("format") or "", str(field.get("datatype", "")))


def read_type(text: str) -> tuple[str, str | None]:
    """(datatype, format) of a choice."""
    if text not in TYPES:
        raise CellError("Choose a datatype.")
    datatype, _, form = text.partition(" ")
    return datatype, form or None


def shape_text(shape: list[int] | None) -> str:
    """[-1, 3] as "n, 3"; n is any size."""
    return ", ".join("n" if size == -1 else str(size) for size in shape or [-1])


def read_shape(text: str) -> list[int]:
    """ "n, 3", "[-1, 3]" or "n × 3" as [-1, 3]."""
    parts = re.split(r"[\s,×]+", text.strip(" ()[]"))
    if any(part.lower() not in ANY_SIZE and not re.fullmatch(r"\d{1,9}", part) for part in parts):
        raise CellError("Write sizes with commas, as in n, 3.")
    shape = [-1 if part.lower() in ANY_SIZE else int(part) for part in parts]
    if shape[0] != -1:
        raise CellError("Begin with n, the rows of a call.")
    return shape


def value_text(value: Any) -> str:
    """One value as text: true, 12, 0.5, or the text itself; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def read_value(text: str, datatype: str) -> Any:
    """One value of that datatype."""
    if datatype == "BYTES":
        return text
    if datatype == "BOOL":
        if text.strip().lower() not in TRUTH:
            raise CellError("Write true or false.")
        return TRUTH[text.strip().lower()]
    return read_number(text, datatype)


def read_number(text: str, datatype: str) -> int | float:
    """A number; thousands may be set apart by commas or spaces. Whole for integer types."""
    plain = re.sub(r"[\s_]", "", text).replace("−", "-")
    if GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if re.fullmatch(r"[+-]?\d{1,20}", plain):
        return int(plain)
    if datatype in datatypes.INTEGERS:
        raise CellError("Write a whole number, as in 12.")
    try:
        number = float(plain)
    except ValueError:
        raise CellError("Write a number, as in 1234.5.") from None
    if not isfinite(number):
        raise CellError("Write a finite number.")
    return number


def values_text(values: list[Any] | None) -> str:
    """A list of allowed values with commas; quotes around what has one."""
    texts = [value_text(value) for value in values or []]
    return ", ".join(
        '"' + text.replace('"', '""') + '"' if SPECIAL.search(text) else text for text in texts
    )


def read_values(text: str, datatype: str) -> list[Any]:
    """Allowed values, separated by commas or lines."""
    try:
        lines = list(csv.reader(io.StringIO(text), skipinitialspace=True))
    except csv.Error:
        raise CellError("Separate the values by commas.") from None
    words = [word.strip() for line in lines for word in line if word.strip()]
    if len(words) > MOST_VALUES:
        raise CellError(f"At most {MOST_VALUES} values can be listed.")
    return [read_value(word, datatype) for word in words]


def example_text(values: list[Any], is_single: bool) -> str:
    """The first row of an example as a cell shows it; "" where it is too long for one."""
    if is_single:
        return value_text(values[0]) if values else ""
    text = json.dumps(values, ensure_ascii=False) if len(values) <= MOST_SHOWN else ""
    return text if len(text) <= LONGEST["example"] else ""


def read_example(text: str, datatype: str, is_single: bool) -> list[Any]:
    """The values of one row, flat: one value, or those of a tensor as "[1, 2]" or "1, 2"."""
    if is_single:
        return [read_value(text, datatype)]
    if not text.strip().startswith("["):
        return read_values(text, datatype)
    try:
        return flat(json.loads(text))
    except (ValueError, RecursionError):
        raise CellError("Write the values of one row, as in [1, 2, 3].") from None


def flat(data: Any) -> list[Any]:
    """Nested lists as one; two thousand levels of them raise RecursionError."""
    return [value for inner in data for value in flat(inner)] if isinstance(data, list) else [data]
