"""Verbs of the catalog: register, edit, point the alias."""

import pytest

from catalog import actions
from catalog.models import RegisteredModel
from marketplace.audit.models import AuditEvent
from marketplace.lib.errors import Invalid, NotAllowed
from tests import cast

pytestmark = pytest.mark.django_db


def test_a_model_is_registered_as_a_draft_of_the_team():
    entry = cast.model()
    assert (entry.state, entry.owner_team, entry.owner, entry.slug) == (
        "draft",
        cast.lending(),
        cast.alice(),
        "income-verification",
    )
    event = AuditEvent.objects.get(action="model.register")
    assert (event.actor, event.object_id, event.detail) == (
        cast.alice(),
        str(entry.pk),
        {"team": "consumer-lending-ai"},
    )


@pytest.mark.parametrize("who", [cast.charlie, cast.maya, cast.rita, cast.root])
def test_only_the_team_registers_its_models(who):
    with pytest.raises(NotAllowed, match="Only members of Consumer lending AI"):
        cast.model(by=who(), owner_team=cast.lending())


def test_a_team_uses_a_name_once():
    cast.model()
    with pytest.raises(Invalid) as refusal:
        cast.model(by=cast.bob(), name="income VERIFICATION ")
    assert refusal.value.field == "name"


def test_a_name_that_a_hidden_model_has_gives_nothing_away():
    hidden = cast.model(visibility="restricted")
    other = cast.model(by=cast.person("nina", cast.wealth()), owner_team=cast.wealth())
    assert other.slug == "income-verification" != hidden.slug


def test_a_name_needs_letters():
    with pytest.raises(Invalid) as refusal:
        cast.model(name="???")
    assert refusal.value.field == "name"


def test_the_team_edits_and_the_record_says_which_fields():
    entry = actions.edit(
        cast.bob(), cast.model(), summary="A better sentence about what it does.", tags=["income"]
    )
    assert RegisteredModel.objects.get().summary == "A better sentence about what it does."
    assert AuditEvent.objects.get(action="model.edit").detail == {"fields": ["summary", "tags"]}
    actions.edit(cast.bob(), entry, summary=entry.summary)
    assert AuditEvent.objects.filter(action="model.edit").count() == 1


@pytest.mark.parametrize("who", [cast.charlie, cast.maya, cast.rita, cast.vera, cast.root])
def test_others_do_not_edit(who):
    entry = cast.model()
    with pytest.raises(NotAllowed):
        actions.edit(who(), entry, summary="Mine now, says somebody else.")


@pytest.mark.parametrize(
    "field", ["state", "slug", "owner_team", "risk_tier", "calls_30d", "created_by"]
)
def test_what_is_not_editable_is_refused(field):
    with pytest.raises(TypeError):
        actions.edit(cast.alice(), cast.model(), **{field: "x"})


def test_the_alias_moves_and_leaves_a_trace():
    first = cast.published_version()
    second = cast.published_version(first.model, "1.1.0")
    assert first.model.aliases.get(name="stable").version == second
    assert [
        event.detail["to"]
        for event in AuditEvent.objects.filter(action="alias.move").order_by("pk")
    ] == ["1.0.0", "1.1.0"]


def test_the_owner_is_on_the_team():
    for owner in (cast.charlie(), cast.maya()):
        with pytest.raises(Invalid) as refusal:
            cast.model(owner=owner)
        assert refusal.value.field == "owner"
    entry = cast.model(owner=cast.bob())
    with pytest.raises(Invalid):
        actions.edit(cast.alice(), entry, owner=cast.maya())
