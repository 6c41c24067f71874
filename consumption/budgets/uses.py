"""How far budgets are used, how far they will be, and what is told and stopped when they are used up (docs/budgets.md).

The admission of a call knows nothing of budgets: a used-up hard budget pauses the subscriptions that cost something, so that the
gateways refuse their calls within seconds. What was called until then, between two looks of the sweep, is over the budget.
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from consumption.metering.quota import next_period, period_start
from consumption.models import Budget, BudgetStop, PauseReason, Subscription
from consumption.plans.pricing import PriceKind
from consumption.statements.statement import Group, Statement
from consumption.telling import tell_team
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.invalidation import invalidate
from marketplace.core.money import from_micros, rounded, show_amount
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify
from marketplace.notices.models import Notice

NEARLY_PERCENT = 80
FORECAST_AFTER_DAYS = 3  # of a month: less says nothing about its rest
SYSTEM = "budgets"
WATCH_LOCK = 0x627564676574


@dataclass(frozen=True)
class Use:
    """One budget in a month: what was spent and what will be at the pace so far; `forecast` None where it is too early, or over."""

    budget: Budget
    spent: Decimal
    forecast: Decimal | None

    @property
    def amount(self) -> Decimal:
        return from_micros(self.budget.amount_micros)

    @property
    def percent(self) -> int:
        """Whole percent, rounded down."""
        return int(100 * self.spent / self.amount)

    @property
    def is_used_up(self) -> bool:
        return self.spent >= self.amount

    @property
    def will_exceed(self) -> bool:
        return self.forecast is not None and self.forecast > self.amount

    @property
    def tone(self) -> str:
        if self.is_used_up:
            return "bad"
        return "warn" if self.percent >= NEARLY_PERCENT or self.will_exceed else "good"


def uses(budgets: Iterable[Budget], month: date) -> list[Use]:
    """A Use of each budget. Three queries at most, whatever many budgets there are."""
    rows = list(budgets)
    statement = Statement(None, month)
    spent: dict[tuple[str, str, str], Group] = {}
    for by in {_by(budget) for budget in rows}:
        for group in statement.groups(by):
            spent[by, group.slug, group.currency] = group
    elapsed = _elapsed(month)
    return [
        _use(budget, spent.get((_by(budget), _slug(budget), budget.currency)), elapsed)
        for budget in rows
    ]


def of_groups(groups: Iterable[Group], by: str, month: date) -> dict[str, Use]:
    """{slug: Use} of the budgets of whole sums: the groups that Statement.groups(by) gives of everything they pay. One query."""
    held = {
        (_slug(budget), budget.currency): budget
        for budget in Budget.objects.in_month(month).for_list()
        if _by(budget) == by
    }
    elapsed = _elapsed(month)
    return {
        group.slug: _use(held[group.slug, group.currency], group, elapsed)
        for group in groups
        if (group.slug, group.currency) in held
    }


@transaction.atomic
def watch() -> None:
    """Tell of budgets that are nearly or wholly used, stop what a hard one stops, and let go on what may.

    One at a time: a second one leaves at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [WATCH_LOCK])
        if not cursor.fetchone()[0]:
            return
    month = period_start(timezone.now())
    held = list(Budget.objects.in_month(month).for_list())
    found = uses(held, month) if held else []
    for use in found:
        _tell(use, month)
        if use.budget.is_hard and use.is_used_up:
            _stop(use, month)
    _let_go({use.budget.pk for use in found if use.budget.is_hard and use.is_used_up}, month)


def of_budget(budget: Budget) -> "list[Subscription]":
    """The active subscriptions that a budget pays and that cost something."""
    held = Subscription.objects.filter(state=Subscription.State.ACTIVE).exclude(
        plan__price_kind=PriceKind.FREE
    )
    if budget.unit_id:
        held = held.filter(application__team__business_unit=budget.unit)
    elif budget.team_id:
        held = held.filter(application__team=budget.team)
    else:
        held = held.filter(application__cost_centre=budget.cost_centre)
    return list(held.filter(plan__currency=budget.currency).for_list())


def _stop(use: Use, month: date) -> None:
    system = User.objects.system(SYSTEM)
    for subscription in of_budget(use.budget):
        transition(subscription, Subscription.State.PAUSED, paused_because=PauseReason.BUDGET)
        BudgetStop.objects.get_or_create(
            subscription=subscription,
            ended_at=None,
            defaults={"budget": use.budget, "month": month},
        )
        reason = f"{use.budget} is used up: {_sums(use)}."
        record(system, "subscription.pause", subscription, reason=reason)
        invalidate("subscription", subscription=subscription.pk)
        again = next_period(month)
        tell_team(
            subscription,
            f"{subscription} is paused: {use.budget} is used up",
            body=(
                f"{_sums(use)}. Calls are refused until {again:%-d %B} (UTC), or until whoever keeps the budget allows more:"
                f" {use.budget.set_by}."
            ),
            key=f"budget-stop:{subscription.pk}:{month}",
            kind="cost",
        )


def _let_go(used_up: set[int], month: date) -> None:
    """Stops end with their month, with their budget, and when it allows more; a subscription that was closed stays closed."""
    stops = BudgetStop.objects.filter(ended_at=None).exclude(budget__in=used_up, month=month)
    for stop in stops.select_related("subscription__application__team", "subscription__model"):
        BudgetStop.objects.filter(pk=stop.pk).update(ended_at=timezone.now())
        subscription = stop.subscription
        is_waiting = subscription.state == Subscription.State.PAUSED
        if not is_waiting or subscription.paused_because != PauseReason.BUDGET:
            continue
        transition(subscription, Subscription.State.ACTIVE, paused_because="")
        system = User.objects.system(SYSTEM)
        record(system, "subscription.resume", subscription, reason="The budget allows it again.")
        invalidate("subscription", subscription=subscription.pk)


def _tell(use: Use, month: date) -> None:
    """Once for each budget, month and occasion."""
    occasion = (
        "used-up"
        if use.is_used_up
        else "nearly"
        if use.percent >= NEARLY_PERCENT
        else "forecast"
        if use.will_exceed
        else ""
    )
    key = f"budget-{occasion}:{use.budget.pk}:{month}"
    if not occasion or Notice.objects.filter(key=key).exists():
        return
    said = {
        "used-up": "is used up",
        "nearly": f"is used to {use.percent} %",
        "forecast": "will not last the month at this pace",
    }[occasion]
    hard = " Then calls that cost something are paused." if use.budget.is_hard else ""
    notify(
        people_of(use.budget),
        "cost",
        f"{use.budget} {said}",
        body=f"{_sums(use)}.{'' if use.is_used_up else hard}",
        url=f"/statement/?month={month:%Y-%m}",
        key=key,
        teams=teams_of(use.budget),
    )


def teams_of(budget: Budget) -> QuerySet[Team]:
    """Those that it pays for."""
    if budget.team_id:
        return Team.objects.filter(pk=budget.team_id)
    if budget.unit_id:
        return Team.objects.filter(business_unit=budget.unit_id)
    return Team.objects.filter(cost_centre=budget.cost_centre)


def people_of(budget: Budget) -> list[User]:
    """The people of the teams that it pays for, and who set it."""
    people = {person.pk: person for person in User.objects.on_teams(teams_of(budget))}
    people[budget.set_by_id] = budget.set_by
    return list(people.values())


def _sums(use: Use) -> str:
    currency = use.budget.currency
    spent = f"{show_amount(use.spent, currency)} of {show_amount(use.amount, currency)} is spent"
    if use.forecast is None:
        return spent
    return f"{spent}; {show_amount(use.forecast, currency)} by the month's end at this pace"


def _use(budget: Budget, group: Group | None, elapsed: Decimal | None) -> Use:
    if group is None:
        return Use(budget, Decimal(), None if elapsed is None else Decimal())
    if elapsed is None:
        return Use(budget, group.total, None)
    running = group.usage + group.fee
    forecast = group.total - running + running / elapsed
    return Use(budget, group.total, rounded(forecast, budget.currency))


def _elapsed(month: date) -> Decimal | None:
    """The share of the running month that has gone by; None for another month, and in its first days."""
    now = timezone.now().astimezone(UTC)
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    days = Decimal((now - start).total_seconds()) / 86_400
    length = calendar.monthrange(month.year, month.month)[1]
    return days / length if FORECAST_AFTER_DAYS <= days < length else None


def _by(budget: Budget) -> str:
    return "unit" if budget.unit_id else "team" if budget.team_id else "cost_centre"


def _slug(budget: Budget) -> str:
    if budget.unit is not None:
        return budget.unit.slug
    return budget.team.slug if budget.team is not None else budget.cost_centre
