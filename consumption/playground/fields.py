"""One input of a signature as a field of a form: which control, and from what people type to what a request carries and back.

`text_of` and `value_of` are each other's inverse: any value that the input takes comes back as it was
(docs/playground.md, "The form"). Pure.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from hosting.model_server import datatypes
from hosting.model_server.columns import Column
from marketplace.core import json_reader

GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")  # 58,000 and 1,234.5
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
LONG_TEXT = 60  # characters, from which on a text gets more than one line
LARGEST_WHOLE = 1e15  # up to here a float that is whole is shown without a point


class Control(StrEnum):
    """What people type into."""

    NUMBER = "number"
    EITHER = "either"
    CHOICE = "choice"
    DATE = "date"
    TEXT = "text"
    LONG_TEXT = "long_text"
    JSON = "json"


class Mistyped(Exception):
    """What was typed is no value of this input; the message says what would be."""


@dataclass(frozen=True)
class InputField:
    """An input as its signature describes it (`spec`)."""

    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def label(self) -> str:
        """Its meaning, as the owner describes it; its name where nothing is said."""
        return str(self.spec.get("description") or self.name)

    @property
    def unit(self) -> str:
        return str(self.spec.get("unit") or "")

    @cached_property
    def column(self) -> Column:
        return Column.of(self.spec)

    @property
    def is_tensor(self) -> bool:
        return len(self.column.shape) > 1

    @property
    def is_required(self) -> bool:
        return self.column.required

    @property
    def is_number(self) -> bool:
        return self.column.datatype in datatypes.NUMBERS and not self.is_tensor

    @property
    def is_movable(self) -> bool:
        """Whether an answer can be followed along its values."""
        return not self.is_tensor and (self.is_number or bool(self.choices))

    @property
    def control(self) -> Control:
        if self.is_tensor:
            return Control.JSON
        if self.column.enum is not None:
            return Control.CHOICE
        if self.column.datatype == "BOOL":
            return Control.EITHER
        if self.column.datatype == "BYTES":
            return Control.DATE if self.column.format == "date" else Control.TEXT
        return Control.NUMBER

    @property
    def choices(self) -> list[tuple[str, str]]:
        """[(text that is sent, text that is read)] of an input with few values, in the owner's order."""
        if self.control is Control.EITHER:
            return [("true", "Yes"), ("false", "No")]
        values = self.spec.get("enum") or []
        return [(self.text_of(value), self.text_of(value) or "(empty)") for value in values]

    @property
    def limits(self) -> tuple[float, float] | None:
        """(smallest, largest) allowed value, where both are declared."""
        low, high = self.column.minimum, self.column.maximum
        return None if low is None or high is None or low >= high else (low, high)

    @property
    def help(self) -> str:
        """What may be typed, as far as the control does not say so."""
        said = []
        if self.limits is None:
            low, high = self.column.minimum, self.column.maximum
            said += [f"At least {_plain(low)}." if low is not None else ""]
            said += [f"At most {_plain(high)}." if high is not None else ""]
        if self.control is Control.JSON:
            sizes = " × ".join("any" if size < 0 else str(size) for size in self.column.shape[1:])
            said += [f"JSON list, {sizes}."]
        if self.column.format == "date-time":
            said += ["As 2026-11-23T12:00:00Z."]
        if not self.is_required:
            default = self.spec.get("default")
            said += [
                f"Optional, else {self.text_of(default)}." if default is not None else "Optional."
            ]
        return " ".join(part for part in said if part)

    def text_of(self, value: Any) -> str:
        """A value as it is typed; "" for a missing one."""
        if value is None:
            return ""
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, int | float):
            return str(value)
        if self.column.datatype in ("FP16", "FP32"):
            # The shortest text that is this number in the input's own datatype: 0.1, not 0.10000000149011612.
            value = float(str(self.column.dtype.type(value)))
        return _plain(value)

    def value_of(self, text: str) -> Any:
        """What was typed as a value of a request; None for a missing one. Raises Mistyped."""
        if self.is_tensor:
            return _json_list(text) if text.strip() else None
        if self.column.datatype == "BYTES":
            return self._text(text)
        text = text.strip()
        if not text:
            return None
        if self.column.datatype == "BOOL":
            return _truth(text)
        return _integer(text) if self.column.datatype in datatypes.INTEGERS else _float(text)

    def _text(self, text: str) -> str | None:
        """An empty text is missing where that may be."""
        text = text.replace("\r\n", "\n")
        if self.column.format:
            text = text.strip()
        is_missing = not text and (not self.is_required or bool(self.column.format))
        return None if is_missing else text


def _plain(value: float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE:
        return str(int(value))
    return str(value)


def _json_list(text: str) -> list[Any]:
    try:
        value = json_reader.read(text)
    except (json_reader.Malformed, json_reader.Unusable) as error:
        raise Mistyped(f"This is not JSON: {error}") from None
    if not isinstance(value, list):
        raise Mistyped("Write a list in brackets, such as [1, 2].")
    return value


def _truth(text: str) -> bool:
    truth = WORDS.get(text.lower())
    if truth is None:
        raise Mistyped("Write true or false.")
    return truth


def _integer(text: str) -> int | float:
    number = _ungrouped(text)
    try:
        return int(number) if len(number) <= json_reader.MOST_DIGITS + 1 else _float(text)
    except ValueError:
        return _float(text)


def _float(text: str) -> float:
    try:
        value = float(_ungrouped(text))
    except ValueError:
        raise Mistyped("Write a number, such as 1234.5.") from None
    if value - value != 0:  # not a number, or infinite
        raise Mistyped("Write a finite number.")
    return value


def _ungrouped(text: str) -> str:
    """Without the spaces and commas that group digits. A comma that may be a decimal one is left, and refused."""
    text = re.sub(r"[\s\u202f_]", "", text)
    return text.replace(",", "") if GROUPED.fullmatch(text) else text
