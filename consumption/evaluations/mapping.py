"""Which column of a file goes into which input of the versions: guesses by name, and the rules of a mapping. Pure.

docs/batch-evaluation.md, "Columns", has the rules.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz

from catalog.models import ModelVersion
from marketplace.core.errors import Invalid

LIKE = 88  # of 100: names that are spelled so alike are taken for each other
LABELS = ("label", "target", "truth", "actual", "outcome", "y", "y_true", "observed", "verified")
MOST_GROUP_COLUMNS = 3
MOST_PSEUDONYMS = 50  # columns
TASKS = ("binary", "multiclass", "regression")


SEVERAL = ("groups", "pseudonyms")  # of a mapping: lists of columns


@dataclass(frozen=True)
class NeededInput:
    """An input by name, and which versions take it. Inputs of one name get the same column."""

    name: str
    description: str
    unit: str
    datatype: str
    required: bool
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Mapping:
    """What a person chose. outputs: {pk of a version, as text: which of its outputs is compared}."""

    inputs: dict[str, str]
    label: str = ""
    groups: tuple[str, ...] = ()
    weight: str = ""
    task: str = ""  # "": as the label's values suggest
    positive: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    pseudonyms: tuple[str, ...] = ()  # columns whose values are replaced before anything is kept

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Mapping":
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**known | {name: tuple(known.get(name, ())) for name in SEVERAL})

    def as_data(self) -> dict[str, Any]:
        return vars(self) | {name: list(getattr(self, name)) for name in SEVERAL}

    @property
    def columns(self) -> list[str]:
        """Every column that is kept, each once, in the order of their use."""
        used = [*self.inputs.values(), self.label, *self.groups, self.weight]
        return list(dict.fromkeys(name for name in used if name))


def needed(versions: Sequence[ModelVersion]) -> list[NeededInput]:
    """The inputs of all versions by name, those of the first version first."""
    taken: dict[str, list[tuple[ModelVersion, dict[str, Any]]]] = {}
    for version in versions:
        for spec in version.signature["inputs"]:
            taken.setdefault(spec["name"], []).append((version, spec))
    return [
        NeededInput(
            name,
            takers[0][1].get("description", ""),
            takers[0][1].get("unit", ""),
            takers[0][1]["datatype"],
            any(is_needed(spec) for _, spec in takers),
            tuple(str(version) for version, _ in takers),
        )
        for name, takers in taken.items()
    ]


def is_needed(spec: dict[str, Any]) -> bool:
    """Does a version answer no row without this input of its signature?"""
    return bool(spec.get("required", True)) and spec.get("default") is None


def guessed_inputs(inputs: Sequence[NeededInput], columns: Sequence[str]) -> dict[str, str]:
    """{input: column} by equal names first, then by names that are nearly alike; a column is guessed once."""
    keys = {column: _key(column) for column in columns}
    guesses: dict[str, str] = {}
    for one in inputs:
        same = [column for column in columns if keys[column] == _key(one.name)]
        if same:
            guesses[one.name] = same[0]
    for one in inputs:
        free = [column for column in columns if column not in guesses.values()]
        if one.name not in guesses and free:
            best = max(free, key=lambda column: _likeness(one.name, column))
            if _likeness(one.name, best) >= LIKE:
                guesses[one.name] = best
    return guesses


def guessed_label(columns: Sequence[str], known: Iterable[str], taken: Iterable[str]) -> str:
    """The column with the truth: one that a benchmark calls so, or that is called as labels are; "" for none."""
    free = [column for column in columns if column not in set(taken)]
    wanted = [_key(name) for name in (*known, *LABELS)]
    keys = {_key(column): column for column in reversed(free)}
    return next((keys[name] for name in wanted if name in keys), "")


def require(mapping: Mapping, versions: Sequence[ModelVersion], columns: Sequence[str]) -> None:
    """Raise Invalid, naming the field, unless the mapping can be used."""
    for column in mapping.columns:
        if column not in columns:
            raise Invalid(f"The file has no column {column}.", field="inputs")
    missing = [
        one.name for one in needed(versions) if one.required and not mapping.inputs.get(one.name)
    ]
    if missing:
        raise Invalid(
            f"No column was chosen for {', '.join(missing[:10])}.",
            field="inputs",
            remedy="Each input that a version needs takes a column.",
        )
    if not mapping.inputs:
        raise Invalid("Choose a column for at least one input.", field="inputs")
    if len(mapping.groups) > MOST_GROUP_COLUMNS:
        raise Invalid(f"Choose at most {MOST_GROUP_COLUMNS} columns of groups.", field="groups")
    if mapping.task and mapping.task not in TASKS:
        raise Invalid(f"Choose one of {', '.join(TASKS)}.", field="task")
    if mapping.label and mapping.label in mapping.inputs.values():
        raise Invalid(
            f"{mapping.label} is the truth and an input at once: a version that sees the truth proves nothing.",
            field="label",
        )
    _require_pseudonyms(mapping, versions)
    for version in versions:
        output = mapping.outputs.get(str(version.pk))
        if output and output not in [spec["name"] for spec in version.signature["outputs"]]:
            raise Invalid(f"{version} has no output {output}.", field="outputs")


def _require_pseudonyms(mapping: Mapping, versions: Sequence[ModelVersion]) -> None:
    """A pseudonym is a text: it tells groups apart, and is no number."""
    numeric = {
        mapping.inputs.get(one.name): one.name
        for one in needed(versions)
        if one.datatype != "BYTES"
    }
    for column in mapping.pseudonyms:
        goal = numeric.get(column) or ("the weight" if column == mapping.weight else "")
        if goal:
            raise Invalid(
                f"{column} goes into {goal}, which takes numbers, and a pseudonym is none.",
                field="pseudonyms",
                remedy="Choose another column, or keep its values.",
            )


def _likeness(one: str, other: str) -> float:
    return fuzz.ratio(_key(one), _key(other))


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return re.sub(r"[^a-z0-9]+", "", plain.encode("ascii", "ignore").decode()) or name.casefold()
