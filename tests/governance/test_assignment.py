"""Who has a review first. Rule: docs/governance.md, "Assignment"."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import actions
from governance.models import Review
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
REASON = "I know this team's data better than you do."


def today():
    return timezone.localdate()


def second(name="eve", role="evaluator", team=None):
    return factories.person(name, team or factories.head_office(), roles=[role])


@pytest.fixture
def version():
    factories.evan()
    return factories.in_review_version()


def evaluation(version):
    return version.reviews.select_related("assignee").get(kind="evaluation")


def test_reviews_are_given_by_load():
    factories.evan(), second()
    given = [
        evaluation(factories.in_review_version(factories.model(name=f"Model {number}"))).assignee
        for number in range(4)
    ]
    assert sorted(user.username for user in given) == ["evan", "evan", "eve", "eve"]
    assert AuditEvent.objects.filter(action="review.assign").exists()


def test_nobody_gets_the_work_of_their_own_team():
    second(team=factories.lending())
    assert evaluation(factories.in_review_version()).assignee is None


def test_nothing_is_given_to_who_is_away_and_what_they_have_goes_to_others(version):
    assert evaluation(version).assignee == factories.evan()
    second()
    actions.be_away(factories.evan(), today(), today() + timedelta(days=5))
    assert evaluation(version).assignee.username == "eve"
    assert Notice.objects.filter(
        key__startswith="review-assigned", recipient__username="eve"
    ).exists()
    other = factories.in_review_version(factories.model(name="Another one"))
    assert evaluation(other).assignee.username == "eve"


def test_an_absence_begins_on_its_day(version):
    second()
    absence = actions.be_away(
        factories.evan(), today() + timedelta(days=3), today() + timedelta(days=4)
    )
    assert evaluation(version).assignee == factories.evan()
    assert actions.hand_over_absent(today() + timedelta(days=2)) == 0
    actions.cancel_absence(factories.evan(), absence)
    assert actions.hand_over_absent(today() + timedelta(days=3)) == 0


@pytest.mark.parametrize(
    ("first", "last", "field"), [(-1, 3, "starts_on"), (3, 2, "ends_on"), (0, 91, "ends_on")]
)
def test_an_absence_names_what_is_wrong(first, last, field):
    with pytest.raises(Invalid) as refusal:
        actions.be_away(
            factories.evan(), today() + timedelta(days=first), today() + timedelta(days=last)
        )
    assert refusal.value.field == field
    with pytest.raises(NotAllowed):
        actions.be_away(factories.alice(), today(), today())


def test_a_review_is_claimed_when_nobody_has_it_or_it_is_overdue(version):
    eve, review = second(), evaluation(version)
    with pytest.raises(RuleError, match="has this review"):
        actions.claim(eve, review)
    Review.objects.filter(pk=review.pk).update(due_at=timezone.now() - timedelta(hours=1))
    assert actions.claim(eve, review).assignee == eve
    for person in (factories.alice(), factories.rita(), factories.vera(), factories.root()):
        with pytest.raises(NotAllowed):
            actions.claim(person, review)


def test_who_has_it_hands_it_over_to_somebody_who_may_decide(version):
    review, eve = evaluation(version), second()
    for person in (factories.rita(), eve, factories.also(factories.bob(), "governance_lead")):
        with pytest.raises(NotAllowed):
            actions.hand_over(person, review, eve, REASON)
    for to in (factories.alice(), factories.rita(), factories.evan()):
        with pytest.raises(Invalid) as refusal:
            actions.hand_over(factories.evan(), review, to, REASON)
        assert refusal.value.field == "to"
    assert actions.hand_over(factories.evan(), review, eve, REASON).assignee == eve
    assert actions.hand_over(factories.gus(), review, factories.evan(), REASON).assignee
    assert Notice.objects.filter(recipient=eve, body=REASON).exists()


def test_the_final_approval_opens_last_and_its_days_begin_then(client):
    version = factories.in_review_version(tier="medium")
    factories.gus()
    client.force_login(factories.gus())
    [row] = [
        row
        for row in client.get(reverse("governance:queue")).context["reviews"]
        if row.subject.kind == "final"
    ]
    assert "when the other reviews are decided" in row.reasons_against
    assert not Review.objects.for_roles(factories.gus().roles()).exists()
    final = version.reviews.get(kind="final")
    assert final.assignee is None
    Review.objects.filter(pk=final.pk).update(due_at=timezone.now() - timedelta(days=1))
    factories.decide_all(version, but=["final"])
    final.refresh_from_db()
    assert final.assignee == factories.gus() and final.due_at > timezone.now()
    [first, *_] = client.get(reverse("governance:queue")).context["reviews"]
    assert (first.subject, first.reasons_against) == (final, "")


def test_the_own_reviews_come_first_in_the_queue(client):
    factories.evan(), second()
    for number in range(4):
        factories.in_review_version(factories.model(name=f"Model {number}"))
    client.force_login(factories.evan())
    page = client.get(reverse("governance:queue"))
    holders = [row.subject.assignee.username for row in page.context["reviews"][:4]]
    assert holders == ["evan", "evan", "eve", "eve"]


def test_claimed_and_handed_over_by_page(version, client):
    review, eve = evaluation(version), second()
    client.force_login(factories.evan())
    page = client.get(reverse("governance:review", args=[review.pk])).content.decode()
    at = reverse("governance:hand_over", args=[review.pk])
    assert at in page and "Claim it" not in page
    assert client.post(at, {"to": factories.alice().pk, "reason": REASON}).status_code == 422
    assert client.post(at, {"to": eve.pk, "reason": REASON}).status_code == 302
    assert evaluation(version).assignee == eve
