"""What a command prints: JSON for programs, aligned columns for people. Progress goes to the standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

LONGEST_CELL = 60


class Output:
    """`as_json`: one JSON document on the standard output and nothing else there."""

    def __init__(self, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def document(self, value: Any, text: str = "") -> None:
        """`value` as JSON, or `text` for people."""
        print(
            json.dumps(value, indent=2, ensure_ascii=False) if self.as_json else text,
            file=self._out,
        )

    def table(self, rows: Sequence[dict[str, Any]], columns: Sequence[str], none: str) -> None:
        """The rows as JSON as they are, or these columns of them; `none` is said when there is no row."""
        if self.as_json:
            self.document(list(rows))
        elif not rows:
            print(none, file=self._err)
        else:
            print(aligned(rows, columns), file=self._out)

    def say(self, text: str) -> None:
        """For people, beside the result."""
        print(text, file=self._err)

    def progress(self, text: str) -> None:
        """A line that the next one replaces, where somebody looks."""
        if self._err.isatty():
            print(f"\r\033[K{text}", end="", file=self._err, flush=True)

    def end_progress(self) -> None:
        if self._err.isatty():
            print(file=self._err)


def aligned(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    cells = [
        [column.replace("_", " ") for column in columns],
        *([_cell(row.get(column)) for column in columns] for row in rows),
    ]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _cell(value: Any) -> str:
    text = "-" if value is None or value == "" else str(value)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
