"""Review clocks run in business days (docs/governance.md, "Reviews"); what holds until a day holds through it."""

from datetime import UTC, date, datetime, time, timedelta


def business_days_after(moment, days):
    """`moment` moved on by `days` Mondays to Fridays (the organisation's holidays are not known yet)."""
    while days > 0:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return moment


def end_of_day(day: date) -> datetime:
    """The last second of a day (UTC)."""
    return datetime.combine(day, time(23, 59, 59), UTC)
