"""A resubmission keeps the approvals whose scope is unchanged. Rule: docs/governance.md, "Rounds"."""

import pytest
from django.urls import reverse

from governance import actions
from governance.permissions import why_not_decide
from marketplace.audit.models import AuditEvent
from publishing import actions as publishing
from tests import factories

pytestmark = pytest.mark.django_db
NEW_BASELINE = {"evaluation.baseline": "A rule by hand: income is what comes in each month."}


def sent_back(version):
    """All but the final approval are given; the final approver requests changes."""
    factories.decide_all(version, but=["final"])
    final = version.reviews.get(kind="final", round=1)
    actions.decide(
        factories.judge(final), final, "changes_requested", "Say more about the baseline.", True
    )
    version.refresh_from_db()
    return version


def resubmitted(version):
    return actions.check(publishing.submit(factories.alice(), version))


def kept(version):
    return set(version.reviews.filter(round=2, state="approved").values_list("kind", flat=True))


def test_changed_bytes_void_evaluation_fairness_and_security_but_not_legal():
    """The golden case: governance.md of the specification, acceptance test 6."""
    version = sent_back(factories.in_review_version(tier="high"))
    publishing.name_endpoint(factories.alice(), version, "https://models.example.com/other")
    publishing.describe_interface(
        factories.alice(), version, factories.signature(), factories.example()
    )
    version = resubmitted(version)
    assert kept(version) == {"curation", "legal"}
    voided = version.reviews.filter(round=1, state="void").values_list("kind", flat=True)
    assert set(voided) == {"evaluation", "fairness", "security"}
    reasons = set(AuditEvent.objects.filter(action="review.void").values_list("reason", flat=True))
    assert reasons == {"Changed since it was approved: package."}


def test_a_changed_section_voids_those_who_looked_at_it():
    version = sent_back(factories.in_review_version(tier="high"))
    publishing.edit_card(factories.alice(), version, NEW_BASELINE)
    assert kept(resubmitted(version)) == {"fairness", "security", "legal"}


def test_kept_approvals_count_and_bind_their_people():
    version = sent_back(factories.in_review_version(tier="high"))
    publishing.edit_card(factories.alice(), version, NEW_BASELINE)
    version = resubmitted(version)
    final = version.reviews.get(round=2, kind="final")
    factories.also(factories.lena(), "model_risk_officer")
    assert "already decided the legal" in why_not_decide(factories.lena(), final)
    factories.decide_all(version)
    version.refresh_from_db()
    assert version.state == "approved"


def test_the_page_of_round_two_shows_both_sides_and_what_was_kept(client):
    version = sent_back(factories.in_review_version(tier="high"))
    before = version.card.data["evaluation.baseline"]
    results_before = version.card.data["evaluation.results"]
    results = {"evaluation.results": ["AUC 0.81 on new rows", "Brier 0.12"]}
    publishing.edit_card(factories.alice(), version, NEW_BASELINE | results)
    version = resubmitted(version)
    client.force_login(factories.evan())
    review = version.reviews.get(round=2, kind="evaluation")
    page = client.get(reverse("governance:review", args=[review.pk]))
    changed = page.context["changes_of_round"]
    assert [(change.before, change.after) for change in changed] == [
        (before, NEW_BASELINE["evaluation.baseline"]),
        (results_before, results["evaluation.results"]),
    ]
    text = page.content.decode()
    assert "Card: Results" in text and "AUC 0.81 on new rows; Brier 0.12" in text
    assert "Kept from round 1" in text and "Round 2" in text and "since the round before" in text


def test_a_round_is_not_changed_afterwards():
    version = factories.in_review_version()
    with pytest.raises(Exception, match="immutable"):
        version.rounds.update(number=7)
