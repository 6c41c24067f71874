"""The questionnaire first: what follows from it, and a card that asks for that and for nothing that was said before."""

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from governance import actions as governance
from governance import card_known, cards, consequences, matrix, policies, tiering
from governance.rules import Rules
from publishing import actions
from tests import factories

RULES = Rules({kind: text() for kind, text in policies.TEXTS.items()})
LOW, MEDIUM, HIGH = factories.LOW, factories.MEDIUM, factories.HIGH
ANY_ANSWERS = st.fixed_dictionaries(
    {}, optional={q.id: st.sampled_from([o.id for o in q.options]) for q in tiering.QUESTIONS}
)


def page_of(client, step, version, query=""):
    client.force_login(factories.alice())
    return client.get(
        reverse(f"publishing:{step}", args=[version.model.slug, version.number]) + query
    )


def new_draft(**entry):
    return actions.start_version(factories.alice(), factories.model(**entry), "1.0.0")


# ── What follows ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(("answers", "days"), [(LOW, 3 + 1), (MEDIUM, 5 + 2), (HIGH, 10 + 5)])
def test_reviews_run_side_by_side_and_the_final_one_follows(answers, days):
    ahead = consequences.of(answers, RULES)
    assert ahead.days == days and ahead.is_whole
    assert ahead.people == matrix.MIN_PEOPLE[ahead.assessment.tier]


@given(ANY_ANSWERS)
def test_what_follows_only_grows_with_more_answers(answers):
    """So that the page may say "at least" while questions are open."""
    some = consequences.of(answers, RULES)
    hardest = {question.id: question.options[-1].id for question in tiering.QUESTIONS}
    whole = consequences.of(hardest | answers, RULES)
    assert tiering.TIERS.index(whole.assessment.tier) >= tiering.TIERS.index(some.assessment.tier)
    assert {one.label for one in some.reviews} <= {one.label for one in whole.reviews}
    assert some.asked <= whole.asked


def test_what_these_answers_add_is_marked():
    ahead = consequences.of(HIGH, RULES)
    added = {label for section in ahead.sections for label in section.added}
    assert "Lawful basis" in added and "Intended use" not in added
    assert not any(section.added for section in consequences.of(LOW, RULES).sections)


@pytest.mark.django_db
def test_the_page_says_what_follows_before_anything_is_saved(client):
    version = new_draft()
    page = page_of(
        client, "risk_consequences", version, "?people=direct&data=nonsense&prohibited=x"
    )
    ahead = page.context["ahead"]
    assert (ahead.assessment.tier, ahead.unanswered) == ("medium", len(tiering.QUESTIONS) - 1)
    assert "Fairness" in page.content.decode()
    assert not version.assessments.exists()


@pytest.mark.django_db
def test_a_new_version_starts_from_the_answers_before_and_saves_none_of_them(client):
    first = factories.published_version(tier="medium")
    second = actions.start_version(factories.alice(), first.model, "1.1.0")
    page = page_of(client, "risk", second)
    assert page.context["form"]["data"].value() == MEDIUM["data"]
    assert "answers of the version before" in page.content.decode()
    assert not second.risk_tier and not second.assessments.exists()


# ── What the card asks ────────────────────────────────────────────────────


def asked_on(page):
    return {
        entry.field.html_name: entry
        for section in page.context["sections"]
        for entry in section.fields
    }


@pytest.mark.django_db
@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_the_card_asks_what_the_tier_requires_and_no_more(client, tier):
    version = new_draft()
    governance.assess_risk(factories.alice(), version, factories.ANSWERS[tier])
    conditions = tiering.conditions(factories.ANSWERS[tier])
    required = {
        field.id
        for field in cards.FIELDS
        if field.source != "auto" and field.is_required(tier, conditions)
    }
    assert set(asked_on(page_of(client, "card", version))) == required
    assert len(asked_on(page_of(client, "card", version, "?all=1"))) == len(factories.card_values())


@pytest.mark.django_db
def test_what_was_written_for_a_higher_tier_is_neither_hidden_nor_lost(client):
    version = factories.draft_version(tier="high")
    governance.assess_risk(factories.alice(), version, LOW)
    asked = asked_on(page_of(client, "card", version))
    assert "design.rationale" in asked and not asked["design.rationale"].is_required
    fresh = new_draft(name="Another one")
    governance.assess_risk(factories.alice(), fresh, LOW)
    at = reverse("publishing:card", args=[fresh.model.slug, fresh.number])
    client.post(at, {"design.rationale": "Typed while the tier was still high, in another tab."})
    fresh.card.refresh_from_db()
    assert fresh.card.data["design.rationale"].startswith("Typed while")


@pytest.mark.django_db
def test_the_first_unfinished_section_is_open_or_the_chosen_one(client):
    version = new_draft()

    def open_sections(query=""):
        sections = page_of(client, "card", version, query).context["sections"]
        return [section.id for section in sections if section.is_open]

    assert open_sections() == ["identity"]
    assert open_sections("?section=data") == ["data"]
    actions.edit_card(factories.alice(), version, factories.card_values())
    assert open_sections() == []


# ── Asked once ────────────────────────────────────────────────────────────


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "answers", "value"),
    [
        ("identity.summary", {}, "Takes account credits"),
        ("limitations.text", {}, "It was trained on salaried"),
        ("technical.task_type", {}, "regression"),
        ("technical.task_type", {"generative": "internal"}, "generation"),
        ("data.training.classification", {"data": "personal"}, "personal"),
        ("data.personal.lawful_basis", {"data": "confidential"}, "No personal data"),
        ("data.personal.lawful_basis", {"data": "personal"}, None),
        ("fairness.applicability", {"people": "indirect"}, "Yes"),
        ("fairness.applicability", {"people": "none"}, None),
    ],
)
def test_what_was_said_elsewhere_is_known(field, answers, value):
    entry = factories.model(
        summary="Takes account credits and estimates the monthly income.",
        limitations="It was trained on salaried applicants of one country only.",
    )
    known = card_known.of(entry, answers).get(field)
    assert (known is None) if value is None else value in str(known.value)


@pytest.mark.django_db
def test_known_answers_count_are_submitted_and_follow_their_source_until_then():
    version = factories.draft_version(tier="medium")
    alice = factories.alice()
    silent = ["identity.summary", "technical.task_type", "data.training.classification"]
    actions.edit_card(alice, version, dict.fromkeys(silent, ""))
    governance.assess_risk(alice, version, MEDIUM | {"data": "special"})
    governance.assess_risk(alice, version, MEDIUM)
    version = actions.submit(alice, version)
    assert version.card.data["data.training.classification"] == "personal"
    assert version.card.data["identity.summary"] == version.model.summary
    assert version.card.written().keys().isdisjoint(silent)
    successor = actions.start_version(alice, version.model, "1.1.0")
    assert successor.card.data.keys().isdisjoint(silent)


@pytest.mark.django_db
def test_what_the_card_itself_says_stands_before_what_is_known(client):
    version = factories.draft_version(tier="medium")
    own = {"data.training.classification": "internal"}
    actions.edit_card(factories.alice(), version, own)
    page = page_of(client, "card", version)
    assert asked_on(page)["data.training.classification"].known is None
    assert [row.subject for row in page.context["contradictions"]] == ["Class of the data"]
    version = actions.submit(factories.alice(), version)
    assert version.card.data["data.training.classification"] == "internal"


@pytest.mark.django_db
def test_the_support_hours_of_the_entry_are_not_asked_again(client):
    version = new_draft(support_hours="Tue 9–12 CET")
    page = page_of(client, "interface", version)
    assert page.context["sla_form"]["support"].value() == "Tue 9–12 CET"
