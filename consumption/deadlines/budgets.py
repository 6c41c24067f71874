"""Deadlines of budgets: those that are nearly or wholly used, or will not last the month at the pace so far."""

import calendar
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from consumption.budgets import uses as budgets
from consumption.deadlines.deadline import Deadline, Kind
from consumption.metering.quota import period_start
from consumption.models import Budget
from marketplace.core.money import show_amount

MOST = 20


def deadlines(teams: Sequence[int]) -> Iterator[Deadline]:
    """Of the budgets of a person's own teams (ids). One query where there is none."""
    month = period_start(timezone.now())
    held = list(Budget.objects.filter(team__in=teams).in_month(month).for_list()[:MOST])
    for use in budgets.uses(held, month) if held else ():
        if use.tone == "good":
            continue
        currency = use.budget.currency
        text = f"{show_amount(use.spent, currency)} of {show_amount(use.amount, currency)} spent."
        then = "Calls that cost something pause then." if use.budget.is_hard else ""
        yield Deadline(
            Kind.BUDGET,
            _used_up_at(use),
            f"{use.budget} {'is used up' if use.is_used_up else f'is used to {use.percent} %'}",
            reverse("consumption:budgets"),
            f"{text} {then}".strip(),
            "Look at the statement",
            reverse("consumption:statement"),
            is_at_risk=use.budget.is_hard,
        )


def _used_up_at(use: budgets.Use) -> datetime:
    """Now, when it is used up; else when it will be at the pace so far, at the latest with the month."""
    now = timezone.now()
    start = datetime(now.year, now.month, 1, tzinfo=UTC)
    end = start + timedelta(days=calendar.monthrange(now.year, now.month)[1])
    if use.is_used_up or not use.spent:
        return now
    return min(end, start + (now - start) * float(use.amount / use.spent))
