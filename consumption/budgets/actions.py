"""Verbs of budgets: set one, end one."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from consumption.budgets.uses import people_of, teams_of
from consumption.metering.quota import period_start
from consumption.models import Budget
from consumption.permissions import can_set_budget
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.money import from_micros, show_amount
from marketplace.notices.actions import notify

ASK = Refusal("Finance sets budgets; a team sets its own.", ask="Finance")


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
    require(can_set_budget(by, budget), *ASK)
    _require_begins(budget.from_month, "from_month")
    if budget.amount_micros < 1:
        raise Invalid("A budget is more than nothing.", field="amount")
    _require_notice(by, budget)
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
    if budget.is_hard:
        _tell_of_a_hard_one(budget)
    return budget


@transaction.atomic
def end_budget(by: User, budget: Budget, until_month: date) -> Budget:
    """The budget ends with the month before `until_month`. Raises NotAllowed, Invalid."""
    require(can_set_budget(by, budget), *ASK)
    _require_begins(until_month, "until_month")
    Budget.objects.filter(pk=budget.pk).update(until_month=until_month)
    budget.until_month = until_month
    record(by, "budget.end", budget, until_month=f"{until_month:%Y-%m}")
    return budget


def _require_notice(by: User, budget: Budget) -> None:
    """A hard budget can stop calls: others than the team itself set it for a month to come, and its teams are told now."""
    is_own = budget.team is not None and by.is_on(budget.team)
    if budget.is_hard and not is_own and budget.from_month <= period_start(timezone.now()):
        raise Invalid(
            "A hard budget of others begins with the next month at the earliest: they are told first.",
            field="from_month",
        )


def _tell_of_a_hard_one(budget: Budget) -> None:
    amount = show_amount(from_micros(budget.amount_micros), budget.currency)
    notify(
        people_of(budget),
        "cost",
        f"{budget}: at most {amount} a month from {budget.from_month:%B %Y}",
        body="When it is used up, calls that cost something are paused until the next month, or until it is raised.",
        url="/budgets/",
        key=f"budget-set:{budget.pk}",
        teams=teams_of(budget),
    )


def _require_begins(month: date, field: str) -> None:
    if month.day != 1 or month < period_start(timezone.now()):
        raise Invalid("Budgets change from the running month on, on its first day.", field=field)
