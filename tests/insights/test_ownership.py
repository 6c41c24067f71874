"""A model whose owner has left gets a new one, by two people (docs/curation.md, "When an owner leaves")."""

import pytest
from django.test import Client

from catalog.models import RegisteredModel
from marketplace.accounts.models import Membership
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.models import Succession
from marketplace.insights.ownership import actions
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
LONG = "Alice has left for another company; Bob knows the model best."


@pytest.fixture
def model():
    return factories.published_version().model


def named(model, by=None, owner=None, team=None, **facts):
    given = {"support_contact": "new@example.com", "reason": LONG} | facts
    return actions.name_successor(
        by or factories.alice(),
        model,
        team=team or factories.lending(),
        owner=owner or factories.bob(),
        **given,
    )


def test_two_people_change_the_owner_and_consumers_learn_whom_to_ask(model):
    factories.subscription(model.versions.get())
    succession = named(model)
    assert Notice.objects.filter(recipient=factories.bob(), title__contains="To agree").exists()
    with pytest.raises(NotAllowed):
        actions.decide_succession(factories.alice(), succession, "agreed", LONG)
    actions.decide_succession(factories.bob(), succession, "agreed", LONG)
    model.refresh_from_db()
    assert (model.owner, model.support_contact) == (factories.bob(), "new@example.com")
    assert Notice.objects.filter(recipient=factories.maya(), key__startswith="support").exists()


def test_another_team_takes_it_only_when_it_agrees(model):
    maya = factories.maya()
    succession = named(model, by=factories.rita(), owner=maya, team=factories.mortgage())
    for person in (factories.bob(), factories.charlie()):
        with pytest.raises(NotAllowed):
            actions.decide_succession(person, succession, "agreed", LONG)
    actions.decide_succession(maya, succession, "agreed", LONG)
    model.refresh_from_db()
    assert (model.owner_team, model.owner) == (factories.mortgage(), maya)


def test_whoever_takes_it_for_their_own_team_needs_somebody_else(model):
    lead = factories.person("lea", factories.team("Lending desk", "Consumer lending"))
    Membership.objects.filter(user=lead).update(role="lead")
    desk = factories.team("Lending desk", "Consumer lending")
    succession = named(model, by=lead, owner=lead, team=desk)
    with pytest.raises(NotAllowed):
        actions.decide_succession(lead, succession, "agreed", LONG)
    with pytest.raises(NotAllowed):
        actions.decide_succession(factories.maya(), succession, "agreed", LONG)
    actions.decide_succession(factories.rita(), succession, "agreed", LONG)
    model.refresh_from_db()
    assert model.owner_team == desk


def test_a_refusal_changes_nothing_and_another_may_be_named(model):
    succession = named(model)
    with pytest.raises(RuleError):
        named(model)
    actions.decide_succession(factories.bob(), succession, "refused", LONG)
    assert RegisteredModel.objects.get(pk=model.pk).owner == factories.alice()
    again = named(model)
    with pytest.raises(NotAllowed):
        actions.take_back(factories.bob(), again)
    actions.take_back(factories.alice(), again)
    assert [one.state for one in Succession.objects.order_by("pk")] == ["refused", "withdrawn"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"support_contact": " "}, "support_contact"),
        ({"reason": "No"}, "reason"),
        ({"owner": "maya"}, "owner"),
        ({"owner": "alice"}, "owner"),
    ],
)
def test_naming_says_what_is_wrong(model, facts, field):
    if "owner" in facts:
        facts = {"owner": getattr(factories, facts["owner"])()}
    with pytest.raises(Invalid) as refused:
        named(model, **facts)
    assert refused.value.field == field


def test_strangers_name_nobody_and_see_nothing(model):
    with pytest.raises(NotAllowed):
        named(model, by=factories.maya())
    client = Client()
    client.force_login(factories.maya())
    assert client.get(f"/models/{model.slug}/succession/").status_code == 404


def test_the_page_names_and_decides(model):
    client = Client()
    client.force_login(factories.rita())
    address = f"/models/{model.slug}/succession/"
    sent = {
        "owner": factories.bob().username,
        "team": factories.lending().pk,
        "support_contact": "new@example.com",
        "reason": "No",
    }
    refused = client.post(address, sent)
    assert refused.status_code == 422 and "new@example.com" in refused.content.decode()
    assert client.post(address, sent | {"reason": LONG}).status_code == 302
    assert "You named the successor" in client.get(address).content.decode()
    client.force_login(factories.bob())
    assert client.post(address, {"outcome": "agreed", "reason": LONG}).status_code == 302
    model.refresh_from_db()
    assert model.owner == factories.bob()
