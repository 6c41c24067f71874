"""Review clocks run in business days (docs/governance.md, "Reviews")."""

from datetime import timedelta


def business_days_after(moment, days):
    """`moment` moved on by `days` Mondays to Fridays (the organisation's holidays are not known yet)."""
    while days > 0:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return moment
