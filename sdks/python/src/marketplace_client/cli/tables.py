"""Rows from files and into files: CSV, JSON lines, JSON. What was written is counted, so that a broken run goes on."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TextIO

from marketplace_client.cli.failures import USAGE, Failure

FORMS = ("csv", "jsonl", "json")
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def form_of(name: str, said: str | None) -> str:
    """The form of a file: as said, or by the end of its name."""
    form = said or Path(name).suffix.lstrip(".").lower().replace("ndjson", "jsonl")
    if form not in FORMS:
        raise Failure(f"Say --format for {name}: one of {', '.join(FORMS)}.", USAGE)
    return form


def read(source: TextIO, form: str, datatypes: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows of a file, one after the other. Texts of CSV become values of the inputs' datatypes; an empty one is null."""
    if form == "csv":
        for number, row in enumerate(csv.DictReader(source), 1):
            if None in row:
                raise Failure(f"Row {number} has more values than the header has names.", USAGE)
            yield {
                name: _value(text, datatypes.get(name, ""), number, name)
                for name, text in row.items()
            }
    elif form == "json":
        yield from _checked(json.load(source), 0)
    else:
        for number, line in enumerate(source, 1):
            if line.strip():
                yield from _checked([_parsed(line, number)], number)


def _parsed(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as wrong:
        raise Failure(f"Line {number} is not JSON: {wrong}.", USAGE) from None


def _checked(rows: Any, number: int) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        where = f"Line {number}" if number else "The file"
        raise Failure(f"{where} does not hold objects, one for each row.", USAGE)
    return rows


def _value(text: str | None, datatype: str, number: int, name: str) -> Any:
    if text is None or text == "":
        return None
    try:
        if datatype.startswith("FP"):
            return float(text)
        if "INT" in datatype:
            return int(text)
        return TRUTHS[text.strip().lower()] if datatype == "BOOL" else text
    except (ValueError, KeyError):
        raise Failure(f"Row {number}: '{text}' is no {datatype} for {name}.", USAGE) from None


class Results:
    """Writes answers, a line each, and knows how many are there already.

    A run that broke off left whole pieces and perhaps a part of a line, which is cut off before it goes on.
    """

    def __init__(self, path: Path, form: str, is_resumed: bool) -> None:
        if form == "json":
            raise Failure(
                "Answers are written as csv or jsonl: a JSON list cannot be resumed.", USAGE
            )
        self.path, self._form = path, form
        if path.exists() and not is_resumed:
            raise Failure(
                f"{path} is there already: --resume to go on, or another --output.", USAGE
            )
        self.done = self._count() if path.exists() else 0
        self._file: IO[str] = path.open("a", newline="", encoding="utf-8")
        self._columns: list[str] | None = self._header()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def _count(self) -> int:
        """Whole rows that are there. Cuts off the rest."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) != len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        lines = whole.count(b"\n")
        return max(0, lines - 1) if self._form == "csv" else lines

    def _header(self) -> list[str] | None:
        if self._form != "csv":
            return None
        with self.path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), None)

    def write(self, rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
        """A piece, as one write: a reader never sees half of it unless the machine breaks off."""
        lines = [self._line(row) for row in rows]
        self._file.write("".join(lines))
        self._file.flush()
        self.done += len(lines)

    def _line(self, row: Mapping[str, Any]) -> str:
        if self._form == "jsonl":
            return json.dumps(finite_row(row), ensure_ascii=False) + "\n"
        first = ""
        if self._columns is None:
            self._columns = list(row)
            first = _csv(self._columns)
        return first + _csv([_text(row.get(name)) for name in self._columns])


def finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def finite_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: finite(value) for name, value in row.items()}


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list | bool):
        return json.dumps(finite(value))
    return str(value)


def _csv(cells: list[str]) -> str:
    """One line of CSV. Line breaks in a text become spaces, so that a line is a row and rows can be counted."""
    quoted = []
    for cell in cells:
        flat = " ".join(cell.splitlines()) if "\n" in cell or "\r" in cell else cell
        needs = any(letter in flat for letter in '",')
        quoted.append('"' + flat.replace('"', '""') + '"' if needs else flat)
    return ",".join(quoted) + "\n"
