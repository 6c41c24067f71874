"""What the form of the playground holds between two requests: everything that was typed, so that nothing is lost."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from django.http import QueryDict

from consumption.playground.rows import MOST_PASTED, MOST_ROWS, MOST_TEXT, Texts
from marketplace.core import json_reader

FORM, JSON, PASTE = "form", "json", "paste"
MODES = {FORM: "Form", JSON: "JSON", PASTE: "Paste"}
INPUT = "in:"  # before the name of an input, in the name of its control


@dataclass(frozen=True)
class Sheet:
    """Rows of texts, the place of the one that is shown, the versions ("slug/number") that are asked, and how inputs are entered.

    typed      what stands in the JSON or the paste field.
    run_id     the run whose answers are shown; moved_id that of the movement.
    errors     {row: {input, or "": sentence}}; typed_error is about `typed`, and problem about the whole.
    """

    rows: list[Texts]
    keys: list[str]
    at: int = 0
    mode: str = FORM
    typed: str = ""
    run_id: str = ""
    moved_id: str = ""
    errors: dict[int, dict[str, str]] = field(default_factory=dict)
    typed_error: str = ""
    problem: str = ""

    @classmethod
    def of_post(cls, data: QueryDict) -> Self:
        """Whatever is missing or out of bounds becomes what an empty form has: the fields come from our own page."""
        rows = _rows(data.get("rows", ""))
        mode, at = data.get("mode", FORM), data.get("at", "")
        sheet = cls(
            rows=rows,
            keys=list(dict.fromkeys(data.getlist("on"))),
            at=min(int(at) if re.fullmatch("[0-9]{1,3}", at) else 0, len(rows) - 1),
            mode=mode if mode in MODES else FORM,
            typed=data.get("typed", "")[: MOST_PASTED + 1],
            run_id=data.get("run", ""),
            moved_id=data.get("moved", ""),
        )
        shown = {
            name.removeprefix(INPUT): data.get(name, "").replace("\0", "")[:MOST_TEXT]
            for name in data
            if name.startswith(INPUT)
        }
        changed: Texts = {**sheet.row, **shown}
        return replace(sheet, rows=[*rows[: sheet.at], changed, *rows[sheet.at + 1 :]])

    @property
    def row(self) -> Texts:
        return self.rows[self.at]

    @property
    def rows_json(self) -> str:
        return json.dumps(self.rows, ensure_ascii=False)

    @property
    def can_grow(self) -> bool:
        return len(self.rows) < MOST_ROWS

    def with_row(self) -> "Sheet":
        """One more row, a copy of the one that is shown."""
        if not self.can_grow:
            return self
        return replace(self, rows=[*self.rows, dict(self.row)], at=len(self.rows))

    def without_row(self) -> "Sheet":
        rows = [row for at, row in enumerate(self.rows) if at != self.at] or [{}]
        return replace(self, rows=rows, at=min(self.at, len(rows) - 1))

    def showing(self, at: int) -> "Sheet":
        return replace(self, at=max(0, min(at, len(self.rows) - 1)))

    def holding(self, rows: list[Texts]) -> "Sheet":
        """Other rows, at most MOST_ROWS of them."""
        rows = rows[:MOST_ROWS] or [{}]
        return replace(self, rows=rows, at=min(self.at, len(rows) - 1))


def _rows(text: str) -> list[Texts]:
    try:
        value = json_reader.read(text) if text else []
    except (json_reader.Malformed, json_reader.Unusable):
        value = []
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    return [
        {name: text[:MOST_TEXT] for name, text in row.items() if isinstance(text, str)}
        for row in rows[:MOST_ROWS]
    ] or [{}]
