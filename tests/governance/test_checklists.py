"""A reviewer answers a checklist before approving. Rule: docs/governance.md, "Checklists"."""

import pytest
from django.urls import reverse

from governance import actions, policies
from governance.checklists import CHECKLISTS
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid
from publishing import actions as publishing
from tests import factories
from tests.governance.test_documented_rules import rows_below

pytestmark = pytest.mark.django_db
NOTE = "There is no such group in this use."


def decided(review, outcome="approved", **answers):
    given = factories.all_yes(review) if outcome == "approved" else {}
    return actions.decide(
        factories.judge(review), review, outcome, factories.REASON, True, given | answers
    )


def curation():
    return factories.in_review_version().reviews.get(kind="curation")


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({}, "checklist.clear"),
        ({"answer": "perhaps"}, "checklist.clear.answer"),
        ({"answer": "not_applicable"}, "checklist.clear.note"),
        ({"answer": "no", "note": "short"}, "checklist.clear.note"),
        ({"answer": "yes", "note": "x" * 501}, "checklist.clear.note"),
        ({"answer": "no", "note": NOTE}, "checklist.clear"),
    ],
)
def test_an_approval_needs_every_answer(answer, field):
    review = curation()
    with pytest.raises(Invalid) as refusal:
        decided(review, clear=answer)
    assert refusal.value.field == field
    review.refresh_from_db()
    assert review.state == "open"


def test_a_point_that_the_review_does_not_have_is_named():
    with pytest.raises(Invalid) as refusal:
        decided(curation(), basis={"answer": "yes"})
    assert refusal.value.field == "checklist.basis"


def test_who_requests_changes_may_say_which_point_is_not_met():
    decision = decided(curation(), "changes_requested", clear={"answer": "no", "note": NOTE})
    assert [(row.point, row.says, row.note) for row in decision.answered()] == [
        ("clear", "No", NOTE)
    ]


def test_points_depend_on_tier_and_risk_answers():
    low, high = factories.in_review_version(), None
    high = factories.in_review_version(factories.model(name="Credit decision"), tier="high")

    def points(version, kind):
        return {point.id for point in policies.checklist_of(version.reviews.get(kind=kind))}

    assert points(high, "evaluation") - points(low, "evaluation") == {"challenge"}
    assert {"decisions", "reasons"} <= points(high, "legal")
    assert "prompts" not in points(high, "security")


def test_answers_stay_with_the_decision_with_the_words_that_were_read(client):
    review = curation()
    decision = decided(review, another={"answer": "not_applicable", "note": NOTE})
    row = next(row for row in decision.answered() if row.point == "another")
    assert (row.asks, row.says, row.note) == (
        CHECKLISTS["curation"][1].asks,
        "Not applicable",
        NOTE,
    )
    event = AuditEvent.objects.get(action="review.approved")
    assert event.detail["checklist"]["another"] == "not_applicable"
    client.force_login(factories.vera())
    assert NOTE in client.get(reverse("governance:review", args=[review.pk])).content.decode()


def test_a_kept_approval_keeps_its_answers(client):
    version = factories.in_review_version(tier="high")
    legal = version.reviews.get(kind="legal")
    decided(legal, basis={"answer": "not_applicable", "note": NOTE})
    decided(version.reviews.get(kind="evaluation"), "changes_requested")
    version.refresh_from_db()
    publishing.edit_card(
        factories.alice(), version, {"evaluation.baseline": "A rule by hand, used until last year."}
    )
    version = actions.check(publishing.submit(factories.alice(), version))
    second = version.reviews.get(round=2, kind="legal")
    assert second.kept_from == legal
    client.force_login(factories.vera())
    shown = client.get(
        reverse("governance:evidence", args=[version.model.slug]), {"version": "1.0.0"}
    )
    assert shown.content.decode().count(NOTE) >= 1


def test_the_form_keeps_what_was_answered_and_marks_what_is_missing(client):
    review = curation()
    client.force_login(factories.rita())
    sent = {"outcome": "approved", "reason": factories.REASON, "no_conflict": "on"}
    page = client.post(
        reverse("governance:review", args=[review.pk]), sent | {"checklist.another": "yes"}
    )
    assert page.status_code == 422
    assert page.context["form"].errors["checklist.clear"]
    assert "checklist.another" not in page.context["form"].errors


def test_the_documented_points_are_those_of_the_code():
    written = [tuple(row) for row in rows_below("Checklists")[1:]]
    assert written == [
        (kind, point.asks, point.when or "always", point.source)
        for kind, points in CHECKLISTS.items()
        for point in points
    ]
