"""The signature as a table: rows as they were typed, and the signature and example that come of them.

Everything that was typed is in what the form sends, rows that are not shown included: rows are added, moved and proposed
without saving, and an error leaves each text where it was typed (docs/packaging.md, "The signature table").
"""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from catalog.models import ModelVersion
from hosting.model_server.columns import binding_of
from hosting.model_server.signatures import MOST_FIELDS
from marketplace.core.canonical import digest
from marketplace.core.errors import Invalid, RuleError
from publishing import signature as signatures
from publishing.signature_import import Proposal, ProposedField
from publishing.signature_rows import CELLS, LABELS, Place, Row

SIDES = ("inputs", "outputs")
SHOWN = 40  # rows of a side on one page: a form has at most a thousand controls


@dataclass(frozen=True)
class CellError:
    """One cell that stops the publisher, for the summary on top; `act` shows its page when that is another one."""

    label: str
    sentence: str
    id: str
    act: str


@dataclass(frozen=True)
class Side:
    """Inputs or outputs as the page shows them: `count` rows, of which `rows` are on this page."""

    name: str
    caption: str
    count: int
    rows: list[Row]


@dataclass(frozen=True)
class Page:
    """Some of many rows; `act` is the value of the button that shows them."""

    label: str
    act: str
    is_shown: bool


class SignatureTable:
    """What the page of the signature shows, and a form for `marketplace.core.forms.submitted`.

    at     the first row that is shown, of each side.
    focus  id of the control that gets the keyboard, "" for none.
    """

    fields: Mapping[str, Any] = {"signature": None}

    def __init__(self, version: ModelVersion, sides: dict[str, list[Row]], at: int = 0) -> None:
        self.version, self.at, self.focus = version, at, ""
        self.sides = sides
        self.errors: list[str] = []
        self.cleaned_data: dict[str, Any] = {}
        self.seen = digest(version.signature)
        self.is_stale = False

    # -- where it comes from ---------------------------------------------------------------------------------------

    @classmethod
    def of(cls, version: ModelVersion, at: int = 0) -> "SignatureTable":
        """The table of what is saved; one empty row a side where nothing is. Examples are proposed from the ranges."""
        table = cls(version, {})
        for side in SIDES:
            stored = version.signature.get(side) or []
            table.sides[side] = [table._row(side, field["name"]) for field in stored] or [
                Row.blank(side)
            ]
        if not version.example:
            for row in table.sides["inputs"]:
                if row.stored and row.stored["shape"] == [-1]:
                    row.values["example"] = row.made_up_example()
        table._show(at)
        return table

    @classmethod
    def typed(cls, version: ModelVersion, data: Mapping[str, str]) -> "SignatureTable":
        """The table as the form sent it: the rows shown, and in `rest` those that were not."""
        table = cls(version, {})
        rest = _rest(data.get("rest", ""))
        for side in SIDES:
            sent = {**rest[side], **_shown_rows(side, data)}
            table.sides[side] = [
                table._row(side, values.get("was", ""), values)
                for _, values in sorted(sent.items())
            ][: MOST_FIELDS + 1]
        table.is_stale = data.get("seen", table.seen) != table.seen
        table._show(int(at) if (at := data.get("at", "")).isdecimal() and len(at) < 5 else 0)
        return table

    def _row(self, side: str, was: str, values: Mapping[str, str] | None = None) -> Row:
        row = Row.of(
            side,
            self._stored[side].get(was, {}),
            self.tensors.get(was, {}) if side == "inputs" else {},
            self.places[side].get(was),
        )
        row.origin = self.origins.get((side, was), "")
        if values is None:
            return row
        for cell in CELLS[side]:
            text = values.get(cell, "" if cell in ("required", "proposed") else row.values[cell])
            row.values[cell] = text.replace("\r\n", "\n")
        return row

    @cached_property
    def _stored(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {
            side: {field["name"]: field for field in self.version.signature.get(side) or []}
            for side in SIDES
        }

    @cached_property
    def tensors(self) -> dict[str, dict[str, Any]]:
        given = self.version.example.get("inputs")
        tensors = given if isinstance(given, list) else []
        return {
            tensor["name"]: tensor
            for tensor in tensors
            if {"name", "shape", "data"} <= tensor.keys()
        }

    @cached_property
    def is_of_file(self) -> bool:
        """True when a package decides how many rows there are."""
        return bool((self.version.manifest.get("graph") or {}).get("inputs"))

    @cached_property
    def places(self) -> dict[str, dict[str, Place]]:
        places: dict[str, dict[str, Place]] = {side: {} for side in SIDES}
        if not self.is_of_file or not self.version.signature:
            return places
        inputs, outputs = binding_of(self.version.signature)
        for row in inputs:
            names = row.get("columns") or [row["tensor"]]
            for number, name in enumerate(names, 1):
                column = number if len(names) > 1 else None
                places["inputs"][name] = Place(row["tensor"], row["datatype"], column)
        for row in outputs:
            column = None if row.get("column") is None else row["column"] + 1
            stored = self._stored["outputs"].get(row["output"], {})
            places["outputs"][row["output"]] = Place(
                row["tensor"], stored.get("datatype", ""), column
            )
        return places

    @cached_property
    def origins(self) -> dict[tuple[str, str], str]:
        """How rows came to their names, by (side, name)."""
        mapping = self.version.manifest.get("mapping") or {"rows": [], "source": ""}
        origins = {}
        for row in mapping["rows"]:
            by_name = row["found"] == row["name"]
            how = "same name as in" if by_name else "by position, from"
            origins[row["side"], row["name"]] = (
                "new" if row["is_new"] else f"{how} {mapping['source']}"
            )
        return origins

    # -- what is shown ---------------------------------------------------------------------------------------------

    def _show(self, at: int) -> None:
        last = max(len(rows) for rows in self.sides.values()) - 1
        self.at = max(0, min(at, last) // SHOWN * SHOWN)
        for rows in self.sides.values():
            for index, row in enumerate(rows):
                row.index = index

    def shown(self, side: str) -> list[Row]:
        """The rows of one page."""
        return self.sides[side][self.at : self.at + SHOWN]

    @property
    def shown_sides(self) -> list[Side]:
        return [
            Side(side, side.capitalize(), len(self.sides[side]), self.shown(side)) for side in SIDES
        ]

    @property
    def rest(self) -> str:
        """The rows that are not shown, as JSON."""
        hidden = {
            side: {row.index: row.values for row in [*rows[: self.at], *rows[self.at + SHOWN :]]}
            for side, rows in self.sides.items()
        }
        return json.dumps(hidden, ensure_ascii=False) if any(hidden.values()) else ""

    @property
    def pages(self) -> list[Page]:
        """[] when one page holds all."""
        longest = max(len(rows) for rows in self.sides.values())
        starts = range(0, longest, SHOWN) if longest > SHOWN else ()
        return [
            Page(
                f"{start + 1}–{min(start + SHOWN, longest)}", f"page:{start + 1}", start == self.at
            )
            for start in starts
        ]

    @property
    def units(self) -> list[str]:
        """The units that are typed already, to choose from."""
        return sorted({row.values["unit"] for rows in self.sides.values() for row in rows} - {""})

    @property
    def ready(self) -> tuple[int, int]:
        """(rows whose meaning is told, all rows)"""
        rows = [row for side in self.sides.values() for row in side]
        return sum(bool(row.values["description"].strip()) for row in rows), len(rows)

    @property
    def cell_errors(self) -> list[CellError]:
        return [
            CellError(
                f"{row.title}, {LABELS[cell]}",
                sentence,
                row.cell_id(cell),
                "" if 0 <= row.index - self.at < SHOWN else f"page:{row.index + 1}",
            )
            for rows in self.sides.values()
            for row in rows
            for cell, sentence in row.errors.items()
        ]

    def warn(self, findings: Any) -> None:
        """Show contract findings that break callers at their cells."""
        for finding in findings:
            side, _, rest = finding.path.partition(".")
            name, _, cell = rest.rpartition(".")
            for row in self.sides.get(side, []):
                if row.stored.get("name") == name and cell in LABELS and finding.breaks:
                    row.warnings[cell] = f"Was {finding.before}: this needs a major version."

    # -- changing rows without saving ------------------------------------------------------------------------------

    def act(self, what: str) -> None:
        """Do what a button says: "add:inputs", "remove:inputs:3", "up:…", "down:…", "page:41". Raises Invalid."""
        verb, _, rest = what.partition(":")
        side, _, number = rest.partition(":")
        if verb == "page" and side.isdecimal() and len(side) < 5:
            self._show(int(side) - 1)
            return
        rows = self.sides.get(side, [])
        index = int(number) if number.isdecimal() and len(number) < 5 else -1
        if verb == "add" and side in self.sides and not self.is_of_file:
            if len(rows) >= MOST_FIELDS:
                raise Invalid(f"A signature has at most {MOST_FIELDS} {side}.")
            rows.append(Row.blank(side))
            self._show(len(rows) - 1)
            self.focus = rows[-1].cell_id("name")
        elif verb in ("up", "down", "remove") and 0 <= index < len(rows):
            self._change(verb, side, rows, index)
        else:
            raise Invalid("This button is of another page. Load the page again.")

    def _change(self, verb: str, side: str, rows: list[Row], index: int) -> None:
        if verb == "remove" and self.is_of_file:
            raise Invalid("The package decides how many fields there are.")
        row = rows.pop(index)
        to = index if verb == "remove" else max(0, index - 1 if verb == "up" else index + 1)
        if verb != "remove":
            rows.insert(to, row)
        self._show(self.at if verb == "remove" else to)
        nearest = rows[min(to, len(rows) - 1)] if rows else None
        self.focus = f"{verb}:{nearest.act_id}" if nearest else f"add:{side}"

    def propose(self, proposal: Proposal) -> int:
        """Put columns that were read into the rows, marked and not saved. Returns how many. Raises Invalid (field "paste")."""
        count = 0
        for side, fields in (("inputs", proposal.inputs), ("outputs", proposal.outputs)):
            count += self._propose(side, fields)
        if not count:
            raise Invalid("No column was read.", field="paste")
        self._show(0)
        return count

    def _propose(self, side: str, fields: list[ProposedField]) -> int:
        rows = self.sides[side]
        by_name = {row.values["name"]: row for row in rows if row.values["name"]}
        if self.is_of_file and not {one.name for one in fields} <= by_name.keys():
            if fields and len(fields) != len(rows):
                sentence = f"The package has {len(rows)} {side}; {len(fields)} were read."
                raise Invalid(sentence, field="paste")
            by_name = dict(zip((one.name for one in fields), rows, strict=True)) if fields else {}
        if fields and not self.is_of_file:
            rows[:] = [row for row in rows if row.values["name"] or row.stored]
        for one in fields:
            row = by_name.get(one.name)
            if row is None:
                rows.append(row := Row.blank(side))
            row.take(one)
        if len(rows) > MOST_FIELDS:
            raise Invalid(f"A signature has at most {MOST_FIELDS} {side}.", field="paste")
        return len(fields)

    # -- a form ----------------------------------------------------------------------------------------------------

    def is_valid(self) -> bool:
        """Read every row; fill `cleaned_data`, or the errors of cells and `errors`."""
        if self.is_stale:
            self.errors.append(
                "The signature was changed meanwhile, by an upload or in another window. Yours is below:"
                " check it, and save again to put it in its place."
            )
            return False
        for side, rows in self.sides.items():
            for row in rows:
                row.read()
            names = Counter(row.made.get("name") for row in rows)
            for row in rows:
                if row.made and names[row.made["name"]] > 1:
                    row.errors["name"] = f"Two {side} have this name."
        if self.cell_errors:
            return False
        try:
            signature = self._signature()
            signatures.validate_signature(signature, self.version.manifest.get("graph"))
            example = self._example(signature)
            signatures.validate_example(signature, example)
        except Invalid as problem:
            self.add_error(None, problem)
            return False
        self.cleaned_data = {"signature": signature, "example": example}
        return True

    def add_error(self, field: str | None, problem: Any) -> None:
        """A problem goes to its cell, else above the table. `submitted` passes the sentences of one."""
        rows = [row for side in self.sides.values() for row in side]
        if not isinstance(problem, RuleError):
            self.errors += problem if isinstance(problem, list) else [problem]
        elif not any(row.blame(problem) for row in rows):
            self.errors.append(problem.sentence)

    def _signature(self) -> dict[str, Any]:
        stored = self.version.signature
        made = {**stored, **{side: [row.made for row in rows] for side, rows in self.sides.items()}}
        if self.is_of_file and stored:
            made["binding"] = _renamed(stored, self.sides)
        elif any(_outline(made, side) != _outline(stored, side) for side in SIDES):
            made.pop("binding", None)  # without a file each input is a tensor of its own name
        return made

    def _example(self, signature: dict[str, Any]) -> dict[str, Any]:
        """The example request: the first row from the cells, the others as they are saved where every input has them."""
        if signatures.is_too_large_to_show(signature):
            return {}
        given = [row for row in self.sides["inputs"] if row.example is not None]
        counts = {row.rows if row.keeps_rows else 1 for row in given}
        number = counts.pop() if len(counts) == 1 else 1
        kept = {key: value for key, value in self.version.example.items() if key == "parameters"}
        return {**kept, "inputs": [row.example_tensor(max(number, 1)) for row in given]}


def link_to(version: ModelVersion, side: str, name: str, cell: str) -> str:
    """The end of the address of a cell in the table of what is saved."""
    names = [field["name"] for field in version.signature[side]]
    index = names.index(name)
    start = f"?from={index // SHOWN * SHOWN + 1}" if index >= SHOWN else ""
    return f"{start}#{side}-{index}-{cell}"


def _renamed(stored: dict[str, Any], sides: dict[str, list[Row]]) -> dict[str, Any]:
    """The binding of what is saved, with the new names."""
    names = {
        (side, row.values["was"]): row.made["name"] for side, rows in sides.items() for row in rows
    }
    inputs, outputs = binding_of(stored)
    bound = []
    for row in inputs:
        old = row.get("columns") or [row["tensor"]]
        columns = [names.get(("inputs", name), name) for name in old]
        is_whole = not row.get("columns") and columns == [row["tensor"]]
        bound.append({**row, "columns": None if is_whole else columns})
    return {
        "inputs": bound,
        "outputs": [
            {**row, "output": names.get(("outputs", row["output"]), row["output"])}
            for row in outputs
        ],
    }


def _outline(signature: dict[str, Any], side: str) -> list[tuple[str, str]]:
    return sorted((field["name"], field["datatype"]) for field in signature.get(side) or [])


def _shown_rows(side: str, data: Mapping[str, str]) -> dict[int, dict[str, str]]:
    rows: dict[int, dict[str, str]] = {}
    for key, text in data.items():
        start, _, rest = key.partition("-")
        number, _, cell = rest.partition("-")
        if start == side and cell in CELLS[side] and number.isdecimal() and len(number) < 5:
            rows.setdefault(int(number), {})[cell] = text
    return rows


def _rest(text: str) -> dict[str, dict[int, dict[str, str]]]:
    """The rows that a form carried without showing them; what is none of ours is left out."""
    sides: dict[str, dict[int, dict[str, str]]] = {side: {} for side in SIDES}
    with suppress(ValueError, RecursionError, AttributeError):
        for side, rows in json.loads(text or "{}").items():
            for number, values in rows.items():
                if side in sides and number.isdecimal() and len(number) < 5:
                    sides[side][int(number)] = {
                        cell: text for cell, text in values.items() if isinstance(text, str)
                    }
    return sides
