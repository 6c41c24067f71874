"""The comparison as a table for spreadsheets: a line for each row, a column for each version."""

import csv
import io

from marketplace.core.spreadsheets import as_cell
from marketplace.insights.comparison.table import Cell, Comparison

SIGNS = {"has": "", "lacks": "not ", "extra": "only here: "}


def written(compared: Comparison) -> str:
    """All rows, also what is alike. What a spreadsheet would run as a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    heads = [column.full_name for column in compared.columns]
    writer.writerow(map(as_cell, ["about", "row", *heads]))
    for group in compared.groups:
        for row in group.rows:
            cells = [words(cell) for cell in row.cells]
            writer.writerow(map(as_cell, [group.title, row.label, *cells]))
    return text.getvalue()


def words(cell: Cell) -> str:
    """A cell as one text."""
    fields = ", ".join(f"{SIGNS[one.state]}{one.name} {one.note}".strip() for one in cell.fields)
    parts = [cell.text, cell.detail, cell.verdict.text if cell.verdict else "", fields]
    return "; ".join(part for part in parts if part)
