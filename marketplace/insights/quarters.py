"""Quarters of the fiscal year: the periods of every figure of value (docs/metrics.md, "Quarters")."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.conf import settings

MONTHS = 3


@dataclass(frozen=True, order=True)
class Quarter:
    """Three calendar months (UTC), from `start`, their first day."""

    start: date

    @classmethod
    def of(cls, day: date) -> "Quarter":
        """The quarter that the day lies in; FISCAL_YEAR_STARTS is the month (1 to 12) in which the year begins."""
        since = (day.month - settings.FISCAL_YEAR_STARTS) % MONTHS
        return cls(_months_on(day.replace(day=1), -since))

    @property
    def end(self) -> date:
        """The first day after it."""
        return _months_on(self.start, MONTHS)

    @property
    def begins_at(self) -> datetime:
        return _midnight(self.start)

    @property
    def ends_at(self) -> datetime:
        return _midnight(self.end)

    @property
    def previous(self) -> "Quarter":
        return Quarter(_months_on(self.start, -MONTHS))

    @property
    def next(self) -> "Quarter":
        return Quarter(self.end)

    @property
    def number(self) -> int:
        """1 to 4."""
        return (self.start.month - settings.FISCAL_YEAR_STARTS) % 12 // MONTHS + 1

    @property
    def year(self) -> int:
        """The fiscal year, named for the calendar year in which it ends."""
        first = _months_on(self.start, -MONTHS * (self.number - 1))
        return _months_on(first, 11).year

    def __str__(self) -> str:
        return f"{self.year} Q{self.number}"


def _months_on(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
