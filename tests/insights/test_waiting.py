"""Finance finds on its start page what waits for it, and a lead what they may confirm; nobody else does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consumption import deadlines
from consumption.deadlines import Kind
from marketplace.core.errors import NotAllowed
from marketplace.insights.claims import actions as claim_actions
from marketplace.insights.ledger import quarters
from marketplace.insights.models import ValueClaim
from tests import factories, finance, values
from tests.insights import ledgers

pytestmark = pytest.mark.django_db


def due_for(user):
    return {one.kind: one for one in deadlines.for_person(user, [])}


def test_the_month_that_is_over_waits_for_finance_until_the_fifth_day():
    due = due_for(factories.finn())[Kind.MONTH]
    first = timezone.now().date().replace(day=1)
    assert due.due.date() == first + timedelta(days=5)
    assert due.title == f"Close {first - timedelta(days=1):%B %Y}"
    assert Kind.MONTH not in due_for(factories.rita())


def test_a_dispute_waits_for_who_may_answer_it():
    dispute = finance.dispute(factories.subscription())
    assert due_for(factories.finn())[Kind.DISPUTE].act_url == dispute.get_absolute_url()
    factories.also(factories.maya(), "finance")
    assert Kind.DISPUTE not in due_for(factories.maya())


def test_a_quarter_that_is_over_waits_for_its_signature():
    line = values.line(factories.subscription())
    assert Kind.SIGNATURE not in due_for(factories.finn())
    with ledgers.after_quarter(line):
        due = due_for(factories.finn())[Kind.SIGNATURE]
    assert due.title == f"Sign the value of {quarters.name_of(line.quarter)}"
    assert "1 line, 7,000 USD" in due.text
    assert due.due.date() == quarters.next_quarter(line.quarter) + timedelta(days=15)


def test_a_line_waits_for_a_lead_of_the_unit_until_it_is_confirmed():
    hanna = ledgers.hanna()
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    assert due_for(hanna)[Kind.REUSE].title == str(line).replace(", ", " reuses ")
    for other in (factories.maya(), ledgers.lead("wendy", factories.wealth())):
        assert Kind.REUSE not in due_for(other)
    ledgers.confirmed(line, hanna)
    assert Kind.REUSE not in due_for(hanna)


def test_a_claim_waits_for_its_owner_and_then_for_finance():
    hanna, claim = ledgers.hanna(), values.claim(factories.subscription())
    assert due_for(hanna)[Kind.CLAIM].act == "Confirm"
    assert Kind.CLAIM not in due_for(factories.finn())
    claim_actions.confirm_claim(hanna, claim)
    assert due_for(factories.finn())[Kind.CLAIM].act == "Validate"
    with pytest.raises(NotAllowed):
        claim_actions.validate_claim(hanna, claim, ledgers.LONG)
    claim_actions.validate_claim(factories.finn(), ValueClaim.objects.get(), ledgers.LONG)
    assert Kind.CLAIM not in due_for(factories.finn())


def test_what_is_due_leads_to_its_page(client):
    values.claim(factories.subscription())
    hanna = ledgers.hanna()
    client.force_login(hanna)
    for one in deadlines.for_person(hanna, []):
        assert client.get(one.act_url).status_code == 200
    client.force_login(factories.finn())
    for one in deadlines.for_person(factories.finn(), []):
        assert client.get(one.act_url).status_code == 200
