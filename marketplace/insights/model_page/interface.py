"""What goes into a version and what comes out, in the words of its signature, and an example that really ran."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import ModelVersion
from governance.models import GateResult
from marketplace.core.templatetags.formatting import figure

FEW = 3  # fields; so many are told with what they mean, more by their names
MOST = 8  # names that a line tells
LONGEST = 40  # letters of a text value that an example shows
INSIDE = 3  # inputs of the example


@dataclass(frozen=True)
class Field:
    """One input or output: its name as words, what it means, its unit or kind of value."""

    name: str
    meaning: str
    unit: str


@dataclass(frozen=True)
class Side:
    """The inputs or the outputs. `named` has them all where they are few; else `by_unit` tells their names."""

    count: int
    named: list[Field]
    by_unit: str


@dataclass(frozen=True)
class Example:
    """The first row of the example and what the version answered to it in the run gate."""

    given: str
    answered: str


def side(fields: Sequence[dict[str, Any]]) -> Side:
    """The Side of a signature's list of fields."""
    told = [Field(_words(field["name"]), _meaning(field), _unit(field)) for field in fields]
    return Side(len(told), told if len(told) <= FEW else [], names_by_unit(told))


def example(version: ModelVersion, gates: Iterable[GateResult]) -> Example | None:
    """The version's own example as the run gate ran it; None while it has not answered."""
    ran = next((result for result in gates if result.gate == "run"), None)
    if ran is None or ran.verdict != GateResult.Verdict.PASS:
        return None
    answered = list(_answers(ran.metrics.get("output") or {}, version))
    tensors = version.example.get("inputs") or []
    if not answered or not tensors:
        return None
    given = [f"{_words(tensor['name'])} {_value(tensor['data'])}" for tensor in tensors[:INSIDE]]
    more = len(tensors) - INSIDE
    rest = [f"and {more} more"] if more > 0 else []
    return Example(", ".join([*given, *rest]), ", ".join(answered))


def _answers(output: dict[str, list[Any]], version: ModelVersion) -> Iterator[str]:
    for field in version.signature.get("outputs", [])[:2]:
        if output.get(field["name"]):
            yield f"{_words(field['name'])} {_value(output[field['name']])}"


def _words(name: str) -> str:
    return name.replace("_", " ").strip()


def _meaning(field: dict[str, Any]) -> str:
    """Its description as a part of a sentence: without a full stop, its first word small unless it is a name."""
    text = str(field.get("description") or "").strip().rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _unit(field: dict[str, Any]) -> str:
    if field.get("unit"):
        return f"in {field['unit']}"
    if field.get("enum"):
        return f"one of {len(field['enum'])}"
    if field.get("format"):
        return str(field["format"])
    return {"BOOL": "yes or no", "BYTES": "text"}.get(field.get("datatype", ""), "")


def names_by_unit(fields: list[Field]) -> str:
    """ "stated income, documented income in USD per year; self employed yes or no": at most MOST names."""
    groups: dict[str, list[str]] = {}
    for field in fields[:MOST]:
        groups.setdefault(field.unit, []).append(field.name)
    parts = [
        f"{', '.join(names)} ({unit})" if unit else ", ".join(names)
        for unit, names in groups.items()
    ]
    more = len(fields) - MOST
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def _value(data: Any) -> str:
    """The first value of a tensor's data, for people."""
    while isinstance(data, list):
        if not data:
            return "nothing"
        data = data[0]
    if isinstance(data, bool):
        return "yes" if data else "no"
    if isinstance(data, int | float):
        return str(figure(data))
    text = "nothing" if data is None else str(data)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
