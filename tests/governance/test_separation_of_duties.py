"""Nobody judges their own work: not by verb, not as superuser, not after leaving, not in a second role.

Rule: docs/governance.md, "Separation of duties".
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog import actions as catalog
from catalog.models import Contribution
from governance import actions
from governance.permissions import why_not_decide
from marketplace.accounts.models import Membership
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import NotAllowed, RuleError
from publishing import actions as publishing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return factories.in_review_version()


def refused(by, review):
    """The sentence of the refusal; it must be on the record, and the review untouched."""
    with pytest.raises(NotAllowed) as answer:
        factories.approve(review, by)
    event = AuditEvent.objects.filter(
        action="review.refused", actor=by, object_id=str(review.pk)
    ).get()
    assert event.reason == answer.value.message
    review.refresh_from_db()
    assert review.state == "open" and not hasattr(review, "decision")
    return answer.value.message


def curation(version):
    return version.reviews.get(kind="curation")


def test_the_publisher_cannot_approve_their_own_submission(version):
    assert "You had a hand in this version" in refused(factories.alice(), curation(version))


def test_a_curator_who_submitted_it_cannot_approve_it(version):
    factories.also(factories.alice(), "curator")
    assert "You had a hand in this version" in refused(factories.alice(), curation(version))


def test_a_superuser_who_submitted_it_cannot_approve_it(version):
    alice = factories.also(factories.alice(), "curator", "admin")
    alice.is_superuser = alice.is_staff = True
    alice.save()
    assert "You had a hand in this version" in refused(alice, curation(version))


def test_a_superuser_without_a_role_cannot_approve_anything(version):
    assert "needs the role marketplace manager" in refused(factories.root(), curation(version))


def test_an_administrator_cannot_approve_anything(version):
    assert "needs the role" in refused(factories.person("ada", roles=["admin"]), curation(version))


def test_a_team_mate_with_the_role_cannot_approve(version):
    bob = factories.also(factories.bob(), "curator")
    assert "on Consumer lending AI" in refused(bob, curation(version))


def test_leaving_the_team_does_not_help_for_180_days(version):
    bob = factories.also(factories.bob(), "curator")
    left(bob, days=179)
    assert "or lately were, on Consumer lending AI" in refused(bob, curation(version))


def test_who_left_long_before_the_version_may_judge_it(version):
    bob = factories.also(factories.bob(), "curator")
    left(bob, days=181)
    assert not why_not_decide(bob, curation(version))


def test_leaving_the_team_never_washes_off_a_contribution(version):
    alice = factories.also(factories.alice(), "curator")
    left(alice, days=1000)
    assert "You had a hand in this version" in refused(alice, curation(version))


def test_who_was_on_the_team_since_the_version_was_made_cannot_judge_it_however_long_ago(version):
    version.created_at = timezone.now() - timedelta(days=400)
    version.save(update_fields=["created_at"])
    bob = factories.also(factories.bob(), "curator")
    left(bob, days=300)
    assert "lately were" in refused(bob, curation(version))


@pytest.mark.parametrize("kind", Contribution.Kind.values)
def test_each_kind_of_contribution_excludes(version, kind):
    rita = factories.rita()
    Contribution.objects.create(version=version, user=rita, kind=kind)
    assert "You had a hand" in refused(rita, curation(version))


def test_each_review_needs_its_own_role():
    version = factories.in_review_version(tier="high")
    judges = [
        factories.rita,
        factories.evan,
        factories.fay,
        factories.sam,
        factories.lena,
        factories.mira,
    ]
    for review in version.reviews.all():
        allowed = [judge().username for judge in judges if not why_not_decide(judge(), review)]
        assert allowed == [factories.judge(review).username], review.kind


def test_one_person_holds_one_deciding_role():
    version = factories.in_review_version(tier="medium")
    both = factories.also(factories.sam(), "evaluator")
    factories.approve(version.reviews.get(kind="security"), both)
    assert "already decided the security and safety review" in refused(
        both, version.reviews.get(kind="evaluation")
    )


def test_at_low_risk_the_curator_may_give_the_final_yes_when_somebody_else_evaluated():
    version = factories.in_review_version(tier="low")
    factories.decide_all(version)
    assert (
        version.reviews.get(kind="final").decision.by
        == version.reviews.get(kind="curation").decision.by
        == factories.rita()
    )


def test_at_low_risk_one_person_does_not_approve_alone():
    version = factories.in_review_version(tier="low")
    rita = factories.also(factories.rita(), "evaluator")
    factories.approve(curation(version), rita)
    assert "already decided" in refused(rita, version.reviews.get(kind="evaluation"))


@pytest.mark.parametrize(("tier", "people"), [("low", 2), ("medium", 3), ("high", 4)])
def test_enough_different_people_approve(tier, people):
    version = factories.approved_version(tier=tier)
    assert version.reviews.values("decision__by").distinct().count() >= people


def test_the_number_of_people_is_checked_even_when_every_review_is_approved(monkeypatch):
    version = factories.in_review_version(tier="low")
    monkeypatch.setattr("governance.policies.min_people", lambda version: 3)
    with pytest.raises(RuleError, match="3 different people approve; so far 2"):
        factories.decide_all(version)
    version.refresh_from_db()
    assert version.state == "in_review" and version.reviews.get(kind="final").state == "open"


def test_at_high_risk_the_evaluator_is_from_another_business_unit():
    version = factories.in_review_version(tier="high")
    neighbour = factories.person(
        "nina", factories.team("Lending collections", "Consumer lending"), roles=["evaluator"]
    )
    assert "comes from outside Consumer lending" in refused(
        neighbour, version.reviews.get(kind="evaluation")
    )


def test_system_users_do_not_decide(version):
    system = factories.person("system:x", is_system=True, roles=["curator"])
    assert "Only an active person" in refused(system, curation(version))


def test_somebody_deactivated_does_not_decide(version):
    rita = factories.rita()
    rita.is_active = False
    assert "Only an active person" in why_not_decide(rita, curation(version))


def test_those_who_stop_a_version_may_not_start_it_again_alone():
    version = factories.published_version()
    actions.suspend(factories.sam(), version, "The package has a known weakness.")
    for person in (factories.sam(), factories.alice(), factories.rita(), factories.root()):
        with pytest.raises(NotAllowed):
            actions.resume(person, version, "It seems fine to me now.")
    actions.resume(factories.gus(), version, "The weakness was found not to apply.")
    version.refresh_from_db()
    assert version.is_callable


def test_who_stopped_a_version_does_not_start_it_again():
    version = factories.published_version()
    actions.suspend(factories.gus(), version, "The package has a known weakness.")
    with pytest.raises(NotAllowed, match="nor who stopped it"):
        actions.resume(factories.gus(), version, "The weakness was found not to apply.")
    actions.resume(factories.mira(), version, "The weakness was found not to apply.")
    version.refresh_from_db()
    assert version.is_callable


def test_an_approval_does_not_count_once_its_person_came_to_the_team():
    version = factories.in_review_version()
    factories.decide_all(version, but=["final"])
    Membership.objects.create(user=factories.evan(), team=factories.lending())
    final = version.reviews.get(kind="final")
    with pytest.raises(RuleError, match="Evan gave the approval of independent evaluation"):
        factories.approve(final)
    actions.decide(
        factories.judge(final), final, "changes_requested", "Evan joined its team.", True
    )
    version.refresh_from_db()
    publishing.edit_changelog(factories.alice(), version, "Another evaluator looks at it.")
    actions.check(publishing.submit(factories.alice(), version))
    states = dict(version.reviews.filter(round=1).values_list("kind", "state"))
    assert (
        states["evaluation"] == "void"
        and version.reviews.get(kind="evaluation", round=2).state == "open"
    )


def test_a_model_that_is_handed_over_is_not_judged_by_those_who_gave_it_away(version):
    """Another team owns it now; bob had no hand in it and was on the team that made it."""
    bob = factories.also(factories.bob(), "curator")
    others = factories.person("oscar", factories.team("Lending risk", "Consumer lending"))
    catalog.hand_over(
        factories.rita(),
        version.model,
        owner_team=others.teams().get(),
        owner=others,
        support_contact="risk@example.com",
    )
    assert "You had a hand in this version" in refused(bob, curation(version))
    assert "You had a hand in this version" in refused(factories.alice(), curation(version))


def left(user, days):
    Membership.objects.filter(user=user).update(
        joined_at=timezone.now() - timedelta(days=2000),
        left_at=timezone.now() - timedelta(days=days),
    )
