"""Prices that depend on a call's number, and fees: what roll-ups, events and pages say, against prices looked up call by call."""

import uuid
from collections import defaultdict
from datetime import UTC, date, timedelta
from decimal import Decimal
from fractions import Fraction

import hypothesis
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import Phase, given
from hypothesis import strategies as st

from consumption import actions
from consumption.metering import fees, rollups, shipping, usage
from consumption.metering.quota import period_start
from consumption.models import (
    ChargedDay,
    FeeDay,
    Plan,
    PlanTerms,
    ScheduledChange,
    Subscription,
    UsageDay,
    UsageEvent,
    UsageHour,
)
from consumption.plans import terms
from consumption.statements.statement import Statement
from consumption.subscribing import holdings
from marketplace.accounts.models import Team
from marketplace.core import money
from tests import factories
from tests.consumption.counting import count_all
from tests.consumption.test_prices import PLANS, reference_call

pytestmark = pytest.mark.django_db
ONE = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("calls"), ONE, ONE, st.integers(1, 4)),
        st.tuples(st.just("late"), ONE, ONE, st.integers(0, 50)),
        st.tuples(st.just("price"), ONE, PLANS),
        st.tuples(st.just("move"), ONE, ONE),
        st.tuples(st.just("roll_up")),
    ),
    min_size=1,
    max_size=25,
)


def database_now():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


class Months:
    """Two applications on two versions of one model, whose two plans change; every call with the terms that held for it."""

    def __init__(self):
        entry = factories.model()
        self.versions = [factories.published_version(entry)]
        self.versions.append(factories.published_version(entry, number="1.1.0"))
        for slug in ("first", "second"):
            factories.plan(entry, slug=slug, price_micros_per_1000=7)
        self.plans = list(entry.plans.order_by("slug"))
        self.held = [
            factories.subscription(
                self.versions[0], plan_slug="first", app=factories.application(name=name)
            )
            for name in ("A", "B")
        ]
        self.calls_made = []
        self.on = [0, 0]
        self.firsts = [plan.terms.get() for plan in self.plans]
        self.now = list(self.firsts)

    def add(self, number, version, at, term):
        held = self.held[number]
        UsageEvent.objects.create(
            event_id=uuid.uuid4(),
            at=at,
            subscription_id=held.pk,
            key_id=1,
            application_id=held.application_id,
            team_id=held.application.team_id,
            model_id=held.model_id,
            version_id=self.versions[version].pk,
            outcome="ok",
            http_status=200,
            units=1,
            duration_us=5,
        )
        with connection.cursor() as cursor:
            cursor.execute(shipping.MARK_STALE, [[at.replace(minute=0, second=0, microsecond=0)]])
        self.calls_made.append((held.pk, at, self.versions[version].pk, term))

    def calls(self, number, version, count):
        for _ in range(count):
            self.add(number, version, database_now(), self.now[self.on[number]])

    def late(self, number, version, days):
        """A call of days ago arrives: then the plan was the first one, on its first terms."""
        if days:
            at = database_now() - timedelta(days=days)
            self.add(number, version, at, self.firsts[0])

    def price(self, number, values):
        plan = Plan.objects.get(pk=self.plans[number].pk)
        after = terms.values(plan) | values
        if after != terms.values(plan):
            self.now[number] = terms.write(factories.alice(), plan, after)
            terms.begin(factories.alice(), plan, after)

    def move(self, number, to):
        held = Subscription.objects.get(pk=self.held[number].pk)
        person = factories.person("maya", held.application.team)
        actions.change_plan(person, held, self.plans[to])
        self.on[number] = to

    def roll_up(self):
        rollups.roll_up_all()

    def expected(self):
        """{(subscription, version, terms, hour): cost}: each month's calls numbered, hour by hour, row by row."""
        rows = defaultdict(list)
        for held, at, version, term in self.calls_made:
            hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            rows[held, hour, version, term.pk].append((at, term))
        order = sorted(rows, key=lambda key: (key[0], key[1], min(rows[key])[0], *key[2:]))
        costs, numbers = {}, defaultdict(int)
        for held, hour, version, term_id in order:
            month, costs_of_row = (held, hour.year, hour.month), Fraction(0)
            for _, term in rows[held, hour, version, term_id]:
                numbers[month] += 1
                costs_of_row += reference_call(terms.values(term), numbers[month])
            costs[held, version, term_id, hour] = costs_of_row
        return costs


def counted():
    rows = UsageHour.objects.values_list(
        "subscription_id", "version_id", "terms_id", "hour", "cost"
    )
    return {tuple(key): Fraction(cost) for *key, cost in rows}


def assert_pages_add_up():
    """Home and My access say of each subscription what the statement says; on the usage page the rows add up to the total."""
    charged = defaultdict(Decimal)
    for line in Statement(None, period_start(timezone.now())).lines():
        if line.about is None and line.cost:
            charged[line.subscription] += line.amount
    rows = holdings.holdings(list(Subscription.objects.for_list()), [])
    shown = {row.subscription.pk: row.month.costs["USD"] for row in rows if row.month.costs}
    assert shown == charged
    assert sum(shown.values()) == holdings.total(rows).get("USD", 0)
    scope, window = usage.of_teams(Team.objects.all()), usage.window("30d")
    total = money.rounded(usage.summary(scope, window).costs.get("USD", Decimal()), "USD")
    for what in ("model", "application", "version"):
        amounts = [row.amounts["USD"] for row in usage.by(scope, window, what) if row.amounts]
        assert sum(money.rounded(amount, "USD") for amount in amounts) == total, what


@pytest.mark.parametrize("examples", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_every_row_costs_its_calls_at_the_prices_then_in_force(examples):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    months = Months()

    @given(steps=STEPS)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
    )
    def holds(steps):
        with transaction.atomic():
            months.calls_made, months.on, months.now = [], [0, 0], list(months.firsts)
            for step, *given in steps:
                getattr(months, step)(*given)
            months.roll_up()
            assert counted() == months.expected()
            by_day = UsageDay.objects.values_list("cost", flat=True)
            assert Fraction(sum(by_day, Decimal())) == sum(months.expected().values())
            assert count_all().wrong == [], "events, hours and days agree to the last billionth"
            assert_pages_add_up()
            rollups.mark_all_stale()
            months.roll_up()
            assert counted() == months.expected(), "recomputed, they are the same"
            transaction.set_rollback(True)

    holds()


@pytest.fixture
def held(db):
    entry = factories.model()
    version = factories.published_version(entry)
    factories.plan(entry, slug="flat", price_kind="flat", monthly_fee_micros=310_000_000)
    return factories.subscription(version, plan_slug="flat")


def charge(day):
    """As the sweep does it on the days before `day`, and on that day."""
    ChargedDay.objects.get_or_create(day=day)
    return fees.charge_days()


def test_a_fee_is_charged_once_a_day_with_its_team_and_terms(held):
    today = timezone.now().astimezone(UTC).date()
    assert charge(today - timedelta(days=1)) == 1 and fees.charge_days() == 0
    row = FeeDay.objects.get()
    assert (row.subscription_id, row.day, row.terms) == (held.pk, today, held.plan.terms.get())
    assert row.team == held.application.team
    month = usage.by(usage.of_teams([row.team]), usage.window("24h"), "application")
    assert month[0].costs == {"USD": row.cost} and row.cost > 0
    shown = usage.summary(usage.of_teams([row.team]), usage.window("30d"))
    assert shown.costs == {"USD": row.cost} and shown.totals["calls"] == 0


def test_days_that_nobody_charged_are_completed_and_a_price_rise_leaves_them(held):
    since = timezone.now() - timedelta(days=70)
    Subscription.objects.filter(pk=held.pk).update(decided_at=since)
    first = since.astimezone(UTC).date()
    ChargedDay.objects.create(day=first - timedelta(days=1))
    while fees.charge_days():
        pass
    october = FeeDay.objects.filter(day__year=2026, day__month=10)
    if october.count() == 31:
        assert sum(october.values_list("cost", flat=True)) == Decimal("310")
    before = list(FeeDay.objects.order_by("day").values_list("day", "cost"))
    assert len(before) == 71
    terms.write(factories.alice(), held.plan, terms.values(held.plan) | {"monthly_fee_micros": 1})
    fees.charge_days()
    assert list(FeeDay.objects.order_by("day").values_list("day", "cost")) == before
    with pytest.raises(IntegrityError), transaction.atomic():
        FeeDay.objects.update(cost=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        FeeDay.objects.all().delete()


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_who_does_not_hold_the_plan_pays_no_fee(held, state):
    Subscription.objects.filter(pk=held.pk).update(state=state)
    assert charge(timezone.now().astimezone(UTC).date() - timedelta(days=1)) == 0


def test_a_subscription_granted_today_pays_from_today(held):
    assert charge(date(2026, 1, 1)) <= 1
    assert set(FeeDay.objects.values_list("day", flat=True)) <= {
        timezone.now().astimezone(UTC).date()
    }


def test_a_dearer_kind_needs_a_notice_and_a_cheaper_one_begins(held, settings):
    plan = held.plan
    with pytest.raises(Exception, match="worse for"):
        actions.offer_plan(
            factories.alice(), plan.model, slug="flat", monthly_fee_micros=311_000_000
        )
    actions.offer_plan(
        factories.alice(),
        plan.model,
        slug="flat",
        price_kind="included",
        monthly_fee_micros=300_000_000,
        included_calls=10**9,
    )
    plan.refresh_from_db()
    assert plan.price_kind == "included" and plan.terms.count() == 2
    assert not ScheduledChange.objects.exists()


def test_a_priced_plan_becomes_free_by_its_kind_alone(held):
    entry = held.model
    factories.plan(entry, slug="paid", price_micros_per_1000=4_000_000)
    actions.offer_plan(factories.alice(), entry, slug="paid", price_kind="free")
    plan = entry.plans.get(slug="paid")
    assert (plan.price_kind, plan.price_micros_per_1000) == ("free", 0)
    actions.offer_plan(factories.alice(), entry, slug="paid", price_micros_per_1000=5)
    plan.refresh_from_db()
    assert (plan.price_kind, plan.price_micros_per_1000) == ("per_call", 5)


def test_the_database_refuses_a_price_that_its_kind_does_not_have(held):
    for wrong in (
        {"included_calls": 5},
        {"price_micros_per_1000": 5},
        {"price_steps": [[None, 1]]},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Plan.objects.filter(pk=held.plan_id).update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlanTerms.objects.filter(plan=held.plan_id).update(monthly_fee_micros=1)
