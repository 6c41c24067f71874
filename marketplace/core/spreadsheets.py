"""CSV that a spreadsheet opens without running anything in it."""

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it, as spreadsheets write text; numbers stay."""
    is_formula = isinstance(value, str) and value.startswith(FORMULA_STARTS)
    return f"'{value}" if is_formula else value
