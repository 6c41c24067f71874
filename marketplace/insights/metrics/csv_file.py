"""Metrics as tables for spreadsheets: the board of targets, and one metric with all its rows."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse

from marketplace.core.spreadsheets import as_cell
from marketplace.insights.metrics.board import Board, Line, rows_of

Cells = Sequence[Any]


def of_board(board: Board) -> Iterable[Cells]:
    """A line for each metric of the newest quarter."""
    yield (
        "metric title definition_version quarter numerator denominator value reason unit target"
        " verdict verdict_text counted_at is_fixed".split()
    )
    for line in board.lines:
        value, about = line.value, line.metric
        yield [
            about.name,
            about.title,
            value.definition_version,
            value.quarter,
            value.numerator,
            value.denominator,
            value.value,
            value.reason,
            about.unit,
            about.target,
            value.verdict,
            value.verdict_text,
            value.computed_at.isoformat(),
            value.is_fixed,
        ]


def of_metric(line: Line) -> Iterable[Cells]:
    """What it is, then a line for each row; the numerators and denominators add up to the figure."""
    about, value = line.metric, line.value
    for name, text in (
        ("metric", about.title),
        ("definition", about.definition),
        ("definition version", value.definition_version),
        ("numerator", about.numerator),
        ("denominator", about.denominator),
        ("quarter", f"{line.quarter} from {value.quarter}"),
        ("figure", f"{value.numerator} / {value.denominator}"),
        ("value", line.now),
        ("verdict", value.verdict_text),
        ("counted at", value.computed_at.isoformat()),
    ):
        yield [name, text]
    yield []
    yield ["row", "team", "unit", "numerator", "denominator", *about.columns]
    for row in rows_of([value]).iterator():
        yield [row.label, row.team, row.unit, row.numerator, row.denominator, *row.facts]


def download(name: str, lines: Iterable[Cells]) -> HttpResponse:
    """The lines as a file. A text that a spreadsheet would run as a formula has an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text).writerows([as_cell(cell) for cell in line] for line in lines)
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename={name}.csv"},
    )
