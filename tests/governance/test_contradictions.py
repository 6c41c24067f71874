"""The card against the risk answers, and what else the review page shows. Rule: docs/governance.md, "Contradictions"."""

import pytest
from django.urls import reverse

from governance.contradictions import PAIRS, compare
from marketplace.audit.models import AuditEvent
from tests import factories
from tests.governance.test_documented_rules import rows_below

LOW = factories.LOW


@pytest.mark.parametrize(
    ("field", "value", "answers", "verdict"),
    [
        ("data.training.classification", "internal", {"data": "personal"}, "contradict"),
        ("data.training.classification", "public", {"data": "internal"}, "agree"),
        ("data.training.classification", "special", {"data": "personal"}, "contradict"),
        (
            "data.personal.lawful_basis",
            {"not_applicable": "None."},
            {"data": "personal"},
            "contradict",
        ),
        ("data.personal.lawful_basis", "Contract, Article 6(1)(b).", {"data": "personal"}, "agree"),
        ("data.personal.lawful_basis", "No personal data.", {"data": "internal"}, "agree"),
        ("fairness.applicability", "No: it ranks machines.", {"people": "direct"}, "contradict"),
        ("fairness.applicability", "Yes, borrowers.", {"people": "none"}, "contradict"),
        ("fairness.applicability", "Yes, borrowers.", {"people": "indirect"}, "agree"),
        ("fairness.applicability", "Borrowers, by letters.", {"people": "none"}, "read"),
        ("fairness.applicability", "Nobody is judged.", {"people": "none"}, "agree"),
        ("fairness.applicability", "Notices to borrowers.", {"people": "direct"}, "read"),
        ("technical.task_type", "generation", {"generative": "no"}, "contradict"),
        ("technical.task_type", "regression", {"generative": "no"}, "agree"),
        ("technical.architecture", "Gradient boosting.", {"complexity": "linear"}, "contradict"),
        ("technical.architecture", "Linear regression.", {"complexity": "linear"}, "read"),
        ("intended_use.decision_role", "An underwriter.", {"autonomy": "automated"}, "read"),
    ],
)
def test_card_and_answers_are_compared(field, value, answers, verdict):
    [found] = [row for row in compare({field: value}, LOW | answers) if row.field == field]
    assert found.verdict == verdict


def test_contradictions_come_first_and_what_is_missing_is_not_compared():
    card = {"technical.task_type": "regression", "data.training.classification": "personal"}
    assert [row.subject for row in compare(card, LOW)] == ["Class of the data", "Generated content"]
    assert compare(card, {}) == []


def test_the_documented_pairs_are_those_of_the_code():
    written = [row[:3] for row in rows_below("Contradictions")[1:]]
    assert written == [[pair.subject, pair.field, pair.question] for pair in PAIRS]


@pytest.mark.django_db
def test_the_review_page_shows_answers_contradictions_plans_and_likes(client):
    entry = factories.model(similar_reason="Ours is for single loans, theirs for clients.")
    factories.published_version(factories.model(name="Income verification of clients"))
    version = factories.in_review_version(entry, tier="high")
    client.force_login(factories.rita())
    at = reverse("governance:review", args=[version.reviews.get(kind="curation").pk])
    page = client.get(at)
    verdicts = {row.subject: row.verdict for row in page.context["comparisons"]}
    assert verdicts["Class of the data"] == "contradict"
    text = page.content.decode()
    for part in (
        "Contradict",
        "How does the output affect people?",
        "calls a second",
        "Ours is for single loans",
    ):
        assert part in text, part
    assert [alike.model.name for alike in page.context["similar"]] == [
        "Income verification of clients"
    ]
    client.force_login(factories.alice())
    draft = factories.draft_version(factories.model(name="Another one"), tier="high")
    submit = client.get(reverse("publishing:submit", args=[draft.model.slug, draft.number]))
    assert submit.context["comparisons"][0].verdict == "contradict"


@pytest.mark.django_db
def test_a_reviewer_runs_the_example_and_it_decides_nothing(client, monkeypatch):
    version = factories.in_review_version()
    gates = version.gate_results.count()
    answer = {"problem": "", "said": "", "figures": {"output": {"score": [1800.0]}}}
    monkeypatch.setattr("publishing.trials.ask", lambda asked: answer if asked == version else None)
    client.force_login(factories.evan())
    at = reverse("publishing:run_example", args=[version.model.slug, version.number])
    page = client.post(at).content.decode()
    assert "It answered" in page and "1800.0" in page
    assert version.gate_results.count() == gates
    assert AuditEvent.objects.get(action="version.run_example").actor == factories.evan()
    client.force_login(factories.vera())
    assert client.post(at).status_code == 403
