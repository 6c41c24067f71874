"""Requirement H7: lines appear by themselves, are worth what the rules say, and a signed quarter never changes (docs/value.md)."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.ledger import (
    actions,
    headline,
    posting,
    quarters,
    rules,
    signing,
    sizing,
    unqualified,
)
from marketplace.insights.models import PublishingEffort, ReuseEvent, SignedQuarter
from marketplace.notices.models import Notice
from tests import factories
from tests.insights import ledgers
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db
THOUSAND = Decimal(1000)


def amounts(line):
    return tuple(float(value / THOUSAND) for value in (line.low, line.mid, line.high))


# ── The golden cases ──────────────────────────────────────────────────────


@pytest.fixture
def golden():
    return five_reuses()


@replayed
def five_reuses():
    """Five reuses, one of them taken back: a year of 202.4 / 249.65 / 296.9 thousand."""
    mortgage = ledgers.mortgage_line()
    version = mortgage.subscription.pinned_version
    _treasury(version)
    insurance = _insurance(version)
    _cards(version)
    _wealth(version)
    return mortgage, insurance


def _treasury(version):
    team = factories.team("Balance-Sheet", "Treasury")
    user = factories.person("bettina", team)
    line = ledgers.swept(ledgers.called(ledgers.held(team, user, version, "would_buy")))
    line = ledgers.described(line, user, Decimal(6000))
    by = ledgers.lead("tess", factories.team("Funding", "Treasury"))
    ledgers.confirmed(line, by, counterfactual="would_buy", licence_price=Decimal(60_000))


def _insurance(version):
    team = factories.team("Insurance Pricing", "Insurance")
    user = factories.person("petra", team)
    line = ledgers.swept(ledgers.called(ledgers.held(team, user, version)))
    return ledgers.described(line, user, Decimal(9000))


def _cards(version):
    team = factories.team("Cards Servicing", "Payments")
    user = factories.person("zoe", team)
    held = ledgers.held(team, user, version, regulated="process")
    ledgers.described(ledgers.swept(ledgers.called(held)), user, Decimal(8600))


def _wealth(version):
    """Client advice used it first, and would have done without; operations is the further team of the unit."""
    advice, operations = (
        factories.wealth(),
        factories.team("Wealth operations", "Wealth management"),
    )
    wendy, xenia = factories.person("wendy", advice), factories.person("xenia", operations)
    earlier = ledgers.today() - timedelta(days=10)
    first = ledgers.held(advice, wendy, version, "would_do_without")
    ledgers.called(first, until=earlier)
    line = ledgers.swept(ledgers.called(ledgers.held(operations, xenia, version)))
    line = ledgers.described(line, xenia, Decimal(2000))
    jonas = ledgers.lead("jonas", factories.team("Portfolio engineering", "Wealth management"))
    ledgers.confirmed(line, jonas, ledgers.MEDIUM)


def test_the_golden_year(golden):
    mortgage, insurance = golden
    assert amounts(mortgage) == (131, 161, 191) and (mortgage.grade, mortgage.size) == ("A", "L")
    assert amounts(ledgers.line_of(factories.team("Balance-Sheet", ""))) == (36, 36, 36)
    assert amounts(insurance) == (11, 17, 23) and (insurance.grade, insurance.size) == ("C", "S")
    assert amounts(ledgers.line_of(factories.team("Cards Servicing", ""))) == (23.4, 35.4, 47.4)
    operations = ledgers.line_of(factories.team("Wealth operations", ""))
    assert amounts(operations) == (12, 17.25, 22.5) and operations.share == Decimal("0.25")
    reversal = actions.reject_line(factories.finn(), insurance, ledgers.LONG)
    assert amounts(reversal) == (-11, -17, -23)
    years = {line.quarter.year for line in ReuseEvent.objects.all()}
    sums = [headline.headline(factories.cleo(), year).avoided for year in years]
    assert sum(one.low for one in sums) == Decimal(202_400)
    assert sum(one.mid for one in sums) == Decimal(249_650)
    assert sum(one.high for one in sums) == Decimal(296_900)
    assert not ReuseEvent.objects.filter(team=factories.wealth()).exists()


def reason_for(team, model=None):
    found = [use for use in unqualified.uses(factories.cleo()) if use.team == team.slug]
    return [use.reason for use in found if model is None or use.model == model.slug]


def test_a_second_model_for_the_same_capability_adds_nothing():
    line = ledgers.mortgage_line()
    other = factories.published_version(factories.model(name="Borrower income"))
    ledgers.called(ledgers.held(factories.mortgage(), factories.maya(), other), calls=100)
    assert posting.sweep().posted == []
    assert [one.pk for one in ReuseEvent.objects.all()] == [line.pk]
    assert reason_for(factories.mortgage(), other.model) == [
        "another model for the same capability: already counted"
    ]


def test_a_pilot_of_120_calls_adds_nothing():
    ledgers.called(ledgers.held(factories.mortgage(), factories.maya()), calls=8, days=15)
    assert posting.sweep().posted == []
    assert reason_for(factories.mortgage()) == ["120 calls in 90 days: under 500"]


def test_many_calls_on_few_days_add_nothing():
    ledgers.called(ledgers.held(factories.mortgage(), factories.maya()), calls=900, days=13)
    assert posting.sweep().posted == []
    assert reason_for(factories.mortgage()) == ["calls on 13 days of 90: under 14"]


def test_own_use_adds_nothing():
    held = ledgers.held(factories.lending(), factories.alice())
    ledgers.called(held)
    assert posting.sweep().posted == []
    assert reason_for(factories.lending()) == ["its own model"]


def test_whoever_would_have_done_without_avoids_nothing_and_may_claim():
    ledgers.called(
        ledgers.held(factories.mortgage(), factories.maya(), counterfactual="would_do_without")
    )
    assert posting.sweep().posted == []
    (use,) = unqualified.uses(factories.cleo())
    assert use.leads_to_claim and use.reason.startswith("would have done without")


def test_a_claim_is_offered_to_those_who_are_on_a_team(client):
    """Executives are on none: the address that the ledger named was not theirs."""
    ledgers.called(
        ledgers.held(factories.mortgage(), factories.maya(), counterfactual="would_do_without")
    )
    posting.sweep()
    address = reverse("insights:new_claim")
    for person in (factories.cleo(), factories.maya()):
        client.force_login(person)
        is_offered = f"{address}?model=" in client.get(reverse("insights:value")).content.decode()
        assert is_offered == (client.get(address).status_code == 200) == (person.username == "maya")


def test_what_was_said_since_the_count_is_heard():
    held = ledgers.called(ledgers.held(factories.mortgage(), factories.maya(), counterfactual=""))
    posting.sweep()
    assert reason_for(factories.mortgage()) == [unqualified.UNSAID]
    actions.state_counterfactual(factories.maya(), held, "would_do_without")
    (use,) = unqualified.uses(factories.cleo())
    assert use.leads_to_claim
    assert unqualified.uses(factories.maya()) == [use]
    assert unqualified.uses(factories.charlie()) == []


def test_a_test_system_adds_nothing():
    held = ledgers.held(factories.mortgage(), factories.maya())
    type(held.application).objects.filter(pk=held.application_id).update(environment="test")
    ledgers.called(held)
    assert posting.sweep().posted == []
    assert reason_for(factories.mortgage()) == ["no production system"]


# ── Qualification and the sweep ───────────────────────────────────────────


def test_the_line_says_on_which_day_the_calls_sufficed():
    until = ledgers.today() - timedelta(days=2)
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    first = until - timedelta(days=19)
    assert line.qualified_on == first + timedelta(days=13)
    assert (line.calls, line.days) == (560, 14)
    assert line.quarter == quarters.quarter_of(line.qualified_on)


def test_days_that_are_too_far_apart_do_not_suffice():
    held = ledgers.held(factories.mortgage(), factories.maya())
    until = ledgers.today() - timedelta(days=2)
    ledgers.called(held, calls=60, days=7, until=until)
    ledgers.called(held, calls=60, days=7, until=until - timedelta(days=90))
    assert posting.sweep().posted == []


def test_today_is_not_over():
    held = ledgers.held(factories.mortgage(), factories.maya())
    ledgers.called(held, calls=40, days=14, until=ledgers.today())
    assert posting.sweep().posted == []
    with ledgers.later(1):
        assert len(posting.sweep().posted) == 1


def test_the_sweep_does_nothing_twice():
    ledgers.called(ledgers.held(factories.mortgage(), factories.maya()))
    assert len(posting.sweep().posted) == 1
    assert posting.sweep() == posting.Swept([], [])
    assert ReuseEvent.objects.count() == 1


def test_one_line_a_team_and_capability_also_by_sql():
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    line.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        line.save(force_insert=True)


def test_leads_of_the_unit_are_asked_once_and_no_more_after_the_answer():
    hanna = ledgers.hanna()
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    (notice,) = Notice.objects.filter(recipient=hanna, kind="value")
    assert notice.read_at is None and "confirm" in notice.title
    ledgers.confirmed(line, hanna)
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_the_publishers_booked_cost_counts_up_to_its_bound():
    version = factories.published_version()
    facts = {"kind": "build", "note": "Project 12", "spent_on": ledgers.today()}
    actions.log_effort(factories.alice(), version.model, amount=Decimal(90_000), **facts)
    line = ledgers.swept(
        ledgers.called(ledgers.held(factories.mortgage(), factories.maya(), version))
    )
    assert (line.cost_low, line.cost_mid, line.cost_high) == (72_000, 90_000, 108_000)
    assert line.integration == 18_000
    assert rules.cost_of("would_build", "S", None, Decimal(900_000)).mid == 200_000


def test_effort_is_logged_by_owners_and_within_bounds():
    model = factories.published_version().model
    facts = {"kind": "publication", "amount": Decimal(12), "note": "x", "spent_on": ledgers.today()}
    with pytest.raises(NotAllowed):
        actions.log_effort(factories.maya(), model, **facts)
    for wrong, field in (
        ({"kind": "other"}, "kind"),
        ({"amount": Decimal(0)}, "amount"),
        ({"spent_on": ledgers.today() + timedelta(days=1)}, "spent_on"),
    ):
        with pytest.raises(Invalid) as refused:
            actions.log_effort(factories.alice(), model, **facts | wrong)
        assert refused.value.field == field
    assert not PublishingEffort.objects.exists()


def test_quarters_are_those_of_the_fiscal_year(settings):
    settings.FISCAL_YEAR_STARTS = 4
    first = date(2026, 4, 1)
    assert (quarters.name_of(first), quarters.parsed("2027-Q1")) == ("2027-Q1", first)
    assert quarters.of_year(2027)[-1] == date(2027, 1, 1)
    assert quarters.span_of(2027) == (first, date(2027, 3, 31))


@pytest.mark.parametrize(
    ("answers", "size"),
    [
        ({}, "S"),
        ({"labels": "made"}, "S"),
        ({"labels": "made", "task": "text"}, "M"),
        ({"regulated": "eligibility", "labels": "made"}, "M"),
        ({"regulated": "eligibility", "labels": "made", "task": "text"}, "L"),
    ],
)
def test_points_make_the_size(answers, size):
    assert sizing.size_of(answers) == size
    assert len(sizing.reasons(answers)) == len(answers)


def test_integration_never_makes_a_line_negative():
    cost = rules.cost_of("would_build", "S", None, None)
    worth = rules.avoided(cost, "C", rules.FURTHER_SHARE, Decimal(20_000))
    assert (worth.low, worth.mid, worth.high) == (0, 0, 0)


# ── Who may say what ──────────────────────────────────────────────────────


@pytest.fixture
def line():
    return line_of_mortgage()


@replayed
def line_of_mortgage():
    return ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))


def test_nobody_confirms_their_own_request(line):
    ledgers.lead("maya", factories.mortgage())
    with pytest.raises(NotAllowed):
        ledgers.confirmed(line, factories.maya())


def test_a_member_who_leads_nothing_does_not_confirm(line):
    with pytest.raises(NotAllowed):
        ledgers.confirmed(line, factories.person("milo", factories.mortgage()))


def test_a_lead_of_another_unit_does_not_confirm(line):
    with pytest.raises(NotAllowed):
        ledgers.confirmed(line, ledgers.lead("wendy", factories.wealth()))


def test_who_described_the_line_does_not_confirm_it(line):
    milo = ledgers.lead("milo", factories.mortgage())
    line = ledgers.described(line, milo, Decimal(100))
    with pytest.raises(NotAllowed):
        ledgers.confirmed(line, milo)


def test_what_is_described_after_the_confirmation_is_confirmed_again(line):
    line = ledgers.confirmed(line, ledgers.hanna())
    assert line.grade == "B"
    line = ledgers.described(line, factories.maya(), Decimal(100), **ledgers.plan())
    assert (line.grade, line.confirmed_by) == ("C", None)
    assert ledgers.confirmed(line, ledgers.hanna()).grade == "A"


def test_half_a_plan_is_refused(line):
    for name in actions.PLAN:
        with pytest.raises(Invalid) as refused:
            ledgers.described(line, factories.maya(), **ledgers.plan() | {name: ""})
        assert refused.value.field == name


def test_a_licence_has_a_price_and_nothing_else_has(line):
    hanna = ledgers.hanna()
    for counterfactual, price in (("would_buy", None), ("would_build", Decimal(5))):
        with pytest.raises(Invalid) as refused:
            ledgers.confirmed(line, hanna, counterfactual=counterfactual, licence_price=price)
        assert refused.value.field == "licence_price"


def test_an_unknown_answer_about_size_is_refused(line):
    with pytest.raises(Invalid) as refused:
        ledgers.confirmed(line, ledgers.hanna(), {"task": "magic"})
    assert refused.value.field == "task"


def test_confirmed_that_it_would_have_done_without_counts_nothing(line):
    line = ledgers.confirmed(line, ledgers.hanna(), counterfactual="would_do_without")
    assert amounts(line) == (0, 0, 0) and line.integration == 0


def test_each_act_is_on_the_record(line):
    line = ledgers.confirmed(ledgers.described(line, factories.maya()), ledgers.hanna())
    acts = AuditEvent.objects.filter(object_type="insights.reuseevent", object_id=str(line.pk))
    assert sorted(acts.values_list("action", flat=True)) == [
        "reuse.confirm",
        "reuse.describe",
        "reuse.post",
    ]


# ── Reversals ─────────────────────────────────────────────────────────────


def test_use_that_stops_is_taken_back_in_the_quarter_of_that_day(line):
    with ledgers.later(28):
        assert posting.sweep().reversed == []
    with ledgers.later(29):
        (reversal,) = posting.sweep().reversed
        assert reversal.quarter == quarters.quarter_of(ledgers.today())
        assert posting.sweep().reversed == []
    assert (reversal.low, reversal.mid, reversal.high) == (-line.low, -line.mid, -line.high)
    assert reversal.reason.startswith("Calls stopped on") and reversal.reverses_id == line.pk


def test_use_that_was_kept_up_is_not_taken_back(line):
    factories.called(line.subscription, 5, day=line.qualified_on + timedelta(days=180))
    with ledgers.later(250):
        assert posting.sweep().reversed == []


def test_switching_to_another_model_for_the_capability_is_no_stop(line):
    other = factories.published_version(factories.model(name="Borrower income"))
    held = ledgers.held(factories.mortgage(), factories.maya(), other)
    factories.called(held, 5, day=ledgers.today() + timedelta(days=20))
    with ledgers.later(40):
        assert posting.sweep().reversed == []


def test_closed_access_is_a_stop_at_once(line):
    Subscription.objects.filter(pk=line.subscription_id).update(state="closed")
    with ledgers.later(1):
        assert len(posting.sweep().reversed) == 1


def test_what_was_taken_back_never_counts_again(line):
    actions.reject_line(factories.finn(), line, ledgers.LONG)
    ledgers.called(line.subscription, until=ledgers.today() - timedelta(days=40))
    assert posting.sweep() == posting.Swept([], [])
    with pytest.raises(RuleError):
        ledgers.confirmed(line, ledgers.hanna())
    with pytest.raises(RuleError):
        actions.reject_line(factories.finn(), line, ledgers.LONG)


def test_finance_rejects_and_never_what_it_confirmed(line):
    with pytest.raises(NotAllowed):
        actions.reject_line(factories.vera(), line, ledgers.LONG)
    factories.also(ledgers.hanna(), "finance")
    line = ledgers.confirmed(line, ledgers.hanna())
    with pytest.raises(NotAllowed):
        actions.reject_line(ledgers.hanna(), line, ledgers.LONG)


# ── Signed quarters ───────────────────────────────────────────────────────


@pytest.fixture
def signed(line):
    # The use goes on, or the sweep at the signature would take the line back.
    factories.called(line.subscription, 5, day=quarters.last_day(line.quarter))
    with ledgers.after_quarter(line):
        return actions.sign_quarter(factories.finn(), line.quarter)


def test_a_signature_has_the_sums_and_the_fingerprint_on_the_record(line, signed):
    assert (signed.low, signed.line_count) == (line.low, 1)
    event = AuditEvent.objects.get(pk=signed.audit_event_id)
    assert event.action == "value.sign" and event.detail["sha256"] == signed.sha256
    assert event.detail["low"] == f"{line.low:f}"
    assert signing.is_unchanged(signed)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE insights_reuseevent SET low = low + 1",
        "DELETE FROM insights_reuseevent",
        "UPDATE insights_reuseevent SET quarter = quarter + 100",
        'INSERT INTO insights_reuseevent SELECT (jsonb_populate_record(e, \'{"id": 99, "team_id": 1}\')).* FROM insights_reuseevent e',
        "UPDATE insights_signedquarter SET low = 0",
        "DELETE FROM insights_signedquarter",
    ],
)
def test_a_signed_quarter_does_not_change_by_sql_either(signed, statement):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert signing.is_unchanged(signed)


def test_a_signed_line_changes_by_reversal_only(line, signed):
    with ledgers.after_quarter(line, days=6):
        for act in (
            lambda: ledgers.confirmed(line, ledgers.hanna()),
            lambda: ledgers.described(line, factories.maya(), Decimal(1)),
        ):
            with pytest.raises(RuleError, match="signed"):
                act()
        reversal = actions.reject_line(factories.finn(), line, ledgers.LONG)
        assert reversal.quarter == quarters.next_quarter(line.quarter)
    assert signing.is_unchanged(signed)


def test_who_had_a_part_does_not_sign(line):
    hanna = ledgers.hanna()
    factories.also(hanna, "finance")
    ledgers.confirmed(line, hanna)
    factories.called(line.subscription, 5, day=quarters.last_day(line.quarter))
    with ledgers.after_quarter(line):
        with pytest.raises(NotAllowed):
            actions.sign_quarter(hanna, line.quarter)
        with pytest.raises(NotAllowed):
            actions.sign_quarter(factories.vera(), line.quarter)
        assert actions.sign_quarter(factories.finn(), line.quarter)


def test_a_running_quarter_is_not_signed(line):
    running = quarters.quarter_of(ledgers.today())
    with pytest.raises(RuleError, match="ends on"):
        actions.sign_quarter(factories.finn(), running)


def test_a_quarter_is_signed_once_and_an_empty_one_not(line, signed):
    with ledgers.after_quarter(line):
        for quarter in (line.quarter, quarters.quarter_of(line.quarter - timedelta(days=1))):
            with pytest.raises(RuleError):
                actions.sign_quarter(factories.finn(), quarter)
    assert SignedQuarter.objects.count() == 1


def test_late_use_of_a_signed_quarter_is_posted_in_the_running_one(line, signed):
    team = factories.team("Cards Servicing", "Payments")
    held = ledgers.held(team, factories.person("zoe", team), line.subscription.pinned_version)
    ledgers.called(held, until=line.qualified_on)
    with ledgers.after_quarter(line, days=7):
        late = ledgers.swept(held)
        assert late.quarter == quarters.quarter_of(ledgers.today()) != line.quarter
        assert late.qualified_on <= quarters.last_day(line.quarter)


def test_another_unit_sees_neither_line_nor_sum(line):
    wendy = ledgers.lead("wendy", factories.wealth())
    assert not ReuseEvent.objects.visible_to(wendy).exists()
    shown = headline.headline(wendy, line.quarter.year)
    assert (shown.avoided.low, shown.net, shown.is_whole) == (0, None, False)
    own = headline.headline(factories.maya(), line.quarter.year)
    assert own.avoided.low == line.low and own.net is None


def test_a_model_that_one_may_not_see_is_no_line_of_ones_unit(line):
    RegisteredModel.objects.filter(pk=line.model_id).update(visibility="restricted")
    assert ReuseEvent.objects.visible_to(factories.maya()).exists()  # she uses it
    assert not ReuseEvent.objects.visible_to(ledgers.hanna()).exists()
    assert ReuseEvent.objects.visible_to(factories.cleo()).exists()
