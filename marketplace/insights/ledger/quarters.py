"""Calendar quarters (UTC), named by their first day. Pure."""

import re
from datetime import date, timedelta

FIRST_YEAR, LAST_YEAR = 2001, 2099


def quarter_of(day: date) -> date:
    """The first day of the quarter of a day."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def next_quarter(first: date) -> date:
    """The first day of the quarter after the one that begins on `first`."""
    return quarter_of(first + timedelta(days=100))


def last_day(first: date) -> date:
    """The last day of the quarter that begins on `first`."""
    return next_quarter(first) - timedelta(days=1)


def name_of(first: date) -> str:
    """ "2026-Q3"."""
    return f"{first.year}-Q{(first.month + 2) // 3}"


def parsed(text: str) -> date | None:
    """The first day of "2026-Q3"; None for what is no quarter."""
    match = re.fullmatch(r"(20[0-9]{2})-[Qq]([1-4])", text)
    if not match or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return None
    return date(int(match[1]), int(match[2]) * 3 - 2, 1)


def of_year(year: int) -> list[date]:
    """The first days of a year's four quarters."""
    return [date(year, month, 1) for month in (1, 4, 7, 10)]
