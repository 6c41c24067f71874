"""visible_to: who may know that a model or a version exists (docs/reliability.md, "Visibility and permissions")."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.core.transitions import transition
from tests import factories

pytestmark = pytest.mark.django_db

EVERYBODY = {
    "alice": factories.alice,
    "bob": factories.bob,
    "charlie": factories.charlie,
    "maya": factories.maya,
    "rita": factories.rita,
    "evan": factories.evan,
    "otto": factories.otto,
    "vera": factories.vera,
    "finn": factories.finn,
    "gus": factories.gus,
    "mira": factories.mira,
    "root": factories.root,
}
OWNERS = {"alice", "bob"}
OVERSEERS = {"rita", "vera", "otto", "gus", "mira"}
ALL = set(EVERYBODY)


def who_sees(thing):
    return {
        name
        for name, person in EVERYBODY.items()
        if type(thing).objects.visible_to(person()).filter(pk=thing.pk).exists()
    }


def published(**listing):
    return transition(factories.model(**listing), RegisteredModel.State.PUBLISHED)


def test_a_draft_is_the_teams_and_those_who_oversee():
    assert who_sees(factories.model()) == OWNERS | OVERSEERS


def test_a_published_model_is_for_everybody_in_the_company():
    assert who_sees(published()) == ALL


def test_anonymous_visitors_see_nothing():
    published()
    assert not RegisteredModel.objects.visible_to(AnonymousUser()).exists()
    assert not ModelVersion.objects.visible_to(AnonymousUser()).exists()


def test_somebody_deactivated_sees_nothing():
    entry = published()
    alice = factories.alice()
    alice.is_active = False
    assert not RegisteredModel.objects.visible_to(alice).filter(pk=entry.pk).exists()


def test_chosen_units():
    entry = published(
        visibility="business_units", visible_units=[factories.mortgage().business_unit]
    )
    assert who_sees(entry) == OWNERS | OVERSEERS | {"maya"}


def test_chosen_teams():
    entry = published(visibility="restricted", visible_teams=[factories.mortgage()])
    assert who_sees(entry) == OWNERS | OVERSEERS | {"maya"}
    maya = factories.maya()
    maya.memberships.update(left_at=timezone.now())
    assert not RegisteredModel.objects.visible_to(maya).exists()


def test_chosen_teams_do_not_see_a_draft():
    assert (
        who_sees(factories.model(visibility="restricted", visible_teams=[factories.mortgage()]))
        == OWNERS | OVERSEERS
    )


def test_chosen_units_do_not_count_when_everybody_was_not_meant():
    """The lists stay when the visibility changes; only the one in force counts."""
    entry = published(visibility="restricted", visible_units=[factories.mortgage().business_unit])
    assert who_sees(entry) == OWNERS | OVERSEERS


def test_a_reviewer_sees_a_draft_model_while_a_version_is_before_them():
    version = factories.in_review_version()
    assert who_sees(version.model) == OWNERS | OVERSEERS | {"evan"}
    assert who_sees(version) == OWNERS | OVERSEERS | {"evan"}


def test_a_reviewer_sees_no_draft_that_nobody_submitted():
    assert "evan" not in who_sees(factories.draft_version())


def test_published_versions_are_seen_with_their_model_drafts_beside_them_are_not():
    live = factories.published_version()
    draft = factories.draft_version(live.model, "1.1.0")
    assert who_sees(live) == ALL
    assert who_sees(draft) == OWNERS | OVERSEERS


def test_versions_of_a_hidden_model_are_hidden():
    live = factories.published_version(factories.model(visibility="restricted"))
    assert who_sees(live) == OWNERS | OVERSEERS


def test_a_model_seen_for_many_reasons_is_listed_once():
    entry = published(
        visibility="restricted",
        visible_teams=[factories.lending(), factories.mortgage()],
        visible_units=[factories.mortgage().business_unit],
    )
    for person in (factories.alice(), factories.maya()):
        assert list(RegisteredModel.objects.visible_to(person)) == [entry]
