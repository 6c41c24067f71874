"""The quarters of the ledger, named by their first day: those of the metrics (marketplace.insights.quarters)."""

import re
from datetime import date, timedelta

from django.conf import settings

from marketplace.insights.quarters import Quarter

FIRST_YEAR, LAST_YEAR = 2001, 2098


def quarter_of(day: date) -> date:
    """The first day of the quarter of a day."""
    return Quarter.of(day).start


def next_quarter(first: date) -> date:
    """The first day of the quarter after the one that begins on `first`."""
    return Quarter(first).end


def last_day(first: date) -> date:
    """The last day of the quarter that begins on `first`."""
    return Quarter(first).end - timedelta(days=1)


def year_of(first: date) -> int:
    """The fiscal year of the quarter that begins on `first`."""
    return Quarter(first).year


def name_of(first: date) -> str:
    """ "2026-Q3"."""
    return f"{Quarter(first).year}-Q{Quarter(first).number}"


def parsed(text: str) -> date | None:
    """The first day of "2026-Q3"; None for what is no quarter."""
    match = re.fullmatch(r"(20[0-9]{2})-Q([1-4])", text)
    if not match or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return None
    return of_year(int(match[1]))[int(match[2]) - 1]


def of_year(year: int) -> list[date]:
    """The first days of a fiscal year's four quarters."""
    begins = settings.FISCAL_YEAR_STARTS
    quarter = Quarter(date(year if begins == 1 else year - 1, begins, 1))
    firsts = []
    for _ in range(4):
        firsts.append(quarter.start)
        quarter = quarter.next
    return firsts


def span_of(year: int) -> tuple[date, date]:
    """The first and the last day of a fiscal year."""
    firsts = of_year(year)
    return firsts[0], last_day(firsts[-1])
