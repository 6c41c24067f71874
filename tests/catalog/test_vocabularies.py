"""Issue 11, line 8: administrators keep the vocabularies in the product; a word's identity stays, a retired one takes nothing new."""

import pytest
from django.test import Client
from django.urls import reverse

from catalog import actions, term_actions
from catalog.models import Domain
from governance.actions import propose_amendment
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from publishing.forms import RegisterForm
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def adam():
    return factories.person("adam", roles=["admin"])


@pytest.fixture
def entry():
    return factories.published_version().model


def test_a_word_is_added_and_renamed_and_keeps_its_address(adam, entry):
    term = term_actions.add_term(adam, Domain, "Consumer  leasing")
    assert (term.name, term.slug) == ("Consumer leasing", "consumer-leasing")
    for name in ("consumer LEASING", "Consumer-Leasing"):
        with pytest.raises(Invalid):
            term_actions.add_term(adam, Domain, name)
    term_actions.rename_term(adam, entry.domain, "Everyday credit")
    entry.refresh_from_db()
    assert (entry.domain.name, entry.domain.slug) == ("Everyday credit", "consumer-lending")
    acts = AuditEvent.objects.filter(action__startswith="term.").values_list("action", flat=True)
    assert sorted(acts) == ["term.add", "term.rename"]


def test_a_renamed_word_is_found_by_its_new_name(adam, entry):
    before = entry.search_document.written_at
    term_actions.rename_term(adam, entry.domain, "Everyday credit")
    entry.search_document.refresh_from_db()
    assert entry.search_document.written_at > before


def test_no_new_entry_takes_a_retired_word_and_those_that_have_it_keep_it(adam, entry):
    other = term_actions.add_term(adam, Domain, "Consumer leasing")
    term_actions.retire_term(adam, entry.domain)
    with pytest.raises(Invalid) as problem:
        factories.model(name="Quite another")
    assert problem.value.field == "domain"
    actions.edit(factories.alice(), entry, domain=Domain.objects.get(slug="consumer-lending"))
    offered = RegisterForm(user=factories.alice()).fields["domain"].queryset
    assert list(offered) == [other]
    term_actions.retire_term(adam, term_actions.add_term(adam, Domain, "Pawn broking"))
    with pytest.raises(Invalid, match="new entries"):
        facts = {"domain": Domain.objects.get(slug="pawn-broking")}
        propose_amendment(factories.alice(), entry, facts, "It is about something else by now.")
    term_actions.restore_term(adam, entry.domain)
    assert factories.model(name="Quite another").domain == entry.domain


def test_the_last_word_stays(adam):
    only = factories.vocabulary()["domain"]
    with pytest.raises(RuleError, match="last word"):
        term_actions.retire_term(adam, only)


def test_others_see_the_words_and_cannot_change_them(entry):
    with pytest.raises(NotAllowed):
        term_actions.retire_term(factories.rita(), entry.domain)
    client = Client()
    client.force_login(factories.maya())
    text = client.get(reverse("catalog:vocabulary", args=["domains"])).content.decode()
    assert "consumer-lending" in text
    assert "Add a word" not in text


def test_the_page_says_how_many_entries_use_a_word_and_keeps_what_was_typed(adam, entry):
    factories.model(name="Another one of lending")
    client = Client()
    client.force_login(adam)
    url = reverse("catalog:vocabulary", args=["domains"])
    terms = client.get(url).context["terms"]
    assert {term.slug: term.uses for term in terms} == {"consumer-lending": 2}
    assert client.post(url, {"name": "Leasing"}).status_code == 302
    again = client.post(url, {"name": "leasing"})
    assert again.status_code == 422
    assert 'value="leasing"' in again.content.decode()
    change = reverse("catalog:change_term", args=["domains", entry.domain_id, "retire"])
    assert client.post(change).status_code == 302
    assert "retired" in client.get(url).content.decode()
    rows = client.get("/api/v1/domains/").json()
    assert [row["slug"] for row in rows.get("results", rows) if row["retired_at"]] == [
        "consumer-lending"
    ]
