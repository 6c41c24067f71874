"""The glossary: a short word finds models that write it out, and those that have it (docs/search.md, "Glossary")."""

import pytest
from django.test import Client

from catalog import glossary_actions as actions
from catalog import search
from catalog.models import GlossaryEntry
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.core.transitions import transition
from tests import factories
from tests.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def models():
    said = {
        "House prices": "Makes a property valuation from sales nearby.",
        "AVM by region": "Says what homes of a region are sold for.",
        "Document classifier": "Sorts scanned letters by what they are about.",
    }
    for name, summary in said.items():
        transition(factories.model(name=name, summary=summary), "published")


def explained(word, meaning):
    return actions.explain_word(factories.rita(), word=word, meaning=meaning)


def found(text, **more):
    return [
        hit.model.name for hit in search.find(factories.maya(), search.Asked(text, **more)).page()
    ]


def test_a_short_word_finds_who_writes_it_out_and_who_has_it(models):
    assert found("avm") == ["AVM by region"]
    explained("AVM", "property valuation")
    search.forget()
    assert set(found("AVM")) == {"House prices", "AVM by region"}
    assert found("AVM", exact=True) == ["AVM by region"]
    client = Client()
    client.force_login(factories.maya())
    page = client.get("/models/", {"q": "avm"})
    text = text_of(page)
    assert "AVM is read as <strong>property valuation</strong>." in text
    assert all(f"<mark>{word}</mark>" in text for word in ("property", "valuation", "AVM"))


def test_curators_keep_it():
    entry = explained("Nbo", "next best offer")
    assert (entry.word, str(entry)) == ("nbo", "NBO")
    again = explained("NBO", "next best order")
    assert GlossaryEntry.objects.get() == again and again.meaning == "next best order"
    with pytest.raises(NotAllowed):
        actions.explain_word(factories.maya(), word="AVM", meaning="property valuation")
    with pytest.raises(NotAllowed):
        actions.take_out_word(factories.maya(), entry)
    actions.take_out_word(factories.rita(), entry)
    assert not GlossaryEntry.objects.exists()
    told = AuditEvent.objects.filter(action__startswith="glossary.").values_list(
        "action", flat=True
    )
    assert sorted(told) == ["glossary.explain", "glossary.explain", "glossary.take_out"]


def test_a_full_glossary_takes_no_new_word_but_a_better_meaning(monkeypatch):
    monkeypatch.setattr(actions, "MOST", 1)
    explained("NBO", "next best offer")
    with pytest.raises(RuleError):
        explained("AVM", "property valuation")
    assert explained("NBO", "next best order").meaning == "next best order"
    assert [entry.word for entry in GlossaryEntry.objects.all()] == ["nbo"]


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("two words", "something else"), ("", "nothing"), ("CLV", "clv"), ("x" * 21, "long")],
)
def test_what_explains_nothing_is_refused(word, meaning):
    with pytest.raises(Invalid):
        actions.explain_word(factories.rita(), word=word, meaning=meaning)
