"""The first look at a file: how it is read, which columns it has, and what looks like data of a person. The rest is forgotten."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from django.conf import settings

from consumption import actions
from consumption.evaluations.files import Files
from consumption.models import BatchEvaluation
from publishing.batch import cells, personal, tables
from publishing.batch.tables import Reading, Unreadable
from publishing.packages import running

UPLOAD = "upload"
MOST_VALUES = 20  # of a column that is shown as one of groups


def read(evaluation: BatchEvaluation) -> None:
    """Look at the upload and wait for its mapping. Raises Unreadable, Refused, Gone."""
    files = Files(evaluation)
    blocks = files.read(UPLOAD)
    first = next(blocks, b"")
    kind = evaluation.reading.get("kind") or tables.kind_of(first)
    if kind != "csv" and tables.kind_of(first) != "csv":
        _make_csv(files, chain([first], blocks), kind)
        blocks = files.read(UPLOAD)
        first = next(blocks, b"")
    chosen = (
        evaluation.reading
        if kind == "csv"
        else {"encoding": "utf-8", "delimiter": "comma", "decimal": "."}
    )
    reading = tables.guess(first[: tables.HEAD], chosen)
    columns, rows = _looked_at(chain([first], blocks), reading)
    if not rows:
        raise Unreadable("The file has no row below its first line.")
    actions.columns_found(evaluation, replace(reading, kind=kind).as_data(), columns, rows)


def _make_csv(files: Files, blocks: Iterator[bytes], kind: str) -> None:
    """Put the table in the place of the file that it came in."""
    with running.table(
        blocks,
        kind,
        tables.MOST_ROWS,
        tables.MOST_COLUMNS,
        quarantine=settings.QUARANTINE_ROOT,
    ) as made:
        files.write(UPLOAD, made)


def _looked_at(blocks: Iterator[bytes], reading: Reading) -> tuple[list[dict[str, Any]], int]:
    """(columns as BatchEvaluation.columns has them, number of rows)."""
    counted = _Counted(tables.rows(blocks, reading))
    first = next(counted.rows, None)
    if first is None:
        raise Unreadable("The file has no line with names.")
    names = tables.header(first)
    sampled = list(tables.sample(counted.rows))
    columns = [
        _column(name, [row[place] for row in sampled if place < len(row)], reading.decimal)
        for place, name in enumerate(names)
    ]
    return columns, counted.count - 1


class _Counted:
    """Rows that are counted while they pass."""

    def __init__(self, rows: Iterator[list[str]]) -> None:
        self.count = 0
        self.rows = self._passing(rows)

    def _passing(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        for row in rows:
            self.count += 1
            yield row


def _column(name: str, values: list[str], decimal: str) -> dict[str, Any]:
    filled = [value for value in values if not cells.is_missing(value)]
    few = Counter(filled)
    return {
        "name": name,
        "kind": _kind(filled, decimal),
        "empty": round(1 - len(filled) / max(len(values), 1), 3),
        "few": len(few) <= MOST_VALUES,
        "personal": personal.signs(name, filled),
    }


def _kind(filled: list[str], decimal: str) -> str:
    if not filled:
        return "empty"
    numbers = sum(cells.number(value, decimal) is not None for value in filled)
    return "number" if numbers >= 0.9 * len(filled) else "text"
