"""What versions answered, by row and by output, as people read and compare it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

from hosting.model_server import datatypes
from marketplace.core.plots import Span
from marketplace.core.templatetags.formatting import figure

LONGEST_SHOWN = 200  # characters of one value
FEWEST_CHARTED = 2


@dataclass(frozen=True)
class Output:
    """One output of an answer: a value for each row that was sent; a list where a row has several."""

    name: str
    unit: str
    values: list[Any]
    is_number: bool


def outputs_of(signature: Mapping[str, Any], document: Mapping[str, Any]) -> list[Output]:
    """The outputs of an answer of the protocol; what is not one is left out, since an external endpoint may answer anything."""
    described = {spec["name"]: spec for spec in signature.get("outputs") or []}
    tensors = document.get("outputs")
    read = [_output(tensor, described) for tensor in (tensors if isinstance(tensors, list) else [])]
    return [output for output in read if output is not None]


def main_output(outputs: Sequence[Output]) -> Output | None:
    """The one that is shown large: the first number, else the first."""
    return next((output for output in outputs if output.is_number), next(iter(outputs), None))


def shown(value: Any) -> str:
    """A value of an answer as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return figure(value)
    if isinstance(value, list):
        value = (
            f"[{', '.join(shown(inner) for inner in value[:20])}{', …' if len(value) > 20 else ''}]"
        )
    text = str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def spans(output: Output, labels: Sequence[str]) -> list[Span]:
    """The numbers of an output by row, for a chart; empty unless there are a few."""
    pairs = [
        (label, value)
        for label, value in zip(labels, output.values, strict=False)
        if is_number(value)
    ]
    return [Span(label, value) for label, value in pairs] if len(pairs) >= FEWEST_CHARTED else []


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def difference(one: Any, other: Any, unit: str) -> str:
    """The middle of a sentence about two answers to one row: "answers 4,200 USD lower than"; "" where they cannot be compared."""
    if one is None or other is None:
        return ""
    if one == other:
        return "answers the same as"
    if not (is_number(one) and is_number(other)):
        return "answers something else than"
    way = "higher" if one > other else "lower"
    return f"answers {figure(abs(one - other))}{f' {unit}' if unit else ''} {way} than"


def _output(tensor: Any, described: Mapping[str, Mapping[str, Any]]) -> Output | None:
    match tensor:
        case {"name": str(name), "data": list(data), "shape": [_, *sizes]}:
            shape = tensor["shape"]
        case _:
            return None
    if any(type(size) is not int or size < 1 for size in shape) or prod(shape) != len(data):
        return None
    sizes = [] if sizes == [1] else sizes
    for size in reversed(sizes):
        data = [data[at : at + size] for at in range(0, len(data), size)]
    is_one_number = tensor.get("datatype") in datatypes.NUMBERS and not sizes
    return Output(name, str(described.get(name, {}).get("unit") or ""), data, is_one_number)
