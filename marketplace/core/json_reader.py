"""Reading JSON that somebody sent: one reader for the bodies of the API and for JSON in a form (docs/input-limits.md).

What it returns can be stored in Postgres, hashed, rendered and sent again: it is not deep, its texts are Unicode without
NUL, its numbers are finite, its integers have 64 bits.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from marketplace.core.errors import TooLarge
from marketplace.core.serializers import WHOLE

LARGEST_BODY = 1 << 20  # bytes
DEEPEST = 32  # objects and lists inside each other
INTEGERS = range(-(2**63), 2**64)
MOST_DIGITS = 20


class Malformed(ValueError):
    """It is not JSON; the message says where."""


class Unusable(ValueError):
    """It is JSON with a value that cannot be kept. `path` is like "values.limits.0"."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path, self.message = path, message


def read(text: str | bytes) -> Any:
    """The value that `text` (UTF-8) holds. Raises Malformed, Unusable."""
    try:
        value = json.loads(_decoded(text), parse_int=_integer, object_pairs_hook=_object)
    except RecursionError:
        raise Unusable("", f"The JSON has more than {DEEPEST} levels.") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"JSON parse error - {error}") from None
    check(value)
    return value


def check(value: Any) -> None:
    """Raise Unusable when a value inside `value` (anything that JSON can hold) cannot be kept."""
    for path, problem in _problems(value):
        raise Unusable(".".join(map(str, path)), problem)


def text_problem(text: str) -> str:
    """Why Postgres cannot keep this text, or ""."""
    if "\0" in text:
        return "Null characters are not allowed."
    return (
        ""
        if text.isascii() or _is_unicode(text)
        else "It holds half of a surrogate pair, which is not a character."
    )


def _problems(value: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """(path, problem), without recursion: the depth is what somebody sent."""
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if problem := _problem(item, len(path)):
            yield (
                tuple(step if isinstance(step, int) else _printable(step) for step in path),
                problem,
            )
        elif isinstance(item, dict):
            waiting.extend(((*path, name), inner) for name, inner in item.items())
        elif isinstance(item, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(item))


def _problem(item: Any, depth: int) -> str:
    """What is wrong with `item` itself, not with what is inside it."""
    if isinstance(item, str):
        return text_problem(item)
    if isinstance(item, float):
        return "" if math.isfinite(item) else "The number is too large, or not a number."
    if isinstance(item, int):
        return "" if item in INTEGERS else "The number has more than 64 bits."
    if depth >= DEEPEST and isinstance(item, (dict, list)):
        return f"The JSON has more than {DEEPEST} levels."
    return next(filter(None, map(text_problem, item)), "") if isinstance(item, dict) else ""


def _printable(name: str) -> str:
    """A member's name as an answer can carry it."""
    return (
        name[:60].encode("ascii", "backslashreplace").decode() if text_problem(name) else name[:60]
    )


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8 at byte {error.start}.") from None


def _integer(text: str) -> int | float:
    """An int; infinity when it has too many digits to be worth reading, which `check` refuses."""
    return int(text) if len(text) <= MOST_DIGITS else math.inf


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers disagree about which of two members of one name counts, so there must not be two."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise Malformed(f"The member “{_printable(name)}” stands there twice.")
        members[name] = value
    return members


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class JSONBody(JSONParser):
    """The API's parser: 400 for what is not JSON, 413 for too much of it, 422 naming the member that cannot be kept."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"A body has at most {LARGEST_BODY >> 20} MiB here.", limit=LARGEST_BODY)
        try:
            return read(body)
        except Malformed as error:
            raise ParseError(str(error)) from None
        except Unusable as error:
            raise serializers.ValidationError({error.path or WHOLE: [error.message]}) from None
