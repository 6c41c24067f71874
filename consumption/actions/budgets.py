"""Verbs of budgets: set one, end one."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from consumption.metering.quota import period_start
from consumption.models import Budget
from consumption.permissions import can_set_budget
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require

ASK = "Finance sets budgets; a team sets its own."


@transaction.atomic
def set_budget(by: User, **facts: Any) -> Budget:
    """Set what a unit, a team or a cost centre may spend a month; it follows the one that holds then.

    facts  one of `unit`, `team`, `cost_centre`; `amount_micros`, `currency`, `is_hard`, `from_month`.
    Raises NotAllowed, Invalid.
    """
    budget = Budget(set_by=by, **facts)
    named = [name for name in ("unit", "team", "cost_centre") if getattr(budget, name)]
    if len(named) != 1:
        raise Invalid("Name one business unit, one team or one cost centre.", field="team")
    require(can_set_budget(by, budget), ASK, ask="Finance")
    _require_begins(budget.from_month, "from_month")
    if budget.amount_micros < 1:
        raise Invalid("A budget is more than nothing.", field="amount")
    same = {name: getattr(budget, name) for name in ("unit", "team", "cost_centre", "currency")}
    before = Budget.objects.select_for_update().filter(**same).in_month(budget.from_month)
    before.update(until_month=budget.from_month)
    if Budget.objects.filter(**same, from_month__gt=budget.from_month, until_month=None).exists():
        raise RuleError("A later budget of the same is set already.", remedy="End that one first.")
    budget.save(force_insert=True)
    record(
        by,
        "budget.set",
        budget,
        amount_micros=budget.amount_micros,
        currency=budget.currency,
        hard=budget.is_hard,
        from_month=f"{budget.from_month:%Y-%m}",
    )
    return budget


@transaction.atomic
def end_budget(by: User, budget: Budget, until_month: date) -> Budget:
    """The budget ends with the month before `until_month`. Raises NotAllowed, Invalid."""
    require(can_set_budget(by, budget), ASK, ask="Finance")
    _require_begins(until_month, "until_month")
    Budget.objects.filter(pk=budget.pk).update(until_month=until_month)
    budget.until_month = until_month
    record(by, "budget.end", budget, until_month=f"{until_month:%Y-%m}")
    return budget


def _require_begins(month: date, field: str) -> None:
    if month.day != 1 or month < period_start(timezone.now()):
        raise Invalid("Budgets change from the running month on, on its first day.", field=field)
