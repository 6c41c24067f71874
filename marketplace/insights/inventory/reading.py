"""Reads what is given to the inventory, a CSV file or an MLflow registry's own answer, into rows (docs/inventory.md, "Import").

Nothing is fetched: the file is uploaded or pasted.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from marketplace.core import json_reader
from marketplace.core.errors import Invalid
from marketplace.core.spreadsheets import FORMULA_STARTS
from marketplace.insights.models import ImportKind
from marketplace.insights.models.inventory import IMPORT_MAX

MOST_ROWS = 1_000
MOST_CELL = 4_000  # characters
COLUMNS = (
    "name",
    "business_unit",
    "owner_team",
    "owner",
    "risk_tier",
    "in_production_since",
    "registry_name",
    "description",
)
SHOWN_ONLY = ("standing", "published_as", "exception_until", "state")  # of our own export
PRODUCTION_ALIASES = {"production", "prod", "champion"}
TAGS = ("business_unit", "owner_team", "owner", "risk_tier")


@dataclass(frozen=True)
class Problem:
    """What is wrong: in which row (the head of a table is row 1), in which column, and the remedy. Row 0: the file as a whole."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class Row:
    """One production model as the file says it: `cells` by names of COLUMNS, without empty ones."""

    number: int
    cells: dict[str, str]


@dataclass
class Contents:
    """What a file holds. `notes` say what was left out, and why."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(kind: str, text: str) -> Contents:
    """The Contents of a file. Raises Invalid for a file that is too large; all else is a Problem."""
    if len(text) > IMPORT_MAX:
        raise Invalid(
            f"At most {IMPORT_MAX // 1024} KiB are read at once.",
            field="text",
            remedy="Split the file.",
        )
    text = text.removeprefix("\ufeff")
    contents = _mlflow(text) if kind == ImportKind.MLFLOW else _table(text)
    if len(contents.rows) > MOST_ROWS:
        contents.problems.append(
            Problem(0, "", f"At most {MOST_ROWS:,} models are read at once. Split the file.")
        )
        del contents.rows[MOST_ROWS:]
    return contents


def _table(text: str) -> Contents:
    contents = Contents()
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        contents.problems.append(Problem(0, "", f"This is no CSV: {error}."))
        return contents
    head = [cell.strip().lower().replace(" ", "_") for cell in lines[0]] if lines else []
    contents.problems.extend(_problems_of_head(head))
    left_out = [name for name in head if name in SHOWN_ONLY]
    if left_out:
        contents.notes.append(f"Not imported, because pages decide it: {', '.join(left_out)}.")
    if not contents.problems:
        for number, cells in enumerate(lines[1:], 2):
            if any(cell.strip() for cell in cells):
                _read_line(contents, head, number, cells)
    return contents


def _problems_of_head(head: list[str]) -> Iterator[Problem]:
    if "name" not in head:
        yield Problem(1, "name", "The first line names the columns, and one of them is “name”.")
    for name in dict.fromkeys(head):
        if name not in COLUMNS and name not in SHOWN_ONLY:
            known = ", ".join(COLUMNS)
            yield Problem(1, name[:60], f"There is no such column. There are: {known}.")
        if head.count(name) > 1:
            yield Problem(1, name[:60], "This column comes twice.")


def _read_line(contents: Contents, head: list[str], number: int, cells: list[str]) -> None:
    if len(cells) > len(head):
        contents.problems.append(
            Problem(number, "", f"The row has {len(cells)} cells, the head has {len(head)}.")
        )
        return
    row = {
        name: _plain(cell)
        for name, cell in zip(head, cells, strict=False)
        if name in COLUMNS and cell.strip()
    }
    contents.problems.extend(
        Problem(number, name, f"At most {MOST_CELL:,} characters are kept.")
        for name, cell in row.items()
        if len(cell) > MOST_CELL
    )
    contents.rows.append(Row(number, row))


def _plain(cell: str) -> str:
    """Without the apostrophe that our own export puts before what a spreadsheet would run."""
    cell = cell.strip()
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA_STARTS) else cell


def _mlflow(text: str) -> Contents:
    """The answer of GET /api/2.0/mlflow/registered-models/search: registered models with a version in production."""
    contents = Contents()
    try:
        document = json_reader.read(text)
    except (json_reader.Malformed, json_reader.Unusable) as error:
        contents.problems.append(Problem(0, "", str(error)))
        return contents
    registered = document.get("registered_models", []) if isinstance(document, dict) else None
    if not isinstance(registered, list) or not all(isinstance(one, dict) for one in registered):
        contents.problems.append(
            Problem(0, "registered_models", "Give the answer of registered-models/search as it is.")
        )
        return contents
    for number, model in enumerate(registered, 1):
        if _is_in_production(model):
            contents.rows.append(Row(number, _cells_of(model)))
    skipped = len(registered) - len(contents.rows)
    if skipped:
        contents.notes.append(
            f"Without a version in production (stage or alias), so left out: {skipped}."
        )
    if document.get("next_page_token"):
        contents.notes.append("The registry has more pages; import the next ones, too.")
    return contents


def _is_in_production(model: dict[str, Any]) -> bool:
    """By a version's stage, or by an alias: MLflow has stages before 2.9 and aliases since."""
    stages = {
        str(version.get("current_stage", "")).lower() for version in _of(model, "latest_versions")
    }
    aliases = {str(alias.get("alias", "")).lower() for alias in _of(model, "aliases")}
    return "production" in stages or bool(aliases & PRODUCTION_ALIASES)


def _cells_of(model: dict[str, Any]) -> dict[str, str]:
    tags = {
        str(tag.get("key", "")).lower(): str(tag.get("value", "")) for tag in _of(model, "tags")
    }
    name = str(model.get("name", ""))
    cells = {
        "name": name,
        "registry_name": name,
        "description": str(model.get("description") or "")[:MOST_CELL],
        "in_production_since": _day(model),
        **{tag: tags.get(tag, "") for tag in TAGS},
    }
    return {name: cell.strip() for name, cell in cells.items() if cell.strip()}


def _day(model: dict[str, Any]) -> str:
    """Since when its newest production version is there; milliseconds since 1970, as numbers or texts."""
    versions = [
        version
        for version in _of(model, "latest_versions")
        if str(version.get("current_stage", "")).lower() == "production"
    ]
    try:
        made = int((versions or [model])[0].get("creation_timestamp", 0))
        return datetime.fromtimestamp(made / 1000, UTC).date().isoformat() if made else ""
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def _of(model: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = model.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
