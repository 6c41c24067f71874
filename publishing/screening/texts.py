"""What of a version people wrote or packed: its entry, card, signature, example, text files, and the strings of its graph."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from catalog.models import ModelVersion, stored_as
from governance import cards
from publishing.storage import read

TEXT_BYTES = 4 << 20  # of all text files of a package that are read
GRAPH_BYTES = 16 << 20  # of a graph that are read at its beginning, and again at its end
STRINGS = 1 << 20  # characters of a graph's strings that are read
PRINTED = re.compile(rb"[\x20-\x7e]{12,4096}")  # as `strings` does; shorter ones hold no key
LONG_NUMBER = 10**11  # from here on, a number may be that of a card


@dataclass(frozen=True)
class Text:
    """One text with the name of its place, as its team knows it. is_prose: written for people, who may say how to reach a team."""

    place: str
    text: str
    is_prose: bool = False


@dataclass(frozen=True)
class Part:
    """Bytes that were read of something, and how many it has."""

    texts: list[Text]
    read: int
    size: int


def written(version: ModelVersion) -> Iterator[Text]:
    """What people wrote about a version. Facts that the marketplace fills in itself are left out, and the contact it asks for."""
    model = version.model
    for name in ("name", "summary", "description", "limitations"):
        yield Text(name.capitalize(), getattr(model, name), is_prose=True)
    yield Text("Changelog", version.changelog, is_prose=True)
    for field in cards.FIELDS:
        if field.source != "auto" and field.id in version.card.data:
            said = "\n".join(_strings(version.card.data[field.id]))
            yield Text(f"Card, {field.label}", said, is_prose=True)
    for side in ("inputs", "outputs"):
        for field in version.signature.get(side) or []:
            said = "\n".join(_strings(field))
            yield Text(f"Signature, {field.get('name', '?')}", said, is_prose=True)


def example(version: ModelVersion) -> Iterator[Text]:
    """The example's values, one line a value."""
    inputs = version.example.get("inputs")
    if not isinstance(inputs, list):
        yield Text("Example", "\n".join(_strings(version.example)))
        return
    for tensor in inputs:
        yield Text(f"Example, {tensor.get('name', '?')}", "\n".join(_strings(tensor.get("data"))))


def files(version: ModelVersion) -> Part:
    """The text files of the package, in the order of their names, until TEXT_BYTES are read."""
    others = [
        file for file in version.artifacts.order_by("name") if file.name != _entry_name(version)
    ]
    texts, left = [], TEXT_BYTES
    for file in others:
        content = _read(file.sha256, 0, left)
        left -= len(content)
        texts.append(Text(file.name, content.decode("utf-8", "replace")))
    return Part(texts, TEXT_BYTES - left, sum(file.size for file in others))


def graph(version: ModelVersion) -> Part:
    """The printable strings in the bytes of the graph: names, descriptions, vocabularies. Nothing is parsed."""
    entry = version.artifacts.filter(name=_entry_name(version)).first()
    if entry is None:
        return Part([], 0, 0)
    content = _read(entry.sha256, 0, GRAPH_BYTES)
    if entry.size > GRAPH_BYTES:
        content += _read(entry.sha256, max(GRAPH_BYTES, entry.size - GRAPH_BYTES), GRAPH_BYTES)
    found: list[str] = []
    left = STRINGS
    for match in PRINTED.finditer(content):
        left -= len(match[0])
        if left < 0:
            return Part([Text(entry.name, "\n".join(found))], match.start(), entry.size)
        found.append(match[0].decode("ascii"))
    return Part([Text(entry.name, "\n".join(found))], len(content), entry.size)


def _entry_name(version: ModelVersion) -> str:
    return str(version.manifest.get("entry", ""))


def _read(sha256: str, start: int, most: int) -> bytes:
    """Stored bytes; b"" of a file that is gone, which the gate of integrity says."""
    with suppress(FileNotFoundError), read(stored_as(sha256)) as stream:
        stream.seek(start)
        return bytes(stream.read(most))
    return b""


def _strings(value: Any) -> Iterator[str]:
    """The texts inside a JSON value, and the numbers that are long enough to name somebody."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif (
        isinstance(value, int | float) and LONG_NUMBER <= abs(value) < 1e20 and value == int(value)
    ):
        yield str(int(value))
