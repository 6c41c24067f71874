"""Budgets: what is spent and will be, who is told, and what a hard one stops and lets go on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption import deadlines
from consumption.budgets import actions
from consumption.budgets import uses as budgets
from consumption.deadlines import Kind
from consumption.metering.quota import next_period, period_start, periods_later
from consumption.models import Budget, BudgetStop, Subscription
from marketplace.core.errors import Invalid, NotAllowed
from marketplace.notices.models import Notice
from tests import factories
from tests.consumption.test_price_kinds import Months
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db


@pytest.fixture
def months():
    return ten_calls()


@replayed
def ten_calls():
    """Maya's application A called ten times, at 1 USD each."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    made = Months()
    made.price(0, {"price_kind": "per_call", "price_micros_per_1000": 10**9})
    made.calls(0, 0, 10)
    made.roll_up()
    return made


def this_month():
    return period_start(timezone.now())


def set_budget(dollars, *, by=None, is_hard=False, **whose):
    whose = whose or {"team": factories.mortgage()}
    return actions.set_budget(
        by or factories.finn(),
        amount_micros=dollars * 10**6,
        is_hard=is_hard,
        from_month=this_month(),
        **whose,
    )


def state(held):
    return Subscription.objects.get(pk=held.pk).state


def kinds():
    return {key.split(":")[0] for key in Notice.objects.values_list("key", flat=True) if key}


@pytest.mark.parametrize("whose", ["team", "unit", "cost_centre"])
def test_each_kind_of_budget_counts_its_lines(months, whose):
    team = factories.mortgage()
    budget = set_budget(
        40,
        **{whose: {"team": team, "unit": team.business_unit, "cost_centre": "MO-200"}[whose]},
    )
    [use] = budgets.uses([budget], this_month())
    assert (use.spent, use.percent, use.is_used_up) == (Decimal("10.00"), 25, False)
    [before] = budgets.uses([budget], periods_later(this_month(), -1))
    assert (before.spent, before.forecast) == (0, None)


def test_a_forecast_goes_on_at_the_pace_so_far(months, monkeypatch):
    budget = set_budget(15)
    half = Decimal("0.5")
    monkeypatch.setattr(budgets, "_elapsed", lambda month: half)
    [use] = budgets.uses([budget], this_month())
    assert use.forecast == Decimal("20.00") and use.will_exceed
    budgets.watch()
    assert "budget-forecast" in kinds() and state(months.held[0]) == "active"


def test_people_are_told_once_of_each_occasion(months):
    set_budget(12)
    for _ in range(2):
        budgets.watch()
    assert (
        Notice.objects.filter(recipient=factories.maya(), key__startswith="budget-nearly").count()
        == 1
    )
    months.calls(0, 0, 2)
    months.roll_up()
    budgets.watch()
    assert kinds() >= {"budget-nearly", "budget-used-up"}
    assert state(months.held[0]) == "active", "a soft budget tells only"


def test_a_hard_budget_pauses_what_costs_something_until_it_allows_more(months):
    entry = months.versions[0].model
    factories.plan(entry, slug="trial")
    free = factories.subscription(
        months.versions[0], plan_slug="trial", app=factories.application(name="C")
    )
    set_budget(10, is_hard=True, by=factories.maya())
    for _ in range(2):
        budgets.watch()
    assert [state(held) for held in (*months.held, free)] == ["paused", "paused", "active"]
    assert BudgetStop.objects.filter(ended_at=None).count() == 2
    because = Subscription.objects.filter(state="paused").values_list("paused_because", flat=True)
    assert set(because) == {"budget"}
    assert "budget-stop" in kinds()
    Subscription.objects.filter(pk=months.held[1].pk).update(state="closed")
    set_budget(100, is_hard=True, by=factories.maya())
    budgets.watch()
    assert [state(held) for held in months.held] == ["active", "closed"]
    assert not BudgetStop.objects.filter(ended_at=None).exists()


def test_a_new_month_lets_calls_go_on(months, monkeypatch):
    set_budget(10, is_hard=True, by=factories.maya())
    budgets.watch()
    assert state(months.held[0]) == "paused"
    later = timezone.now() + timedelta(days=32)
    monkeypatch.setattr(budgets.timezone, "now", lambda: later)
    budgets.watch()
    assert state(months.held[0]) == "active"


def test_what_runs_out_needs_its_team(months):
    set_budget(12, is_hard=True, by=factories.maya())
    set_budget(11, unit=factories.mortgage().business_unit)
    [found] = [one for one in deadlines.for_person(factories.maya(), []) if one.kind == Kind.BUDGET]
    assert (
        found.is_at_risk and "10.00" in found.text and found.due <= timezone.now() + timedelta(31)
    )
    assert not [
        one for one in deadlines.for_person(factories.charlie(), []) if one.kind == "budget"
    ]


def test_others_are_told_before_a_hard_budget_stops_them(months):
    team = factories.mortgage()
    with pytest.raises(Invalid, match="told first"):
        set_budget(1, is_hard=True)
    actions.set_budget(
        factories.finn(),
        team=team,
        amount_micros=1,
        is_hard=True,
        from_month=next_period(this_month()),
    )
    assert Notice.objects.filter(recipient=factories.maya(), key__startswith="budget-set").exists()
    budgets.watch()
    assert state(months.held[0]) == "active"


def test_another_budget_follows_and_the_amount_of_one_never_changes(months):
    first = set_budget(10)
    second = set_budget(20)
    held = Budget.objects.in_month(this_month())
    assert list(held) == [second] and Budget.objects.get(pk=first.pk).amount_micros == 10**7
    actions.end_budget(factories.finn(), second, next_period(this_month()))
    assert not Budget.objects.in_month(next_period(this_month())).exists()


def test_finance_sets_all_and_a_team_its_own(months):
    team, other = factories.mortgage(), factories.wealth()
    assert set_budget(5, by=factories.maya(), team=team)
    for facts in ({"team": other}, {"unit": team.business_unit}, {"cost_centre": "MO-200"}):
        with pytest.raises(NotAllowed):
            set_budget(5, by=factories.maya(), **facts)
    with pytest.raises(Invalid, match="one business unit"):
        set_budget(5, team=team, cost_centre="MO-200")
    with pytest.raises(Invalid, match="from the running month on"):
        actions.set_budget(
            factories.finn(), team=team, amount_micros=1, from_month=periods_later(this_month(), -1)
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.update(cost_centre="x")


def test_pages_csv_and_api_say_the_same(months):
    budget = set_budget(40)
    client, stranger = Client(), Client()
    client.force_login(factories.maya())
    stranger.force_login(factories.charlie())
    [(use, may_change)] = client.get(reverse("consumption:budgets")).context["rows"]
    assert use.spent == Decimal("10.00") and may_change
    assert b"mortgage" in client.get(reverse("consumption:budgets"), {"as": "csv"}).content.lower()
    [row] = client.get("/api/v1/budgets/").json()["results"]
    assert (row["id"], row["spent"], row["team"]) == (budget.pk, "10.00", budget.team.slug)
    assert stranger.get("/api/v1/budgets/").json()["results"] == []
    assert stranger.get(reverse("consumption:budgets")).context["rows"] == []
    body = {"team": budget.team.slug, "amount_micros": 5, "from_month": f"{this_month():%Y-%m}"}
    made = client.post("/api/v1/budgets/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    typed = {"team": budget.team.slug, "amount": "70", "from_month": f"{this_month():%Y-%m}"}
    assert client.post(reverse("consumption:new_budget"), typed).status_code == 302
    assert Budget.objects.in_month(this_month()).get().amount_micros == 70 * 10**6


def test_the_statement_shows_how_far_whole_sums_are(months):
    """Finance beside each unit; a team only where the sum is all that the budget counts."""
    team = factories.mortgage()
    set_budget(40, unit=team.business_unit)
    set_budget(20, team=team)
    url = reverse("consumption:statement")
    client = Client()
    client.force_login(factories.finn())
    assert "25 % of 40.00" in client.get(url).content.decode()
    client.force_login(factories.maya())
    assert "of 40.00" not in client.get(url).content.decode(), "her teams' part of the unit"
    assert "50 % of 20.00" in client.get(url, {"by": "team"}).content.decode()
