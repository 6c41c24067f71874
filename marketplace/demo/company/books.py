"""Finance at the demo company: what is shared, who is charged, budgets, and the months that were closed."""

from __future__ import annotations

from django.utils import timezone

from consumption.budgets import actions as budgets
from consumption.metering.quota import period_start, periods_later
from consumption.models import ClosedMonth, SharedCost
from consumption.statements import actions as statements
from consumption.statements import closing
from marketplace.accounts.models import BusinessUnit

from .submissions import person

PLATFORM = 10_000_000_000  # micro-units: what the platform costs a month
# Units that are charged, and their budgets: dollars a month.
UNIT_BUDGETS = {"consumer-lending": 6_000, "mortgage": 5_500, "wealth-management": 2_800}


def keep_books() -> None:
    """Shares, charges, budgets; the month before the last is closed, so that the last one waits as a preview. Does nothing twice."""
    finn, now = person("finn"), period_start(timezone.now())
    first = periods_later(now, -2)
    if SharedCost.objects.exists() or ClosedMonth.objects.exists():
        return
    statements.share_cost(
        finn,
        name="Platform, run cost",
        amount_micros=PLATFORM,
        method=SharedCost.Method.SUBSCRIPTIONS,
        from_month=first,
    )
    for slug, dollars in UNIT_BUDGETS.items():
        unit = BusinessUnit.objects.filter(slug=slug).first()
        if unit is None:
            continue
        statements.set_charging(finn, unit, is_charged=True, from_month=first)
        budgets.set_budget(finn, unit=unit, amount_micros=dollars * 1_000_000, from_month=now)
    if all(check.holds for check in closing.checks(first)):
        statements.close_month(finn, first)
