"""Conditions of an approval. Rule: docs/governance.md, "Conditions"."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from consumption import actions as consumption
from governance import actions
from governance.models import Condition
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from publishing import actions as publishing
from publishing.missing import what_is_missing
from tests import factories

pytestmark = pytest.mark.django_db
EVIDENCE = "Measured with the loans of January; the report is at ml/loans/2026-q1."
LATER = timedelta(days=31)


def today():
    return timezone.localdate()


@pytest.fixture
def condition():
    return factories.condition(factories.in_review_version())


def approved(condition):
    factories.decide_all(condition.version)
    condition.version.refresh_from_db()
    return condition.version


def published(condition):
    return factories.brought_up(approved(condition))


def make_overdue(condition):
    Condition.objects.filter(pk=condition.pk).update(due_on=today() - timedelta(days=1))


# ── Set ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"text": "Soon."}, "conditions.0.text"),
        ({"owner": factories.charlie}, "conditions.0.owner"),
        ({"owner": factories.evan}, "conditions.0.owner"),
        ({"due_on": timedelta(0)}, "conditions.0.due_on"),
        ({"due_on": timedelta(days=366)}, "conditions.0.due_on"),
    ],
)
def test_a_condition_says_who_does_what_by_when(changed, field):
    values = {
        name: today() + value
        if isinstance(value, timedelta)
        else value()
        if callable(value)
        else value
        for name, value in changed.items()
    }
    with pytest.raises(Invalid) as refusal:
        factories.condition(factories.in_review_version(), **values)
    assert refusal.value.field == field
    assert not Condition.objects.exists()


def test_at_high_risk_it_is_due_within_90_days():
    version = factories.in_review_version(tier="high")
    with pytest.raises(Invalid, match="90 days"):
        factories.condition(version, due_on=today() + timedelta(days=91))
    assert factories.condition(version, due_on=today() + timedelta(days=90)).pk


def test_only_an_approval_has_conditions():
    review = factories.in_review_version().reviews.get(kind="curation")
    given = [{"text": EVIDENCE, "owner": factories.alice(), "due_on": today() + LATER}]
    with pytest.raises(Invalid) as refusal:
        actions.decide(
            factories.rita(), review, "changes_requested", factories.REASON, True, None, given
        )
    assert refusal.value.field == "conditions"


def test_a_point_that_is_not_met_may_be_approved_with_a_condition():
    review = factories.in_review_version().reviews.get(kind="curation")
    unmet = {"clear": {"answer": "no", "note": "The limits are vague."}}
    given = [{"text": EVIDENCE, "owner": factories.alice(), "due_on": today() + LATER}]
    checklist = factories.all_yes(review) | unmet
    decision = actions.decide(
        factories.rita(), review, "approved", factories.REASON, True, checklist, given
    )
    assert decision.conditions.count() == 1


def test_the_form_sets_one_and_marks_what_is_missing(client):
    version = factories.in_review_version()
    review = version.reviews.get(kind="curation")
    sent = {"outcome": "approved", "reason": factories.REASON, "no_conflict": "on"} | {
        f"checklist.{name}": "yes" for name in factories.all_yes(review)
    }
    client.force_login(factories.rita())
    at = reverse("governance:review", args=[review.pk])
    half = client.post(at, sent | {"conditions.0.text": EVIDENCE})
    assert set(half.context["form"].errors) == {"conditions.0.owner", "conditions.0.due_on"}
    whole = {"conditions.0.owner": factories.alice().pk, "conditions.0.due_on": today() + LATER}
    assert client.post(at, sent | {"conditions.0.text": EVIDENCE} | whole).status_code == 302
    assert review.decision.conditions.get().owner == factories.alice()


# ── Fulfilled and confirmed ───────────────────────────────────────────────


def test_the_owner_team_fulfils_and_who_set_it_confirms(condition):
    assert Notice.objects.filter(
        recipient=factories.alice(), key__startswith="condition-set"
    ).exists()
    actions.fulfil(factories.bob(), condition, EVIDENCE)
    assert Notice.objects.filter(
        recipient=factories.evan(), key__startswith="condition-confirm"
    ).exists()
    condition = actions.confirm(factories.evan(), condition, "The report shows the same figures.")
    assert (condition.state, condition.confirmed_by) == ("confirmed", factories.evan())
    acts = AuditEvent.objects.filter(action__startswith="condition.").values_list(
        "action", flat=True
    )
    assert list(acts.order_by("pk")) == ["condition.set", "condition.fulfil", "condition.confirm"]


def test_evidence_that_is_not_enough_comes_back_with_the_reason(condition, client):
    actions.fulfil(factories.alice(), condition, EVIDENCE)
    actions.send_back(factories.evan(), condition, "The report covers two weeks only.")
    client.force_login(factories.alice())
    page = client.get(condition.get_absolute_url()).content.decode()
    assert "The report covers two weeks only." in page and 'name="evidence"' in page
    actions.fulfil(factories.alice(), condition, f"{EVIDENCE} All three months.")
    assert Notice.objects.filter(
        recipient=factories.evan(), key__startswith="condition-confirm", read_at=None
    ).exists()


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.rita, factories.evan, factories.vera, factories.root]
)
def test_others_do_not_fulfil_it(condition, who):
    with pytest.raises(NotAllowed):
        actions.fulfil(who(), condition, EVIDENCE)


@pytest.mark.parametrize("who", [factories.alice, factories.bob, factories.rita, factories.vera])
def test_nobody_confirms_for_their_team_or_with_another_role(condition, who):
    actions.fulfil(factories.alice(), condition, EVIDENCE)
    for person in (who(), factories.also(factories.bob(), "evaluator")):
        with pytest.raises(NotAllowed):
            actions.confirm(person, condition, factories.REASON)
        with pytest.raises(NotAllowed):
            actions.send_back(person, condition, factories.REASON)


def test_the_database_refuses_one_person_for_both(condition):
    with pytest.raises(IntegrityError, match="condition_confirmed_by_another"):
        Condition.objects.filter(pk=condition.pk).update(
            fulfilled_by=factories.evan(), confirmed_by=factories.evan()
        )


def test_what_waits_for_a_confirmation_is_in_the_queue_of_its_kind(condition, client):
    actions.fulfil(factories.alice(), condition, EVIDENCE)
    for who, there in ((factories.evan(), True), (factories.rita(), False)):
        client.force_login(who)
        assert bool(client.get(reverse("governance:queue")).context["conditions"]) is there


# ── Overdue ───────────────────────────────────────────────────────────────


def test_reminders_come_once_each(condition):
    approved(condition)
    for days in (17, 16, 28, 30, 31):
        actions.remind_of_conditions(today() + timedelta(days=days))
    keys = Notice.objects.filter(
        recipient=factories.alice(), key__startswith="condition-due"
    ).values_list("key", flat=True)
    assert sorted(key.split(":")[0] for key in keys) == [
        "condition-due--1",
        "condition-due-0",
        "condition-due-14",
        "condition-due-3",
    ]
    assert Notice.objects.filter(recipient=factories.evan(), key__contains="due--1").exists()


def test_an_overdue_one_closes_the_version_and_the_next_submission(condition):
    version = published(condition)
    make_overdue(condition)
    application = factories.application()
    plan = version.model.plans.first()
    with pytest.raises(RuleError, match="condition of its approval is overdue"):
        consumption.subscribe(
            factories.maya(), application=application, plan=plan, version=version, purpose=EVIDENCE
        )
    draft = factories.draft_version(version.model, "1.1.0")
    with pytest.raises(RuleError, match=r"A condition of 1\.0\.0 is overdue"):
        publishing.submit(factories.alice(), draft)
    actions.fulfil(factories.alice(), condition, EVIDENCE)
    assert not [item for item in what_is_missing(draft) if item.step == "conditions"]


def test_at_high_risk_it_suspends_once():
    condition = factories.condition(factories.in_review_version(tier="high"))
    version = published(condition)
    assert actions.suspend_overdue(today()) == 0
    make_overdue(condition)
    assert actions.suspend_overdue(today()) == 1
    version.refresh_from_db()
    assert "Measure it again" in version.suspension_reason
    actions.resume(factories.gus(), version, "The cause was found and repaired.")
    assert actions.suspend_overdue(today()) == 0


def test_conditions_of_an_approval_that_no_longer_holds_do_not_bind(condition):
    version = published(condition)
    make_overdue(condition)
    assert version.conditions.overdue().exists()
    condition.decision.review.state = "void"
    condition.decision.review.save(update_fields=["state"])
    assert not version.conditions.overdue().exists()
