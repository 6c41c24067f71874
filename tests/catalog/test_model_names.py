"""Display names of models are unique among what anybody sees side by side, and hidden models are not told of (docs/names.md).

Issue 9, lines 2, 8 and 12.
"""

import json
import re

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from catalog import actions
from catalog.models import RegisteredModel
from consumption import actions as consumption
from consumption.models import Application
from marketplace.accounts.models import Team
from marketplace.core.errors import Invalid
from tests import factories
from tests.core.test_names import ONE, TWO

pytestmark = pytest.mark.django_db
HIDDEN = ["business_units", "restricted"]


def nina():
    return factories.person("nina", factories.wealth())


def ninas(name, **facts):
    return factories.model(by=nina(), owner_team=factories.wealth(), name=name, **facts)


@pytest.fixture
def client():
    client = Client()
    client.force_login(nina())
    return client


@pytest.mark.parametrize(("one", "other"), ONE)
def test_across_teams_a_name_is_given_once(one, other):
    factories.model(name=one, slug="one")
    with pytest.raises(Invalid) as refusal:
        ninas(other, slug="something-else")
    assert refusal.value.field == "name" and refusal.value.remedy


@pytest.mark.parametrize(("one", "other"), TWO)
def test_names_that_differ_live_side_by_side(one, other):
    factories.model(name=one, slug="one")
    assert ninas(other, slug="other")


@pytest.mark.parametrize(("one", "other"), ONE)
def test_editing_obeys_the_rules_of_registering(one, other):
    factories.model(name=one, slug="one")
    mine = ninas("Something else")
    with pytest.raises(Invalid) as refusal:
        actions.edit(nina(), mine, name=other)
    assert refusal.value.field == "name"
    assert RegisteredModel.objects.get(pk=mine.pk).name == "Something else"


@pytest.mark.parametrize("name", ["🚀", "???", "a\u202eb", "a\nb", "\u0301", " "])
def test_what_is_no_name_is_no_name_in_any_verb(name):
    entry = factories.model()
    for attempt in (
        lambda: ninas(name, slug="x"),
        lambda: actions.edit(factories.alice(), entry, name=name),
        lambda: factories.application(name=name),
        lambda: factories.plan(entry, slug="x", name=name),
    ):
        with pytest.raises(Invalid) as refusal:
            attempt()
        assert refusal.value.field == "name"


def test_a_model_keeps_its_own_name_with_another_spelling():
    entry = factories.model()
    assert (
        actions.edit(factories.alice(), entry, name="Income  Verification").name
        == "Income Verification"
    )
    with pytest.raises(Invalid):
        ninas("INCOME VERIFICATION")


def test_the_database_refuses_what_two_write_at_the_same_moment():
    factories.model()
    with pytest.raises(IntegrityError, match="model_name_once_in_company"), transaction.atomic():
        RegisteredModel.objects.create(
            name="income verification",
            slug="x",
            owner_team=factories.wealth(),
            owner=nina(),
            created_by=nina(),
            **_rest(),
        )
    with pytest.raises(Invalid, match="kept for another model"):
        actions._save_entry(
            RegisteredModel(
                name="income verification",
                slug="x",
                owner_team=factories.wealth(),
                owner=nina(),
                created_by=nina(),
                **_rest(),
            )
        )


def _rest():
    return {"summary": "x", "support_contact": "x"} | factories.vocabulary()


# What one may not see


@pytest.mark.parametrize("visibility", HIDDEN)
@pytest.mark.parametrize("state", ["draft", "published"])
def test_a_hidden_name_gives_nothing_away(visibility, state):
    """The same answer, name and address as if it were not there."""
    hidden = factories.model(visibility=visibility)
    RegisteredModel.objects.filter(pk=hidden.pk).update(state=state)
    assert not RegisteredModel.objects.visible_to(nina()).exists()
    mine = ninas("Income verification")
    assert (mine.name, mine.slug) == ("Income verification", "income-verification")
    assert actions.edit(nina(), ninas("Other"), summary="Still nothing is told of it here.")


@pytest.mark.parametrize("visibility", HIDDEN)
def test_a_hidden_model_takes_no_address(visibility):
    """Its own has a random end, whether or not the plain one is free."""
    slugs = [
        factories.model(name=name, visibility=visibility).slug
        for name in ("Income verification", "Income checks")
    ]
    assert all(re.fullmatch(r"income-[a-z]+-[a-z0-9]{5}", slug) for slug in slugs)


def test_who_sees_the_hidden_one_is_told_of_it():
    factories.model(visibility="restricted", visible_teams=[factories.wealth()])
    RegisteredModel.objects.update(state="published")
    with pytest.raises(Invalid, match="Consumer lending AI already has"):
        ninas("Income verification")


def test_opening_a_model_to_everybody_needs_a_free_name():
    hidden = factories.model(visibility="restricted")
    ninas("Income verification")
    with pytest.raises(Invalid) as refusal:
        actions.edit(factories.alice(), hidden, visibility="enterprise")
    assert refusal.value.field == "name"
    actions.edit(factories.alice(), hidden, name="Income check", visibility="enterprise")


def test_a_draft_for_everybody_keeps_its_name_without_telling_whose_it_is():
    factories.model()
    with pytest.raises(Invalid) as refusal:
        ninas("Income verification")
    assert (
        "lending" not in refusal.value.sentence and "marketplace managers" in refusal.value.sentence
    )


def test_the_api_tells_a_hidden_name_as_little(client):
    factories.model(visibility="restricted")
    answers = [_register(client, name) for name in ("Income verification", "Never heard of")]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.json()["slug"] for answer in answers] == [
        "income-verification",
        "never-heard-of",
    ]


def _register(client, name, **more):
    facts = {
        "owner_team": factories.wealth().slug,
        "name": name,
        "summary": "Says how likely it is that somebody pays.",
        "support_contact": "x@example.com",
    }
    words = {field: term.slug for field, term in factories.vocabulary().items()}
    return client.post(
        reverse("api:model-list"), json.dumps(facts | words | more), content_type="application/json"
    )


# Addresses


def test_a_name_without_latin_letters_asks_for_an_address(client):
    first = _register(client, "评分模型")
    assert (first.status_code, first.json()["field"]) == (422, "slug")
    assert "address" in first.json()["detail"]
    second = _register(client, "评分模型", slug="credit-scoring")
    assert (second.status_code, second.json()["name"], second.json()["slug"]) == (
        201,
        "评分模型",
        "credit-scoring",
    )


def test_the_page_asks_for_it_too(client):
    facts = {
        "owner_team": factories.wealth().pk,
        "owner": nina().pk,
        "name": "评分模型",
        "summary": "Says how likely it is that somebody pays back.",
        "support_contact": "x@example.com",
        "visibility": "enterprise",
    } | {name: term.pk for name, term in factories.vocabulary().items()}
    page = client.post(reverse("publishing:register"), facts)
    assert page.status_code == 422 and "slug" in page.context["form"].errors
    assert (
        client.post(reverse("publishing:register"), facts | {"slug": "credit-scoring"}).status_code
        == 302
    )
    assert RegisteredModel.objects.get().slug == "credit-scoring"


@pytest.mark.parametrize("slug", ["Credit", "a--b", "-a", "a b", "a/b", "ä", "x" * 61])
def test_an_address_is_well_formed(slug):
    with pytest.raises(Invalid) as refusal:
        ninas("评分模型", slug=slug)
    assert refusal.value.field == "slug"


# Brothers


def test_applications_of_a_team():
    factories.application(name="Loan origination")
    for name in ("LOAN  origination", "Loan or\u0456gination"):
        with pytest.raises(Invalid) as refusal:
            consumption.create_application(factories.maya(), team=factories.mortgage(), name=name)
        assert refusal.value.field == "name"
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.create(
            team=factories.mortgage(),
            name="loan ORIGINATION",
            slug="x",
            created_by=factories.maya(),
        )


def test_an_application_of_another_team_leaves_no_trace_of_its_team():
    factories.application(name="Loan origination")
    other = consumption.create_application(nina(), team=factories.wealth(), name="Loan origination")
    assert re.fullmatch(r"loan-origination-[a-z0-9]{5}", other.slug)


def test_plans_of_a_model():
    entry = factories.model()
    factories.plan(entry, slug="standard", name="Standard")
    with pytest.raises(Invalid) as refusal:
        factories.plan(entry, slug="other", name="STANDARD")
    assert refusal.value.field == "name"
    assert factories.plan(entry, slug="standard", name="Standard").name == "Standard"


def test_teams_and_units():
    factories.lending()
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.create(
            name="consumer  LENDING ai", slug="x", business_unit=factories.unit("Mortgage")
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.unit("CONSUMER lending")
