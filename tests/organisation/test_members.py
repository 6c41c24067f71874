"""Who is on a team: leads decide, nobody for themself, the last lead stays, and what follows is said before."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from marketplace.accounts.models import Membership, User
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from marketplace.organisation import following
from marketplace.organisation.actions import members
from marketplace.tokens import actions as tokens
from marketplace.tokens.actions import recognise
from tests import factories
from tests.api.calls import Api


def lending(*leads):
    team = factories.lending()
    for user in leads:
        user.memberships.filter(team=team).update(role="lead")
    return team


def membership(user):
    return user.memberships.select_related("user", "team").get(left_at=None)


@pytest.mark.django_db
def test_a_lead_adds_somebody_who_is_told_and_it_is_on_the_record():
    alice, maya = factories.alice(), factories.maya()
    team = lending(alice)
    made = members.add_member(alice, team, maya)
    assert maya.is_on(team) and not maya.leads(team)
    event = AuditEvent.objects.get(action="team.add_member")
    assert (event.actor, event.detail["user"]) == (alice, "maya")
    assert Notice.objects.get(kind="team").recipient == maya
    with pytest.raises(Invalid, match="already"):
        members.add_member(alice, team, maya)
    members.make_lead(alice, made)
    assert maya.leads(team)
    assert {event.action for event in AuditEvent.objects.filter(actor=alice)} >= {
        "team.change_role"
    }


@pytest.mark.django_db
def test_nobody_adds_themself_or_makes_themself_lead():
    ada, bob = factories.ada(), factories.bob()
    team = lending(factories.alice())
    with pytest.raises(NotAllowed, match="Nobody puts themself"):
        members.add_member(ada, team, ada)
    with pytest.raises(NotAllowed):
        members.make_lead(bob, membership(bob))
    members.add_member(factories.alice(), team, ada)
    with pytest.raises(NotAllowed, match="Nobody puts themself"):
        members.make_lead(ada, membership(ada))


@pytest.mark.django_db
def test_who_does_not_lead_changes_nothing():
    team = lending(factories.alice())
    bob = factories.bob()
    for stranger in (factories.maya(), factories.rita(), bob):
        with pytest.raises(NotAllowed):
            members.add_member(stranger, team, factories.charlie())
        with pytest.raises(NotAllowed):
            members.end_membership(stranger, membership(factories.alice()))
    members.end_membership(bob, membership(bob))
    assert not bob.is_on(team)


@pytest.mark.django_db
def test_the_last_lead_neither_leaves_nor_steps_down_without_a_successor():
    alice, bob, ada = factories.alice(), factories.bob(), factories.ada()
    team = lending(alice)
    for act in (members.step_down, members.end_membership):
        for by in (alice, ada):
            with pytest.raises(RuleError, match="last lead") as refusal:
                act(by, membership(alice))
            assert refusal.value.remedy == "Make somebody else lead first."
    User.objects.filter(pk=bob.pk).update(is_active=False)
    with pytest.raises(RuleError, match="deactivated"):
        members.make_lead(alice, membership(bob))
    User.objects.filter(pk=bob.pk).update(is_active=True)
    members.make_lead(alice, membership(bob))
    members.end_membership(alice, membership(alice))
    assert list(User.objects.leading(team)) == [bob]


@pytest.mark.django_db
def test_what_follows_is_said_before_and_the_teams_token_is_dead_after():
    alice, bob = factories.alice(), factories.bob()
    team = lending(alice)
    factories.model(by=bob, name="Model of bob", owner=bob)
    _, text = tokens.make_token(bob, name="nightly", scopes=["read"], team=team)
    page = Client()
    page.force_login(alice)
    address = reverse("organisation:end_membership", args=[team.slug, membership(bob).pk])
    said = page.get(address).content.decode()
    assert "1 token of this team end" in said and "nightly" in said
    assert "Model of bob" in said and "Ask Alice" in said
    assert recognise(text) is not None and bob.is_on(team), "looking changes nothing"
    assert page.post(address, {"reason": "The project is over."}).status_code == 302
    assert recognise(text) is None and not bob.is_on(team)
    event = AuditEvent.objects.get(action="team.remove_member")
    assert (event.reason, event.detail["user"]) == ("The project is over.", "bob")
    assert Notice.objects.get(recipient=bob, kind="team").body == "The project is over."


@pytest.mark.django_db
def test_a_stranger_does_not_read_what_follows():
    bob = factories.bob()
    lending(factories.alice())
    path = f"memberships/{membership(bob).pk}/consequences/"
    Api(factories.maya()).get(path, expect=403)
    assert Api(bob).get(path)["consequences"]


@pytest.mark.django_db
def test_of_a_team_that_would_be_empty_it_is_said_that_nobody_is_told():
    maya = factories.maya()
    factories.application()
    sentences = [one.text for one in following.of_leaving(membership(maya), maya)]
    assert any("Nobody is left on Mortgage origination" in text for text in sentences)
    assert any("1 application" in text for text in sentences)


@pytest.mark.django_db
def test_a_token_of_a_lead_decides_nothing():
    alice = factories.alice()
    team = lending(alice)
    _, text = tokens.make_token(alice, name="ci", scopes=["publish", "keys", "subscribe"])
    body = {"team": team.slug, "user": factories.maya().username}
    refused = Api(token=text).post("memberships/", body, expect=403)
    assert refused["detail"] == "No token does this."


@pytest.mark.django_db(transaction=True)
def test_two_leads_who_remove_each_other_have_one_outcome():
    alice, bob = factories.alice(), factories.bob()
    team = lending(alice, bob)
    theirs = {alice: membership(bob), bob: membership(alice)}
    together = Barrier(2)

    def remove(by):
        together.wait()
        try:
            members.end_membership(by, theirs[by])
        except (NotAllowed, RuleError):
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(remove, theirs))
    assert sorted(done) == [False, True]
    left = Membership.objects.filter(team=team, left_at=None)
    assert left.count() == 1 and left.get().is_lead
    assert AuditEvent.objects.filter(action="team.remove_member").count() == 1
