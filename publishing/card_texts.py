"""Values of the card as a control shows and takes them, and the fingerprint by which two writers of one field are told apart. Pure."""

import json
from contextlib import suppress
from typing import Any

from governance import cards
from marketplace.core import json_reader
from marketplace.core.canonical import digest
from marketplace.core.json_reader import Malformed, Unusable

FINGERPRINT = 16  # hex digits: it tells versions of one field apart, nobody gains by forging it


def as_text(value: Any) -> Any:
    """A value of the card as a control shows it."""
    if isinstance(value, list):
        return "\n".join(
            item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            for item in value
        )
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def as_value(field: cards.CardField, text: Any) -> Any:
    """What was typed, as the card keeps it: lists by line, objects from JSON."""
    if field.widget == "list" and isinstance(text, str):
        return [_object_or_text(line.strip()) for line in text.splitlines() if line.strip()]
    return _object_or_text(text) if isinstance(text, str) else text


def fingerprint(value: Any) -> str:
    """The fingerprint of a value as text; how lines end and space around it make no difference, no value is the empty text."""
    text = as_text(value)
    lines = ("" if text is None else str(text)).strip().splitlines()
    return digest(lines)[:FINGERPRINT]


def _object_or_text(text: str) -> Any:
    if text.startswith("{"):
        with suppress(Malformed, Unusable):
            return json_reader.read(text)
    return text
