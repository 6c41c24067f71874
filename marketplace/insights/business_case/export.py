"""A scenario as a file: a workbook, or CSV, with every assumption beside what follows from it."""

import csv
import io
from collections.abc import Iterator, Mapping

from openpyxl import Workbook
from openpyxl.styles import Font

from marketplace.core.spreadsheets import as_cell
from marketplace.insights.business_case import calculator
from marketplace.insights.business_case.calculator import Case, Triple

Row = list[str | float | None]


def assumption_rows(assumed: Mapping[str, Triple]) -> Iterator[Row]:
    yield ["Assumption", "Unit", "Low", "Likely", "High"]
    for one in calculator.ASSUMPTIONS:
        triple = assumed[one.name]
        yield [one.label, one.unit, triple.low, triple.likely, triple.high]


def result_rows(case: Case) -> Iterator[Row]:
    """What follows; the gross figure says that it is no saving."""
    yield ["Result", "Unit", "Value"]
    yield ["Gross, not a saving: every duplicate there is", "USD once", round(case.gross, 2)]
    yield ["Conservative net value, P10", "USD a year", round(case.net.p10, 2)]
    yield ["Conservative net value, P50", "USD a year", round(case.net.p50, 2)]
    yield ["Conservative net value, P90", "USD a year", round(case.net.p90, 2)]
    yield [
        "Chance that the first year pays the marketplace",
        "%",
        round(100 * case.pays_first_year, 2),
    ]
    yield ["Chance that a year brings more than it costs", "%", round(100 * case.pays_at_all, 2)]
    yield ["Break-even: found and reused instead", "%", _rounded(case.break_even_capture)]
    yield ["Break-even: built twice", "%", _rounded(case.break_even_duplication)]
    yield ["Payback, likely values", "years", _rounded(case.payback_years)]
    yield [
        f"Present value of {calculator.YEARS} years, likely values",
        "USD",
        round(case.present_value, 2),
    ]
    yield ["In words", "", case.verdict]
    yield ["Draws, seed", "", f"{calculator.DRAWS}, {calculator.SEED}"]


def swing_rows(case: Case) -> Iterator[Row]:
    yield ["Assumption", "Net value at its low, USD a year", "Net value at its high, USD a year"]
    for swing in case.swings:
        yield [swing.label, round(swing.low, 2), round(swing.high, 2)]


def as_csv(assumed: Mapping[str, Triple], case: Case) -> str:
    """Three tables below each other."""
    text = io.StringIO()
    writer = csv.writer(text)
    for rows in (assumption_rows(assumed), result_rows(case), swing_rows(case)):
        writer.writerows([as_cell("" if cell is None else cell) for cell in row] for row in rows)
        writer.writerow([])
    return text.getvalue()


def as_workbook(assumed: Mapping[str, Triple], case: Case, title: str) -> bytes:
    """An XLSX file with a sheet for each table."""
    book = Workbook()
    tables = {
        "Assumptions": assumption_rows(assumed),
        "Results": result_rows(case),
        "What moves it": swing_rows(case),
    }
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([as_cell(cell) for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.column_dimensions["A"].width = 48
        sheet.freeze_panes = "A2"
    book.remove(book.worksheets[0])
    book.properties.title = title
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
