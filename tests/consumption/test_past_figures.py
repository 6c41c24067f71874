"""Figures about the past never change, whatever is changed later (issue 9, A1 and "done when" 2).

Random histories of calls (also late ones), prices, plans, moves of subscriptions, applications and teams, and renamings, against a
model in memory: what each call cost, who paid and in which unit is what was true when it was made. Events, hours, days, the page and
the API agree to the last unit.
"""

import uuid
from collections import Counter
from decimal import Decimal

import hypothesis
import pytest
from django.db import connection, transaction
from hypothesis import Phase, given
from hypothesis import strategies as st

from catalog.models import RegisteredModel
from consumption import actions
from consumption.api import Usage
from consumption.changes import actions as changes
from consumption.dashboards.usage_api import UsageRow
from consumption.metering import measures, rollups, shipping, usage
from consumption.models import Application, Plan, Subscription, UsageDay, UsageEvent, UsageHour
from consumption.plans import terms
from marketplace.accounts.models import BusinessUnit, Team
from tests import factories
from tests.consumption.counting import count_all

pytestmark = pytest.mark.django_db
OUTCOMES = [part.outcome for part in measures.PARTS]
BILLION = Decimal(1_000_000_000)

ONE = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), ONE, st.sampled_from(OUTCOMES), st.integers(0, 3)),
        st.tuples(st.just("late call"), ONE, st.sampled_from(OUTCOMES), st.integers(0, 30)),
        st.tuples(st.just("price"), ONE, st.integers(0, 10**12)),
        st.tuples(st.just("limit"), ONE, st.integers(1, 1000)),
        st.tuples(st.just("move subscription"), ONE, ONE),
        st.tuples(st.just("move application"), ONE, ONE),
        st.tuples(st.just("move team"), ONE, ONE),
        st.tuples(st.just("rename"), st.text("abc", min_size=1, max_size=5)),
        st.tuples(st.just("roll up")),
        st.tuples(st.just("recompute")),
    ),
    max_size=30,
)


class History:
    """The company, and what is true in it at each moment: [(moment, price, team, unit) of each subscription]."""

    def __init__(self):
        entry = factories.model()
        self.alice, self.bob = factories.alice(), factories.bob()
        self.version = factories.published_version(entry)
        self.plans = [
            factories.plan(entry, slug=slug, price_micros_per_1000=price)
            for slug, price in (("first", 1), ("second", 3_141_593))
        ]
        self.subscriptions = [
            factories.subscription(
                self.version, plan_slug="first", app=factories.application(name=name)
            )
            for name in ("A", "B")
        ]
        self.teams = [factories.mortgage(), factories.wealth()]
        self.units = [factories.unit("Mortgage"), factories.unit("Insurance")]
        self.begin()

    def begin(self):
        self.moments = []
        self.expected = Counter()
        self.remember()

    def remember(self):
        """What is true now, by the database's clock."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            [now] = cursor.fetchone()
        now_true = []
        for held in Subscription.objects.select_related("plan", "application__team").order_by("pk"):
            team = held.application.team
            now_true.append((held.plan.price_micros_per_1000, team.pk, team.business_unit_id))
        self.moments.append((now, now_true))

    def call(self, number, outcome, back):
        """A call of one moment, this or an earlier one, arrives now."""
        at, true = self.moments[max(0, len(self.moments) - 1 - back)]
        price, team, unit = true[number]
        held, units = self.subscriptions[number], int(outcome == "ok")
        UsageEvent.objects.create(
            event_id=uuid.uuid4(),
            at=at,
            subscription_id=held.pk,
            key_id=1,
            application_id=held.application_id,
            team_id=team,
            model_id=held.model_id,
            version_id=self.version.pk,
            outcome=outcome,
            http_status=200,
            units=units,
            duration_us=5,
        )
        with connection.cursor() as cursor:
            cursor.execute(shipping.MARK_STALE, [[at.replace(minute=0, second=0, microsecond=0)]])
        key = held.pk, team, unit
        self.expected[(*key, "calls")] += 1
        self.expected[(*key, dict(zip(OUTCOMES, measures.COUNTS[1:], strict=True))[outcome])] += 1
        self.expected[(*key, "cost")] += units * price

    def do(self, step, *given):
        getattr(self, step.replace(" ", "_"))(*given)
        if step not in ("late call", "roll up", "recompute"):
            self.remember()

    def late_call(self, number, outcome, back):
        self.call(number, outcome, back)

    def price(self, number, price):
        self._change(number, price_micros_per_1000=price)

    def limit(self, number, rate):
        self._change(number, rate_per_second=rate)

    def _change(self, number, **after):
        """By two people, without a notice; as one person where it is better for all."""
        plan = Plan.objects.get(pk=self.plans[number].pk)
        if after.items() <= terms.values(plan).items():
            return
        change = changes.propose(
            self.alice,
            "terms",
            model=plan.model,
            plan=plan,
            after=after,
            reason="The random history wants it so.",
        )
        if change.state == "proposed":
            changes.confirm(self.bob, change)
        changes.begin_what_is_due()

    def move_subscription(self, number, to):
        held = Subscription.objects.get(pk=self.subscriptions[number].pk)
        actions.change_plan(factories.person("maya", held.application.team), held, self.plans[to])

    def move_application(self, number, to):
        Application.objects.filter(pk=self.subscriptions[number].application_id).update(
            team=self.teams[to]
        )

    def move_team(self, number, to):
        Team.objects.filter(pk=self.teams[number].pk).update(business_unit=self.units[to])

    def rename(self, text):
        for kind in (Plan, Application, RegisteredModel, Team, BusinessUnit):
            one = kind.objects.order_by("pk").first()
            kind.objects.filter(pk=one.pk).update(name=f"{text} {one.pk}")

    def roll_up(self):
        rollups.roll_up_all()

    def recompute(self):
        rollups.mark_all_stale()
        rollups.roll_up_all()


def counted(table):
    """What roll-ups say, in the oracle's words; the cost in billionths."""
    rows = table.objects.values_list(
        "subscription", "team", "business_unit", *measures.COUNTS, "cost"
    )
    found = Counter()
    for *key, calls, ok, client, upstream, aborted, unknown, cost in rows:
        for name, value in zip(
            (*measures.COUNTS, "cost"),
            (calls, ok, client, upstream, aborted, unknown, cost * BILLION),
            strict=True,
        ):
            found[(*key, name)] += int(value)
    return +found


def assert_pages_and_api_agree(history):
    """The sums of what people and programs read are the sums of the calls, to the last unit."""
    total = sum(value for (*_, name), value in history.expected.items() if name == "cost") / BILLION
    calls = sum(value for (*_, name), value in history.expected.items() if name == "calls")
    scope, window = usage.of_model(history.version.model), usage.window("30d")
    for what in usage.BY:
        rows = usage.by(scope, window, what)
        assert (
            sum(row.counts["calls"] for row in rows) == calls
            and sum((row.costs.get("USD", Decimal()) for row in rows), Decimal()) == total
        )
    shown = usage.summary(scope, window)
    assert shown.totals["calls"] == sum(part.calls for part in shown.parts) == calls
    assert shown.costs == ({"USD": total} if total else {})
    answered = UsageRow(Usage.queryset.all(), many=True).data
    assert (
        sum(row["calls"] for row in answered) == calls
        and sum((Decimal(row["cost"]) for row in answered), Decimal()) == total
    )


@pytest.mark.parametrize("examples", [4, pytest.param(300, marks=pytest.mark.slow)])
def test_whatever_is_changed_later_past_figures_stay(settings, examples):
    settings.CHANGE_NOTICE_DAYS = 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    history = History()

    @given(steps=STEPS)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
    )
    def holds(steps):
        with transaction.atomic():
            history.begin()
            for step in steps:
                history.do(*step)
            history.roll_up()
            wanted = +history.expected
            assert counted(UsageHour) == wanted and counted(UsageDay) == wanted
            assert_pages_and_api_agree(history)
            history.rename("zz")
            for number in (0, 1):
                history.price(number, 777)
                history.move_team(number, 1)
                history.move_application(number, 1 - number)
            history.recompute()
            assert counted(UsageHour) == wanted and counted(UsageDay) == wanted, (
                "yesterday's figures are the same today"
            )
            assert count_all().wrong == []
            transaction.set_rollback(True)

    holds()


def test_a_price_rise_leaves_716_calls_at_what_they_cost(settings):
    """Issue 9, A1: 716 calls, 2.13 USD, became 21.27 by a new price."""
    settings.CHANGE_NOTICE_DAYS = 0
    history = History()
    history.do("price", 0, 2_974_860)
    for _ in range(716):
        history.call(0, "ok", 0)
    history.roll_up()
    before = usage.by(usage.of_model(history.version.model), usage.window("30d"), "model")
    history.price(0, 29_706_703)
    history.recompute()
    assert usage.by(usage.of_model(history.version.model), usage.window("30d"), "model") == before
    assert before[0].costs == {"USD": Decimal("2.129999760")}


def test_an_hour_with_a_new_price_in_its_middle_is_two_rows(settings):
    settings.CHANGE_NOTICE_DAYS = 0
    history = History()
    history.do("price", 0, 1000)
    history.call(0, "ok", 0)
    history.do("price", 0, 2000)
    history.call(0, "ok", 0)
    history.call(0, "ok", 0)
    history.roll_up()
    rows = list(
        UsageDay.objects.order_by("terms__effective_from").values_list(
            "calls", "terms__price_micros_per_1000", "cost"
        )
    )
    assert rows == [(1, 1000, Decimal("0.000001")), (2, 2000, Decimal("0.000004"))]
