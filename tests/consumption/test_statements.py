"""Statements: lines equal the calls at the prices then in force, also after corrections; parts add up; what is closed stays."""

import csv
import io
from collections import defaultdict
from datetime import UTC, timedelta
from decimal import Decimal
from fractions import Fraction

import hypothesis
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import Phase, given
from hypothesis import strategies as st

from consumption.metering import rollups
from consumption.metering.quota import next_period, period_start, periods_later
from consumption.models import (
    Adjustment,
    ChargedDay,
    ChargeLine,
    ClosedMonth,
    FeeDay,
    SharedCost,
    UsageDay,
)
from consumption.statements import actions, closing, statement
from consumption.statements.statement import Statement
from marketplace.accounts.models import Membership
from marketplace.audit.models import AuditEvent
from marketplace.core import money
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.core.money import _DIGITS_OF, digits
from tests import factories
from tests.consumption import focus_rules
from tests.consumption.test_price_kinds import STEPS, Months
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db
REASON = "These calls were made by our load test."


def last_month():
    return periods_later(period_start(timezone.now()), -1)


def ready(month):
    """The fees of the month are charged: what the sweep does by itself."""
    ChargedDay.objects.get_or_create(day=next_period(month) - timedelta(days=1))


@pytest.fixture
def months():
    return two_months()


@replayed
def two_months():
    """Two applications that called last month and this one."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    made = Months()
    back = timezone.now().astimezone(UTC).day
    for number, version, days in ((0, 0, back), (0, 1, back), (1, 0, back + 3), (1, 0, 0)):
        made.late(number, version, days) if days else made.calls(number, version, 3)
    made.roll_up()
    ready(last_month())
    return made


def cents(exact):
    """Half to even, by Python's own rounding of fractions."""
    return Fraction(round(exact * 100), 100)


def expected_of(months):
    """{(month, subscription, version, terms): exact cost}."""
    costs = defaultdict(Fraction)
    for (held, version, term, hour), cost in months.expected().items():
        costs[period_start(hour), held, version, term] += cost
    return costs


def lines_of(month):
    return list(Statement(None, month).lines())


def assert_adds_up(month):
    """Sums by unit, by team and by cost centre, their kinds and their totals are the sums of the same lines."""
    shown = Statement(None, month)
    whole = sum((line.amount for line in shown.lines()), Decimal())
    for by in statement.GROUPS:
        groups = shown.groups(by)
        assert sum((group.total for group in groups), Decimal()) == whole
        for group in groups:
            kinds = group.usage + group.fee + group.correction + group.platform + group.adjustment
            inside = shown.lines(**{by: group.slug})
            assert kinds == group.total == sum(line.amount for line in inside)
    assert sum(shown.totals().values(), Decimal()) == whole


@pytest.mark.parametrize("examples", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_lines_and_their_corrections_are_the_calls_at_their_prices(examples):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    months, finn, before = Months(), factories.finn(), last_month()
    ready(before)

    @given(first=STEPS, second=STEPS)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
    )
    def holds(first, second):
        with transaction.atomic():
            months.calls_made, months.on, months.now = [], [0, 0], list(months.firsts)
            run(months, first)
            wanted = expected_of(months)
            closed = actions.close_month(finn, before)
            kept = list(ChargeLine.objects.values().order_by("id"))
            for line in lines_of(before):
                key = before, line.subscription, line.version_id, line.terms_id
                assert Fraction(line.cost) == wanted[key]
                assert Fraction(line.amount) == cents(wanted[key])
            run(months, second)
            assert_corrected(months, before)
            assert list(ChargeLine.objects.values().order_by("id")) == kept
            assert closing.is_unchanged(closed)
            transaction.set_rollback(True)

    holds()


def run(months, steps):
    for step, *given_ in steps:
        getattr(months, step)(*given_)
    months.roll_up()


def assert_corrected(months, before):
    """Closed lines and the corrections of them in the running month are what the calls cost; so are the running month's lines."""
    cost, amount, units = defaultdict(Fraction), defaultdict(Fraction), 0
    now = period_start(timezone.now())
    for month in (before, now):
        for line in lines_of(month):
            key = line.about or month, line.subscription, line.version_id, line.terms_id
            cost[key] += Fraction(line.cost)
            amount[key] += Fraction(line.amount)
            units += line.units
        assert_adds_up(month)
    wanted = {key: value for key, value in expected_of(months).items() if key[0] in (before, now)}
    assert {key: value for key, value in cost.items() if value} == {
        key: value for key, value in wanted.items() if value
    }
    assert all(amount[key] == cents(value) for key, value in wanted.items())
    assert units == sum(1 for _, at, *_ in months.calls_made if period_start(at) in (before, now))


def test_a_month_is_closed_once_by_finance_with_its_hash_on_the_record(months):
    month = last_month()
    made = actions.close_month(factories.finn(), month)
    event = AuditEvent.objects.filter(action="statement.close").get()
    assert event.detail["sha256"] == made.sha256 == closing.fingerprint(month)
    assert made.line_count == ChargeLine.objects.count() == 3
    assert made.reconciled["units"] == dict.fromkeys(("events", "hours", "days", "lines"), "3")
    assert Statement(None, month).closed == made
    with pytest.raises(RuleError, match="order"):
        actions.close_month(factories.finn(), month)


@pytest.mark.parametrize("person", ["maya", "alice", "rita", "otto", "vera", "charlie"])
def test_nobody_but_finance_closes(months, person):
    with pytest.raises(NotAllowed):
        actions.close_month(getattr(factories, person)(), last_month())
    client = Client()
    client.force_login(getattr(factories, person)())
    address = reverse("consumption:close_month", args=[f"{last_month():%Y-%m}"])
    assert client.get(address).status_code == client.post(address).status_code == 404
    assert not ClosedMonth.objects.exists()


def test_a_month_that_runs_or_does_not_add_up_is_not_closed(months):
    finn, now = factories.finn(), period_start(timezone.now())
    with pytest.raises(RuleError, match="The month is over"):
        actions.close_month(finn, now)
    row = UsageDay.objects.filter(day__lt=now).first()
    UsageDay.objects.filter(pk=row.pk).update(cost=row.cost + Decimal("0.000000001"))
    with pytest.raises(RuleError, match="does not add up"):
        actions.close_month(finn, last_month())
    rollups.mark_all_stale()
    with pytest.raises(RuleError, match="All calls are in the hours"):
        actions.close_month(finn, last_month())
    rollups.roll_up_all()
    assert actions.close_month(finn, last_month())


def test_the_database_refuses_to_change_what_was_closed(months):
    closed = actions.close_month(factories.finn(), last_month())
    line = ChargeLine.objects.first()
    line.pk = None
    line.key = "0" * 16
    for act in (
        lambda: ChargeLine.objects.update(amount=0),
        lambda: ChargeLine.objects.all().delete(),
        lambda: line.save(force_insert=True),
        lambda: ClosedMonth.objects.update(sha256="0" * 64),
        lambda: ClosedMonth.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
            act()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE consumption_chargeline DISABLE TRIGGER charge_line_past")
        cursor.execute(
            "UPDATE consumption_chargeline SET amount = amount + 1 WHERE id = %s",
            [ChargeLine.objects.first().pk],
        )
    assert not closing.is_unchanged(closed), "who goes round the database is found by the hash"


def test_a_new_price_or_unit_leaves_a_closed_month(months):
    """Once a new price rewrote past costs."""
    actions.close_month(factories.finn(), last_month())
    before = [(line.key, line.amount, line.business_unit) for line in lines_of(last_month())]
    months.price(0, {"price_kind": "per_call", "price_micros_per_1000": 10**9})
    team = months.held[0].application.team
    type(team).objects.filter(pk=team.pk).update(business_unit=factories.unit("Insurance"))
    rollups.mark_all_stale()
    rollups.roll_up_all()
    assert [
        (line.key, line.amount, line.business_unit) for line in lines_of(last_month())
    ] == before
    assert {line.kind for line in lines_of(period_start(timezone.now()))} == {"usage"}


def test_a_dispute_is_answered_by_finance_and_given_back_in_an_open_month(months):
    month, maya, finn = last_month(), factories.maya(), factories.finn()
    months.price(0, {"price_kind": "per_call", "price_micros_per_1000": 10**9})
    months.calls(0, 0, 2)
    months.roll_up()
    line = lines_of(period_start(timezone.now()))[0]
    assert line.amount == Decimal("2.00")
    now = period_start(timezone.now())
    with pytest.raises(NotAllowed):
        actions.open_dispute(factories.charlie(), now, line, REASON)
    dispute = actions.open_dispute(maya, now, line, REASON)
    with pytest.raises(RuleError, match="disputed already"):
        actions.open_dispute(maya, now, line, REASON)
    for person in (maya, factories.alice(), factories.otto()):
        with pytest.raises(NotAllowed):
            actions.answer_dispute(person, dispute, accept=True, reason=REASON)
    with pytest.raises(Invalid, match="at most"):
        actions.answer_dispute(finn, dispute, accept=True, reason=REASON, credit=Decimal("2.01"))
    actions.answer_dispute(finn, dispute, accept=True, reason=REASON, credit=Decimal("1.50"))
    row = Adjustment.objects.get()
    assert (row.amount, row.month, row.about) == (Decimal("-1.50"), now, now)
    assert_adds_up(now)
    assert sum(one.amount for one in lines_of(now) if one.kind == "adjustment") == Decimal("-1.50")
    assert actions.close_month(finn, month)


def test_nobody_of_finance_answers_a_dispute_of_their_own_team(months):
    finn, line = factories.finn(), lines_of(period_start(timezone.now()))[0]
    now = period_start(timezone.now())
    dispute = actions.open_dispute(factories.maya(), now, line, REASON)
    Membership.objects.create(user=finn, team=dispute.team)
    with pytest.raises(NotAllowed):
        actions.answer_dispute(finn, dispute, accept=False, reason=REASON)


def test_a_team_sees_its_own_lines_and_finance_all(months):
    now, key = period_start(timezone.now()), lines_of(period_start(timezone.now()))[0].key
    address = reverse("consumption:statement_line", args=[f"{now:%Y-%m}", key])
    for person, lines, status in (
        (factories.maya(), 1, 200),
        (factories.finn(), 1, 200),
        (factories.vera(), 1, 200),
        (factories.charlie(), 0, 404),
        (factories.alice(), 0, 404),  # the publisher sees who uses its model on the model's page
    ):
        client = Client()
        client.force_login(person)
        assert len(Statement(person, now).lines()) == lines
        assert client.get(address).status_code == status


@pytest.mark.parametrize("kind", ["graduated", "included"])
def test_a_line_is_taken_apart_to_its_calls_and_every_part_adds_up(months, kind):
    steps = {"price_kind": "graduated", "price_steps": [[2, 7_000_000], [None, 333_333_333]]}
    bundle = {"price_kind": "included", "included_calls": 2, "price_micros_per_1000": 123_456_789}
    months.price(0, steps if kind == "graduated" else bundle)
    months.calls(0, 0, 4)
    months.roll_up()
    now = period_start(timezone.now())
    line = next(one for one in lines_of(now) if one.price_kind == kind)
    client = Client()
    client.force_login(factories.maya())
    address = reverse("consumption:statement_line", args=[f"{now:%Y-%m}", line.key])
    page = client.get(address)
    days = page.context["days"].parts
    assert sum(part.amount for part in days) == line.amount
    assert sum(step.amount for step in page.context["steps"]) == line.amount
    assert sum(step.units for step in page.context["steps"]) == line.units == 4
    day = client.get(address, {"day": days[0].at}).context
    assert sum(part.amount for part in day["hours"]) == day["day"].amount
    calls = [
        call
        for hour in day["hours"]
        for call in client.get(address, {"day": days[0].at, "hour": hour.at}).context["calls"]
    ]
    assert len(calls) == 4
    rows = list(csv.DictReader(io.StringIO(client.get(address, {"as": "csv"}).content.decode())))
    assert sum(Decimal(row["amount"]) for row in rows) == line.amount


@pytest.mark.parametrize("method", SharedCost.Method.values)
def test_a_shared_cost_is_split_to_the_last_coin_on_every_page(months, method):
    finn, now = factories.finn(), period_start(timezone.now())
    other = factories.subscription(
        months.versions[0],
        by=factories.person("walt", factories.wealth()),
        plan_slug="first",
        app=factories.application(
            factories.person("walt", factories.wealth()), factories.wealth(), "Advice"
        ),
    )
    months.held[0] = other
    months.calls(0, 0, 2)
    months.roll_up()
    units = {months.held[1].application.team.business_unit.slug: "33.3"}
    units[other.application.team.business_unit.slug] = "66.7"
    actions.share_cost(
        finn,
        name="Platform, run cost",
        amount_micros=10_000_010_000,
        method=method,
        from_month=now,
        shares=units if method == "fixed" else None,
    )
    shares = [line for line in lines_of(now) if line.kind == "platform"]
    assert sum(line.amount for line in shares) == Decimal("10000.01") and len(shares) == 2
    assert_adds_up(now)


def test_the_largest_remainder_of_the_specification():
    assert money.split_amount(Decimal(10_000), "USD", [7, 11, 13]) == [
        Decimal("2258.06"),
        Decimal("3548.39"),
        Decimal("4193.55"),
    ]


@given(total=st.integers(-(10**9), 10**9), weights=st.lists(st.integers(0, 10**6), min_size=1))
def test_shares_add_up_and_are_never_off_by_a_coin(total, weights):
    shares = money.split(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert (
            abs(
                share
                - (Fraction(total * weight, whole) if whole else Fraction(total, len(weights)))
            )
            < 1
        )


def test_the_database_rounds_as_money_does():
    amounts = [
        Decimal(text) for text in ("0.005 0.015 -0.005 2.5 3.5 1388.276 -1.0005 0 0.125".split())
    ]
    for currency in ["USD", *_DIGITS_OF]:
        coin = Decimal(1).scaleb(-digits(currency))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT consumption_rounded(amount, %s) FROM unnest(%s::numeric[]) AS amount",
                [currency, amounts],
            )
            assert [row for (row,) in cursor.fetchall()] == [
                amount.quantize(coin, "ROUND_HALF_EVEN") for amount in amounts
            ]


def test_charging_begins_with_a_month_and_never_with_a_closed_one(months):
    finn, unit = factories.finn(), months.held[0].application.team.business_unit
    assert not lines_of(last_month())[0].is_charged, (
        "before it is set, units are shown and not charged"
    )
    actions.close_month(finn, last_month())
    with pytest.raises(Invalid, match="closed"):
        actions.set_charging(finn, unit, is_charged=True, from_month=last_month())
    actions.set_charging(finn, unit, is_charged=True, from_month=period_start(timezone.now()))
    assert lines_of(period_start(timezone.now()))[0].is_charged
    assert not lines_of(last_month())[0].is_charged


def test_the_focus_file_keeps_the_rules_and_adds_up_to_the_statement(months):
    finn, now = factories.finn(), period_start(timezone.now())
    steps = [[2, 0], [3, 7_000_000], [None, 333_333]]
    months.price(0, {"price_kind": "graduated", "price_steps": steps})
    months.calls(0, 0, 5)
    months.roll_up()
    held = months.held[1]
    FeeDay.objects.create(
        day=now,
        subscription=held,
        version=months.versions[0],
        team=held.application.team,
        business_unit=held.application.team.business_unit,
        terms=months.firsts[0],
        cost=Decimal("8.064516129"),
    )
    actions.close_month(finn, last_month())
    months.late(0, 0, timezone.now().astimezone(UTC).day)
    months.roll_up()
    actions.share_cost(finn, name="Platform", amount_micros=10**10, method="even", from_month=now)
    dispute = actions.open_dispute(factories.maya(), now, lines_of(now)[0], REASON)
    actions.answer_dispute(finn, dispute, accept=True, reason=REASON)
    client = Client()
    client.force_login(finn)
    for month in (now, last_month()):
        address = reverse("consumption:statement")
        text = client.get(address, {"month": f"{month:%Y-%m}", "as": "focus"}).content.decode()
        assert focus_rules.problems(text) == []
        rows = list(csv.DictReader(io.StringIO(text)))
        assert sum(Decimal(row["BilledCost"]) for row in rows) == sum(
            line.amount for line in lines_of(month)
        )
    kinds = {line.kind for line in lines_of(now)}
    assert kinds == {"usage", "fee", "correction", "platform", "adjustment"}


def test_a_broken_focus_file_is_refused():
    header = ",".join(focus_rules.MANDATORY)
    assert "ServiceName is missing" in focus_rules.problems(header.replace(",ServiceName", ""))


def test_the_api_mirrors_statement_dispute_and_close(months):
    finn, maya, now = Client(), Client(), period_start(timezone.now())
    finn.force_login(factories.finn())
    maya.force_login(factories.maya())
    [line] = maya.get(f"/api/v1/statements/{now:%Y-%m}/").json()
    given_ = {"month": f"{now:%Y-%m}", "line_key": line["key"], "reason": REASON}
    made = maya.post("/api/v1/disputes/", given_, content_type="application/json").json()
    answer = {"accept": False, "reason": REASON}
    address = f"/api/v1/disputes/{made['id']}/answer/"
    assert maya.post(address, answer, content_type="application/json").status_code == 403
    assert finn.post(address, answer, content_type="application/json").json()["state"] == "rejected"
    close = f"/api/v1/statements/{last_month():%Y-%m}/close/"
    assert maya.post(close, {}, content_type="application/json").status_code == 403
    closed = finn.post(close, {}, content_type="application/json")
    assert closed.status_code == 201
    assert (
        maya.get("/api/v1/closed-months/").json()["results"][0]["sha256"] == closed.json()["sha256"]
    )
