"""Inputs and outputs side by side, by name: which are shared, which only one version has."""

from collections.abc import Sequence
from typing import Any

from catalog.models import ModelVersion
from marketplace.insights.comparison.table import Cell, Column, Field, Group, Row

HINT = "Tick: another one has it too. Minus: missing. Plus: only in this one"


def group(columns: Sequence[Column]) -> Group:
    """A row for the inputs, one for the outputs."""
    rows = [
        _row(label, side, [column.version for column in columns], hint)
        for label, side, hint in (("Inputs", "inputs", HINT), ("Outputs", "outputs", ""))
    ]
    return Group("Contract", tuple(rows), "By name; a note where type or unit differ")


def _row(label: str, side: str, versions: Sequence[ModelVersion], hint: str) -> Row:
    sides = [_fields(version, side) for version in versions]
    names = dict.fromkeys(name for fields in sides for name in fields)
    shared = [name for name in names if sum(name in fields for fields in sides) > 1]
    cells = [_cell(fields, shared, sides) for fields in sides]
    return Row(label, tuple(cells), hint)


def _fields(version: ModelVersion, side: str) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for field in version.signature.get(side) or []}


def _cell(
    fields: dict[str, dict[str, Any]], shared: list[str], sides: list[dict[str, dict[str, Any]]]
) -> Cell:
    common = [
        Field(name, "has", _note(name, fields, sides)) if name in fields else Field(name, "lacks")
        for name in shared
    ]
    extra = [Field(name, "extra") for name in fields if name not in shared]
    return Cell(fields=(*common, *extra))


def _note(name: str, fields: dict[str, Any], sides: list[dict[str, Any]]) -> str:
    """The type and unit, where those who have the field do not agree about them."""
    kinds = {_kind(others[name]) for others in sides if name in others}
    return " ".join(part for part in _kind(fields[name]) if part) if len(kinds) > 1 else ""


def _kind(field: dict[str, Any]) -> tuple[str, str]:
    return str(field.get("datatype", "")), str(field.get("unit") or "")
