"""Verbs of the catalog: register, edit, point the alias."""

import pytest

from catalog import actions
from catalog.models import RegisteredModel
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_model_is_registered_as_a_draft_of_the_team():
    entry = factories.model()
    assert (entry.state, entry.owner_team, entry.owner, entry.slug) == (
        "draft",
        factories.lending(),
        factories.alice(),
        "income-verification",
    )
    event = AuditEvent.objects.get(action="model.register")
    assert (event.actor, event.object_id, event.detail) == (
        factories.alice(),
        str(entry.pk),
        {"team": "consumer-lending-ai"},
    )


@pytest.mark.parametrize("who", [factories.charlie, factories.maya, factories.rita, factories.root])
def test_only_the_team_registers_its_models(who):
    with pytest.raises(NotAllowed, match="Only members of Consumer lending AI"):
        factories.model(by=who(), owner_team=factories.lending())


def test_a_team_uses_a_name_once():
    factories.model()
    with pytest.raises(Invalid) as refusal:
        factories.model(by=factories.bob(), name="income VERIFICATION ")
    assert refusal.value.field == "name"


def test_a_name_that_a_hidden_model_has_gives_nothing_away():
    hidden = factories.model(visibility="restricted")
    other = factories.model(
        by=factories.person("nina", factories.wealth()), owner_team=factories.wealth()
    )
    assert other.slug == "income-verification" != hidden.slug


def test_a_name_needs_letters():
    with pytest.raises(Invalid) as refusal:
        factories.model(name="???")
    assert refusal.value.field == "name"


def test_the_team_edits_and_the_record_says_which_fields():
    entry = actions.edit(
        factories.bob(),
        factories.model(),
        summary="A better sentence about what it does.",
        tags=["income"],
    )
    assert RegisteredModel.objects.get().summary == "A better sentence about what it does."
    assert AuditEvent.objects.get(action="model.edit").detail == {"fields": ["summary", "tags"]}
    actions.edit(factories.bob(), entry, summary=entry.summary)
    assert AuditEvent.objects.filter(action="model.edit").count() == 1


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.maya, factories.rita, factories.vera, factories.root]
)
def test_others_do_not_edit(who):
    entry = factories.model()
    with pytest.raises(NotAllowed):
        actions.edit(who(), entry, summary="Mine now, says somebody else.")


@pytest.mark.parametrize(
    "field", ["state", "slug", "owner_team", "risk_tier", "calls_30d", "created_by"]
)
def test_what_is_not_editable_is_refused(field):
    with pytest.raises(TypeError):
        actions.edit(factories.alice(), factories.model(), **{field: "x"})


def test_the_alias_moves_and_leaves_a_trace():
    first = factories.published_version()
    second = factories.published_version(first.model, "1.1.0")
    assert first.model.aliases.get(name="stable").version == second
    assert [
        event.detail["to"]
        for event in AuditEvent.objects.filter(action="alias.move").order_by("pk")
    ] == ["1.0.0", "1.1.0"]


def test_the_owner_is_on_the_team():
    for owner in (factories.charlie(), factories.maya()):
        with pytest.raises(Invalid) as refusal:
            factories.model(owner=owner)
        assert refusal.value.field == "owner"
    entry = factories.model(owner=factories.bob())
    with pytest.raises(Invalid):
        actions.edit(factories.alice(), entry, owner=factories.maya())
