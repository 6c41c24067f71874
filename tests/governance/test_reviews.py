"""From submission to approval: gates, reviews, decisions, and what each leaves behind."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from governance import actions, views
from governance.models import Decision, GateResult, Review
from marketplace.audit.models import AuditEvent
from marketplace.core import signing
from marketplace.core.canonical import canonical
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from publishing import actions as publishing
from tests import factories

pytestmark = pytest.mark.django_db


def events(obj, action):
    return AuditEvent.objects.filter(
        action=action, object_id=str(obj.pk), object_type=obj._meta.label_lower
    )


# ── The questionnaire ─────────────────────────────────────────────────────


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_answers_lead_to_a_tier(tier):
    version = factories.draft_version(tier=tier)
    assert version.risk_tier == tier
    assert events(version, "version.assess").get().detail["tier"] == tier


def test_strangers_do_not_answer():
    version = factories.draft_version()
    for stranger in (factories.charlie(), factories.maya(), factories.rita(), factories.root()):
        with pytest.raises(NotAllowed):
            actions.assess_risk(stranger, version, factories.LOW)


def test_after_submission_the_tier_stands():
    version = factories.submitted_version(tier="medium")
    with pytest.raises((NotAllowed, RuleError)):
        actions.assess_risk(factories.alice(), version, factories.LOW)
    version.refresh_from_db()
    assert version.risk_tier == "medium"


def test_a_missing_answer_is_named():
    version = factories.draft_version()
    answers = {name: answer for name, answer in factories.LOW.items() if name != "autonomy"}
    with pytest.raises(Invalid) as refusal:
        actions.assess_risk(factories.alice(), version, answers)
    assert refusal.value.field == "autonomy"


def test_each_answer_is_kept():
    version = factories.draft_version(tier="low")
    actions.assess_risk(factories.alice(), version, factories.HIGH)
    assert [row.tier for row in version.assessments.all()] == ["high", "low"]


# ── The gates ─────────────────────────────────────────────────────────────


def test_a_version_that_passes_goes_to_review_with_what_its_tier_needs():
    version = factories.in_review_version(tier="low")
    assert version.state == "in_review"
    assert set(version.reviews.values_list("kind", flat=True)) == {
        "curation",
        "evaluation",
        "final",
    }
    high = factories.in_review_version(factories.model(name="Credit decision"), tier="high")
    assert high.reviews.count() == 6


def test_the_reviewers_are_told_but_not_the_final_one_yet():
    cast_judges()
    version = factories.in_review_version(tier="high")
    told = set(
        Notice.objects.filter(key__startswith="review-open").values_list(
            "recipient__username", flat=True
        )
    )
    assert told == {"rita", "evan", "fay", "sam", "lena"}
    factories.decide_all(version, but=["final"])
    assert Notice.objects.filter(recipient=factories.mira(), key__startswith="review-open").exists()


def test_checking_twice_opens_the_reviews_once():
    version = factories.in_review_version()
    actions.check(version)
    assert version.reviews.count() == 3


def test_a_failed_gate_sends_it_back_with_the_reason():
    version = factories.submitted_version()
    actions.record_gate(version, "safety", "fail", "It holds a custom operator.", tool="test")
    version = actions.check(version)
    assert version.state == "changes_requested" and not version.reviews.exists()
    assert (
        "Safety: It holds a custom operator."
        in events(version, "version.gates_failed").get().reason
    )
    assert Notice.objects.filter(
        recipient=factories.alice(), title__contains="did not pass"
    ).exists()


@pytest.mark.parametrize("verdict", ["error", "inconclusive"])
def test_a_gate_that_could_not_run_blocks(verdict):
    version = factories.submitted_version()
    actions.record_gate(version, "integrity", verdict, "The storage was away.", tool="test")
    assert actions.check(version).state == "changes_requested"


def test_without_the_evidence_it_waits_in_checking():
    version = factories.submitted_version()
    drop_gate(version, "safety")
    assert actions.check(version).state == "checking"
    actions.record_gate(version, "safety", "pass", "Looked at again.", tool="test")
    assert actions.check(version).state == "in_review"


def test_evidence_about_other_bytes_does_not_count():
    version = factories.submitted_version()
    drop_gate(version, "safety")
    GateResult.objects.create(
        version=version,
        gate="safety",
        verdict="pass",
        severity="block",
        summary="old",
        tool="test",
        manifest_sha256="0" * 64,
    )
    assert actions.check(version).state == "checking"


# ── Deciding ──────────────────────────────────────────────────────────────


def test_the_last_approval_approves_the_version_and_signs_its_manifest():
    version = factories.approved_version()
    assert version.state == "approved" and version.approved_until > version.approved_at
    assert signing.is_signed(canonical(version.manifest), version.manifest_signature)
    assert events(version, "version.approve").get().actor == factories.rita()


def test_a_decision_says_what_it_was_about():
    version = factories.in_review_version()
    decision = factories.approve(version.reviews.get(kind="curation"))
    assert (decision.manifest_sha256, decision.card_sha256) == (
        version.manifest_sha256,
        version.card.sha256,
    )
    assert decision.evidence and decision.policy.kind == "review_matrix" and decision.no_conflict
    assert events(decision.review, "review.approved").get().reason == factories.REASON


def test_the_final_approval_comes_last():
    version = factories.in_review_version()
    with pytest.raises(RuleError, match="still open: curation, independent evaluation"):
        factories.approve(version.reviews.get(kind="final"))


@pytest.mark.parametrize(
    ("outcome", "reason", "no_conflict", "field"),
    [
        ("approved", "ok", True, "reason"),
        ("approved", factories.REASON, False, "no_conflict"),
        ("void", factories.REASON, True, "outcome"),
        ("rejected", factories.REASON, True, "outcome"),
    ],
)
def test_a_decision_has_a_form(outcome, reason, no_conflict, field):
    review = factories.in_review_version().reviews.get(kind="curation")
    with pytest.raises(Invalid) as refusal:
        actions.decide(factories.rita(), review, outcome, reason, no_conflict)
    assert refusal.value.field == field


def test_a_review_is_decided_once():
    review = factories.in_review_version().reviews.get(kind="curation")
    factories.approve(review)
    with pytest.raises(RuleError, match="not open any more"):
        factories.approve(review)
    assert Decision.objects.count() == 1


def test_requested_changes_close_the_round_and_tell_the_team():
    version = factories.in_review_version()
    actions.decide(
        factories.evan(),
        version.reviews.get(kind="evaluation"),
        "changes_requested",
        "Measure it on last year too.",
        True,
    )
    version.refresh_from_db()
    assert version.state == "changes_requested"
    assert set(version.reviews.exclude(kind="evaluation").values_list("state", flat=True)) == {
        "void"
    }
    assert (
        Notice.objects.filter(recipient=factories.bob(), title__contains="needs changes").count()
        <= 1
    )
    assert (
        Notice.objects.get(recipient=factories.alice(), title__contains="needs changes").body
        == "Measure it on last year too."
    )


def test_after_changes_a_new_round_begins_and_must_bring_something_new():
    version = factories.in_review_version()
    actions.decide(
        factories.evan(),
        version.reviews.get(kind="evaluation"),
        "changes_requested",
        "Measure it on last year too.",
        True,
    )
    version.refresh_from_db()
    with pytest.raises(RuleError, match="Nothing changed"):
        publishing.submit(factories.alice(), version)
    publishing.edit_card(
        factories.alice(),
        version,
        {"evaluation.baseline": "A rule by hand: income is what comes in each month."},
    )
    version = actions.check(publishing.submit(factories.alice(), version))
    assert version.state == "in_review"
    assert set(version.reviews.filter(round=2).values_list("kind", flat=True)) == {
        "curation",
        "evaluation",
        "final",
    }


def test_rejection_is_the_final_approvers_and_is_the_end():
    version = factories.in_review_version()
    actions.decide(
        factories.rita(),
        version.reviews.get(kind="final"),
        "rejected",
        "It disadvantages young applicants.",
        True,
    )
    version.refresh_from_db()
    assert version.state == "rejected"
    with pytest.raises(RuleError):
        publishing.withdraw(factories.alice(), version)


def test_a_version_that_changed_after_submission_is_not_decided():
    version = factories.in_review_version()
    version.card.data = {
        **version.card.data,
        "intended_use.summary": "Anything you like, really, without any limit at all.",
    }
    version.card.save()
    with pytest.raises(RuleError, match="changed after it was submitted"):
        factories.approve(version.reviews.get(kind="curation"))


@pytest.mark.parametrize(
    "table",
    [
        "governance_decision",
        "governance_gateresult",
        "governance_tierassessment",
        "governance_policyversion",
    ],
)
def test_what_was_decided_is_never_changed(table):
    factories.approved_version()
    column = {"governance_decision": "reason", "governance_gateresult": "summary"}.get(
        table, "sha256" if "policy" in table else "tier"
    )
    with (
        pytest.raises(DatabaseError, match="immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE {table} SET {column} = 'other'")


@pytest.mark.django_db(transaction=True)
def test_two_people_deciding_at_once_decide_once():
    version = factories.in_review_version()
    second = factories.person("ravi", factories.head_office(), roles=["curator"])
    review, answers = version.reviews.get(kind="curation"), []

    def decide(by):
        try:
            answers.append(factories.approve(Review.objects.get(pk=review.pk), by))
        except RuleError as refusal:
            answers.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=[by]) for by in (factories.rita(), second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 2 and Decision.objects.count() == 1


# ── Stopping ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "who", [factories.sam, factories.rita, factories.mira, factories.gus, factories.alice]
)
def test_one_person_suffices_to_stop_a_version(who):
    version = factories.published_version()
    actions.suspend(who(), version, "Wrong answers for self-employed people.")
    version.refresh_from_db()
    assert not version.is_callable and version.state == "published"
    assert events(version, "version.suspend").get().actor == who()


@pytest.mark.parametrize(
    "who",
    [
        factories.charlie,
        factories.maya,
        factories.bob,
        factories.vera,
        factories.finn,
        factories.root,
    ],
)
def test_others_do_not_stop_it(who):
    version = factories.published_version()
    with pytest.raises(NotAllowed):
        actions.suspend(who(), version, "Wrong answers for self-employed people.")


def test_stopping_twice_and_starting_what_runs_are_refused():
    version = factories.published_version()
    with pytest.raises(RuleError, match="is not suspended"):
        actions.resume(factories.gus(), version, "Nothing was wrong with it at all.")
    actions.suspend(factories.sam(), version, "Wrong answers for self-employed people.")
    with pytest.raises(RuleError, match="suspended already"):
        actions.suspend(factories.rita(), version, "Wrong answers for self-employed people.")


def cast_judges():
    """Everybody who judges is there before the reviews open."""
    return [
        judge()
        for judge in (
            factories.rita,
            factories.evan,
            factories.fay,
            factories.sam,
            factories.lena,
            factories.gus,
            factories.mira,
        )
    ]


def drop_gate(version, gate):
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM governance_gateresult WHERE version_id = %s AND gate = %s",
            [version.pk, gate],
        )


def test_whom_a_suspension_stops_is_notified_also_of_an_external_endpoint():
    """No reconciler stops one, and the reconciler was who told: nobody learned of it."""
    version = factories.subscription().pinned_version
    actions.suspend(factories.sam(), version, "Wrong answers for self-employed people.")
    actions.resume(factories.gus(), version, "The cause was found and repaired.")
    for person in (factories.maya(), factories.alice()):
        notices = Notice.objects.filter(recipient=person, kind__startswith="version.")
        assert {notice.kind for notice in notices} >= {"version.suspended", "version.resumed"}
    assert not Notice.objects.filter(recipient=factories.charlie()).exists()


def test_the_queue_comes_in_pages_with_what_waits_for_oneself_first(client, monkeypatch):
    """Issue 8, C9: at 10 000 listings a thousand reviews waited on one page. The own ones are first over all pages."""
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    for number in range(3):
        factories.in_review_version(factories.model(name=f"Model {number}"))
    client.force_login(factories.rita())
    theirs = Review.objects.open().for_roles(factories.rita().roles()).count()
    pages = [
        client.get(reverse("governance:queue"), {"page": page}).context["reviews"]
        for page in range(1, -(-Review.objects.open().count() // 4) + 1)
    ]
    may = [not row.reasons_against for page in pages for row in page]
    assert may == [True] * theirs + [False] * (Review.objects.open().count() - theirs)
    assert all(len(page) <= 4 for page in pages) and 0 < theirs < len(may)
