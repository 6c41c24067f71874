"""Requests to join a team: leads are told and decide, who asked may withdraw, everything is on the record."""

import pytest
from django.urls import reverse

from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from marketplace.organisation.actions import joining, members
from marketplace.organisation.models import JoinRequest
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    team = factories.lending()
    factories.alice().memberships.filter(team=team).update(role="lead")
    factories.bob()
    return team


@pytest.fixture
def asked(team):
    return joining.ask_to_join(factories.charlie(), team, "I work on loans.")


def test_a_lead_accepts_and_the_person_is_on_the_team(asked, client):
    alice, charlie = factories.alice(), factories.charlie()
    notice = Notice.objects.get(kind="join")
    assert (notice.recipient, notice.url) == (alice, asked.get_absolute_url())
    client.force_login(alice)
    assert b"I work on loans." in client.get(asked.get_absolute_url()).content
    assert b"Charlie" in client.get(asked.team.get_absolute_url()).content
    assert client.post(asked.get_absolute_url(), {"outcome": "accepted"}).status_code == 302
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == ("accepted", alice)
    assert charlie.is_on(asked.team)
    notice.refresh_from_db()
    assert notice.read_at, "nobody needs to act any more"
    with pytest.raises(RuleError, match="already"):
        joining.decide_request(alice, asked, "declined", "No.")


def test_declining_needs_a_word_that_the_person_reads(asked, client):
    alice, charlie = factories.alice(), factories.charlie()
    with pytest.raises(Invalid, match="Say why"):
        joining.decide_request(alice, asked, "declined")
    joining.decide_request(alice, asked, "declined", "Ask the pricing team.")
    told = Notice.objects.get(recipient=charlie)
    assert told.body == "Ask the pricing team." and not charlie.is_on(asked.team)
    assert AuditEvent.objects.get(action="team.decline_request").reason == "Ask the pricing team."
    client.force_login(charlie)
    assert b"Ask the pricing team." in client.get(asked.get_absolute_url()).content
    assert joining.ask_to_join(charlie, asked.team), "one may ask again"


def test_only_leads_and_administrators_answer_and_nobody_for_themself(asked):
    for stranger in (factories.bob(), factories.maya(), factories.vera(), factories.charlie()):
        with pytest.raises(NotAllowed):
            joining.decide_request(stranger, asked, "accepted")
    ada = factories.ada()
    own = joining.ask_to_join(ada, asked.team)
    with pytest.raises(NotAllowed):
        joining.decide_request(ada, own, "accepted")
    joining.decide_request(ada, asked, "accepted")
    assert factories.charlie().is_on(asked.team)


def test_who_asked_withdraws_and_nobody_else(asked, client):
    with pytest.raises(NotAllowed):
        joining.withdraw_request(factories.alice(), asked)
    client.force_login(factories.charlie())
    page = client.get(reverse("home")).content.decode()
    assert "waits for an answer" in page
    address = reverse("organisation:withdraw_request", args=[asked.pk])
    assert client.post(address).status_code == 302
    asked.refresh_from_db()
    assert asked.state == "withdrawn"
    assert Notice.objects.get(kind="join").read_at
    with pytest.raises(RuleError):
        joining.decide_request(factories.alice(), asked, "accepted")


def test_one_open_request_for_a_team(asked):
    with pytest.raises(RuleError, match="already"):
        joining.ask_to_join(factories.charlie(), asked.team)
    with pytest.raises(RuleError, match="on Consumer lending AI already"):
        joining.ask_to_join(factories.bob(), asked.team)


def test_who_is_put_on_the_team_needs_no_answer_any_more(asked):
    members.add_member(factories.alice(), asked.team, factories.charlie())
    asked.refresh_from_db()
    assert asked.state == "accepted"
    assert not JoinRequest.objects.open().exists()


def test_of_a_team_without_a_lead_the_administrators_are_told():
    factories.mortgage()
    factories.maya()
    ada, charlie = factories.ada(), factories.charlie()
    joining.ask_to_join(charlie, factories.mortgage())
    assert Notice.objects.get(kind="join").recipient == ada
