"""One row of the signature table: the cells as they were typed, and the field and example values that come of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

from django.utils.html import format_html

from hosting.model_server import datatypes
from hosting.model_server.examples import row_shape
from hosting.model_server.signatures import is_name
from marketplace.core.errors import Invalid, RuleError
from publishing import signature as signatures
from publishing import signature_cells as cells
from publishing.signature_cells import CellError
from publishing.signature_import import ProposedField

LABELS = {
    "name": "name",
    "datatype": "datatype",
    "shape": "shape",
    "description": "meaning",
    "unit": "unit",
    "minimum": "smallest",
    "maximum": "largest",
    "enum": "allowed values",
    "required": "required",
    "default": "default",
    "example": "example",
    "monotone": "direction of the answer",
}
CELLS = {
    "inputs": ("was", "proposed", *LABELS),
    "outputs": ("was", "proposed", *list(LABELS)[:8]),
}
LONGEST = {
    "description": 4_000,
    "unit": 100,
    **cells.LONGEST,
}  # characters; others are judged by what they say
BLANK = {
    "datatype": "FP32",
    "shape": "n",
    "required": "on",
    "monotone": "its answer moves either way",
}
# What the answer does as the value rises, in the words of the form.
ANY_WAY = "its answer moves either way"
DIRECTIONS = {
    ANY_WAY: None,
    "its answer never falls as it rises": "increasing",
    "its answer never rises as it rises": "decreasing",
}


@dataclass(frozen=True)
class Place:
    """Where in the package a row comes from: its tensor, and its column of several (from 1)."""

    tensor: str
    datatype: str
    column: int | None = None


@dataclass(frozen=True)
class Cell:
    """One control of the table, drawn by publishing/_signature_cell.html. `label` is for those who do not see the column."""

    id: str
    label: str
    heading: str
    value: str
    error: str = ""
    warning: str = ""

    @property
    def aria(self) -> str:
        """The attributes that tie the control to what is said about it."""
        said = format_html('aria-describedby="{}-says"', self.id)
        invalid = format_html('{} aria-invalid="true"', said)
        return invalid if self.error else said if self.warning else ""


@dataclass
class Row:
    """A field as it was typed.

    values  text of each cell; "was" is the name it had when the page was made, "proposed" is "1" for a row from an import.
    stored  the field of that name as it is saved, {} for a new row.
    tensor  the saved example of that input, {} for none.
    place   where in the package it comes from; None where no file decides.
    errors, warnings  sentences by cell.
    made, example  what `read` made: the field, and (sizes of one row, its values) or None for an input left out.
    """

    side: str
    values: dict[str, str]
    stored: dict[str, Any] = field(default_factory=dict)
    tensor: dict[str, Any] = field(default_factory=dict)
    place: Place | None = None
    origin: str = ""  # how it came to its name: "by position from 1.2.0"
    index: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    example: tuple[list[int], list[Any]] | None = None

    @classmethod
    def blank(cls, side: str) -> "Row":
        """A new row."""
        return cls.of(side, {}, {}, None)

    @classmethod
    def of(
        cls, side: str, stored: dict[str, Any], tensor: dict[str, Any], place: Place | None
    ) -> "Row":
        row = cls(side, {}, stored, tensor, place)
        row.values = dict(row.shown)
        return row

    @cached_property
    def shown(self) -> dict[str, str]:
        """The cells of what is saved. A cell that says the same keeps the saved value, however it is written there."""
        if not self.stored:
            return {cell: BLANK.get(cell, "") for cell in CELLS[self.side]}
        texts = {
            "was": self.stored["name"],
            "proposed": "",
            "name": self.stored["name"],
            "datatype": cells.type_of(self.stored),
            "shape": cells.shape_text(self.stored.get("shape")),
            "description": self.stored.get("description") or "",
            "unit": self.stored.get("unit") or "",
            "enum": cells.values_text(self.stored.get("enum")),
            "required": "on" if self.stored.get("required", True) else "",
            "example": cells.example_text(self.first_values, self.stored.get("shape") == [-1]),
        }
        texts["monotone"] = next(
            word for word, way in DIRECTIONS.items() if way == self.stored.get("monotone")
        )
        for cell in ("minimum", "maximum", "default"):
            texts[cell] = cells.value_text(self.stored.get(cell))
        return {cell: texts[cell].replace("\r\n", "\n") for cell in CELLS[self.side]}

    @property
    def sizes(self) -> list[int]:
        """The sizes of one row in the saved example."""
        return list(self.tensor.get("shape", [1])[1:])

    @property
    def rows(self) -> int:
        return int((self.tensor.get("shape") or [0])[0])

    @property
    def first_values(self) -> list[Any]:
        data = cells.flat(self.tensor.get("data", []))
        return data[: len(data) // max(self.rows, 1)]

    @property
    def title(self) -> str:
        return self.values["name"].strip() or f"new {self.side[:-1]}"

    def is_unchanged(self, cell: str) -> bool:
        return bool(self.stored) and self.values[cell] == self.shown[cell]

    @property
    def id(self) -> str:
        return f"{self.side}-{self.index}"

    @property
    def act_id(self) -> str:
        """The row in the values of the table's buttons."""
        return f"{self.side}:{self.index}"

    def cell_id(self, cell: str) -> str:
        return f"{self.id}-{cell}"

    def made_up_example(self) -> str:
        """A value that the saved field allows, as the cell's text."""
        return cells.value_text(signatures.example_value(self.stored))

    def take(self, proposed: ProposedField) -> None:
        """Fill the cells with what an import read; the rest stays."""
        self.values |= {"name": proposed.name, "proposed": "1"}
        if proposed.datatype and self._may_be(proposed.datatype):
            form = f" {proposed.format}" if proposed.format else ""
            self.values["datatype"] = f"{proposed.datatype}{form}"
            if not self.place:
                self.values["shape"] = cells.shape_text(list(proposed.shape))
        if self.side == "inputs" and not self.place:
            self.values["required"] = "on" if proposed.is_required else ""
        if self.side == "inputs" and proposed.example:
            self.values["example"] = proposed.example

    def _may_be(self, datatype: str) -> bool:
        if self.place is None:
            return True
        return self.side == "inputs" and datatypes.carries(self.place.datatype, datatype)

    @property
    def keeps_rows(self) -> bool:
        """True when the saved rows after the first are still some of this field."""
        is_same = all(map(self.is_unchanged, ("datatype", "shape")))
        return bool(self.tensor and self.example and is_same and self.sizes == self.example[0])

    def example_tensor(self, rows: int) -> dict[str, Any]:
        """The input of an example request: the typed row first, then the saved ones."""
        if self.keeps_rows and self.is_unchanged("example") and rows == self.rows:
            return {**self.tensor, "name": self.made["name"]}
        sizes, values = self.example or ([], [])
        saved = cells.flat(self.tensor.get("data", [])) if rows > 1 else []
        return {
            "name": self.made["name"],
            "datatype": self.made["datatype"],
            "shape": [rows, *sizes],
            "data": [*values, *saved[len(values) :]],
        }

    @property
    def cells(self) -> dict[str, Cell]:
        return {
            cell: Cell(
                self.cell_id(cell),
                f"{self.title}: {heading}",
                heading.capitalize(),
                self.values[cell],
                self.errors.get(cell, ""),
                self.warnings.get(cell, ""),
            )
            for cell, heading in LABELS.items()
            if cell in CELLS[self.side]
        }

    @property
    def types(self) -> list[str]:
        """The datatypes to choose from: those that its tensor takes; of a file's output only its own."""
        return [one for one in cells.TYPES if self._may_be(one.partition(" ")[0])] or [
            self.values["datatype"]
        ]

    @property
    def directions(self) -> list[str]:
        """What the answer may be declared to do as the value rises."""
        return list(DIRECTIONS)

    @property
    def is_column(self) -> bool:
        """True for one value a row in a package: its shape is the file's."""
        return self.place is not None and self.stored.get("shape") == [-1]

    @property
    def datatype(self) -> str:
        return self.values["datatype"].partition(" ")[0]

    @property
    def has_range(self) -> bool:
        return self.datatype in datatypes.NUMBERS

    @property
    def is_single(self) -> bool:
        """True for one value a row, as typed."""
        with suppress(CellError):
            return cells.read_shape(self.values["shape"]) == [-1]
        return True

    @property
    def is_long_example(self) -> bool:
        """True when the saved example has more values than a cell shows."""
        return bool(self.tensor) and not self.shown["example"] and len(self.first_values) > 1

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Make `made` and `example` of the cells, or `errors`."""
        self.errors = {
            cell: f"Write at most {longest} characters; these are {len(self.values[cell])}."
            for cell, longest in LONGEST.items()
            if len(self.values.get(cell, "")) > longest
        }
        name = self.values["name"].strip()
        if not is_name(name):
            self.errors["name"] = (
                "Use 1 to 100 printable characters." if name else "Give it a name."
            )
        if not self.errors:
            self.made = self._read_field(name)
        low, high = self.made.get("minimum"), self.made.get("maximum")
        if low is not None and high is not None and high < low:
            said = f"The largest is below the smallest ({cells.value_text(low)})."
            self.errors.setdefault("maximum", said)
        is_input_of_file = self.place is not None and self.side == "inputs" and self.made
        if is_input_of_file and not self._may_be(self.made["datatype"]):
            self.errors["datatype"] = "The file does not take this datatype here."
        if not self.errors:
            try:
                signatures.validate_field(self.side, self.made)
            except Invalid as problem:
                self.blame(problem)
        if not self.errors and self.side == "inputs":
            self.example = self._read_example()

    def _read_field(self, name: str) -> dict[str, Any]:
        made = {**self.stored, "name": name, "datatype": self.stored.get("datatype", "FP32")}
        with _at(self.errors, "datatype"):
            if not self.is_unchanged("datatype"):
                made["datatype"], form = cells.read_type(self.values["datatype"])
                made |= {"format": form} if form or self.stored.get("format") else {}
        with _at(self.errors, "shape"):
            unchanged = self.is_unchanged("shape")
            made["shape"] = (
                self.stored["shape"] if unchanged else cells.read_shape(self.values["shape"])
            )
        for cell, read in (
            ("minimum", cells.read_number),
            ("maximum", cells.read_number),
            ("enum", cells.read_values),
            ("default", cells.read_value),
        ):
            self._set(made, cell, lambda text, read=read: read(text, made["datatype"]))
        for cell in ("description", "unit"):
            self._set(made, cell, str.strip, none="")
        if self.side == "inputs":
            made["required"] = bool(self.values["required"])
            self._set_direction(made)
        return made

    def _set_direction(self, made: dict[str, Any]) -> None:
        word = self.values.get("monotone", ANY_WAY)
        way = DIRECTIONS.get(word or ANY_WAY, word) if self.has_range else None
        if way is not None or "monotone" in made:
            made["monotone"] = way

    def _set(self, made: dict[str, Any], cell: str, read: Any, none: Any = None) -> None:
        """One member of the field from its cell. An empty cell does not add a member."""
        if cell not in self.values or self.is_unchanged(cell):
            return
        with _at(self.errors, cell):
            text = self.values[cell]
            value = read(text) if text.strip() else none
            if value != none or cell in made:
                made[cell] = value

    def blame(self, problem: RuleError) -> bool:
        """Put a problem of this row at its cell; False when it is not about this row."""
        path, name = f"{self.side}.{self.made.get('name')}", str(self.made.get("name"))
        about = problem.field or ""
        if about == f"example.{name}" and self.side == "inputs":
            cell = "example"
        elif about == path or about.startswith(f"{path}."):
            cell = about.removeprefix(path).lstrip(".") or "name"
        else:
            return False
        cell = {"format": "datatype"}.get(cell, cell)
        self.errors[cell if cell in LABELS else "name"] = problem.sentence.replace(path, name)
        return True

    def _read_example(self) -> tuple[list[int], list[Any]] | None:
        """(sizes of a row, its values); None for an optional input that the example leaves out."""
        text, shape = self.values["example"], self.made["shape"]
        is_single = shape == [-1]
        if self.tensor and all(map(self.is_unchanged, ("example", "datatype", "shape"))):
            return self.sizes, self.first_values
        if not text.strip():
            if not self.made["required"]:
                return None
            sizes = row_shape(self.made)
            return sizes, [signatures.example_value(self.made)] * prod(sizes)
        made = None
        with _at(self.errors, "example"):
            values = cells.read_example(text, self.made["datatype"], is_single)
            sizes = [] if is_single else _sizes(shape[1:], len(values), self.sizes)
            for value in values:
                if problem := signatures.value_problem(self.made, value):
                    raise CellError(problem)
            made = sizes, values
        return made


@contextmanager
def _at(errors: dict[str, str], cell: str) -> Iterator[None]:
    """A CellError inside becomes the sentence of a cell."""
    try:
        yield
    except CellError as error:
        errors[cell] = str(error)


def _sizes(declared: list[int], count: int, known: list[int]) -> list[int]:
    """The sizes of a row of `count` values: the declared ones, a free one being what is left."""
    free = declared.count(-1)
    if free > 1 and len(known) == len(declared) and prod(known) == count:
        return known
    if free > 1:
        raise CellError("Its sizes are free: write this example as JSON.")
    fixed = prod([size for size in declared if size != -1])
    if (free and count % fixed) or (not free and count != fixed):
        raise CellError(f"One row has {fixed} values; these are {count}.")
    return [count // fixed if size == -1 else size for size in declared]
