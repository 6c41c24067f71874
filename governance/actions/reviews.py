"""Verbs of reviews: open, decide, keep, void. What was decided is never changed, only added to."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from catalog.models import ModelVersion
from governance import benchmarks, checklists, policies, rounds
from governance.actions import assignment, conditions
from governance.actions.evidence import blocking_gates, current_gates
from governance.calendar import business_days_after
from governance.matrix import roles_for
from governance.models import AutomaticApproval, Decision, GateResult, Review, ReviewRound
from governance.permissions import is_involved, why_not_decide
from marketplace.accounts.models import User
from marketplace.audit.actions import record, refusal_on_record
from marketplace.core import signing
from marketplace.core.background import enqueue
from marketplace.core.canonical import canonical, digest
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

REVIEW_VERBS: dict[str, str] = {
    Review.State.APPROVED: "approve",
    Review.State.CHANGES_REQUESTED: "request changes",
    Review.State.REJECTED: "reject",
}
Answers = Mapping[str, Mapping[str, Any]]  # point of a checklist → answer, note


def open_reviews(by: User, version: ModelVersion) -> ModelVersion:
    """checking → in review: a new round of reviews; approvals that still hold are kept. Returns the version."""
    last = version.reviews.order_by("-round").values_list("round", flat=True).first() or 0
    this = ReviewRound.objects.create(
        version=version, number=last + 1, submission=rounds.snapshot(version)
    )
    now = timezone.now()
    reviews = [
        Review(version=version, kind=kind, round=this.number, due_at=business_days_after(now, days))
        for kind, days in policies.required_reviews(version)
    ]
    for review in reviews:
        review.remind_at = review.next_reminder(now)
    _keep_approvals(by, reviews, this)
    Review.objects.bulk_create(reviews)
    transition(version, ModelVersion.State.IN_REVIEW)
    record(
        by,
        "version.reviews_opened",
        version,
        kinds=[review.kind for review in reviews if not review.kept_from],
        kept=[review.kind for review in reviews if review.kept_from],
        tier=version.risk_tier,
    )
    for review in reviews:
        if review.kind != Review.Kind.FINAL and not review.kept_from:
            _tell_deciders(review)
    if _only_final_is_open(version, this.number):
        _open_final(version, this.number)
    return version


def decide(
    by: User,
    review: Review,
    outcome: str,
    reason: str,
    no_conflict: bool,
    checklist: Answers | None = None,
    conditions: conditions.Given = (),
) -> Decision:
    """Decide one review: outcome is a ReviewState of approved, changes_requested or rejected. Returns the Decision.

    checklist: {point: {"answer", "note"}}; an approval needs every point (governance.checklists).
    conditions: [{"text", "owner", "due_on"}] of an approval (governance.actions.conditions).

    Raises NotAllowed (separation of duties; the attempt is recorded), Invalid, RuleError, StaleState.
    """
    with refusal_on_record(by, "review.refused", review):
        return _decide(
            by, review, outcome, reason.strip(), no_conflict, checklist or {}, conditions
        )


def void_reviews(version: ModelVersion) -> None:
    """Nobody needs to decide the version's open reviews any more."""
    for review in version.reviews.filter(state=Review.State.OPEN):
        transition(review, Review.State.VOID, decided_at=timezone.now())
        resolve(f"review-open:{review.pk}")


def notify_publishers(version: ModelVersion, what: str, body: str) -> None:
    """Tell the team what became of its version, once for each submission."""
    team = User.objects.on_teams([version.model.owner_team])
    key = f"version-{version.state}:{version.pk}:{version.submitted_at:%Y%m%d%H%M%S}"
    notify(
        team,
        "review",
        f"{version} {what}",
        body=body,
        url=version.get_absolute_url(),
        key=key,
        model=version.model.slug,
        teams=[version.model.owner_team],
    )


@transaction.atomic
def _decide(
    by: User,
    review: Review,
    outcome: str,
    reason: str,
    no_conflict: bool,
    checklist: Answers,
    given: conditions.Given,
) -> Decision:
    version = (
        ModelVersion.objects.select_for_update()
        .select_related("model__owner_team")
        .get(pk=review.version_id)
    )
    review = Review.objects.select_for_update().get(pk=review.pk)
    review.version = version
    refusal = why_not_decide(by, review)
    require(not refusal, refusal, ask="the marketplace manager to assign somebody else")
    require_decision(outcome, REVIEW_VERBS, reason, no_conflict)
    _require_decidable(review, outcome)
    answers = _answers(review, checklist, outcome == Review.State.APPROVED, bool(given))
    transition(review, outcome, decided_at=timezone.now())
    decision = Decision.objects.create(
        review=review,
        by=by,
        outcome=outcome,
        reason=reason,
        no_conflict=no_conflict,
        manifest_sha256=version.manifest_sha256,
        card_sha256=version.card.sha256,
        evidence=[result.pk for result in current_gates(version)],
        checklist=answers,
        policy=policies.row_of("review_matrix", policies.rules_of(version)),
    )
    record(
        by,
        f"review.{outcome}",
        review,
        reason=reason,
        version=version.pk,
        checklist={row["point"]: row["answer"] for row in answers},
    )
    conditions.set_conditions(by, decision, given)
    resolve(f"review-open:{review.pk}")
    _follow(by, review, outcome, reason)
    return decision


def require_decision(outcome: str, verbs: dict[str, str], reason: str, no_conflict: bool) -> None:
    """What holds for every decision: one of the outcomes (outcome → verb), a reason, no conflict of interest. Raises Invalid."""
    if outcome not in verbs:
        raise Invalid(f"Choose a decision: {' or '.join(verbs.values())}.", field="outcome")
    require_reason(reason, "it stays on the record, and the publisher reads it")
    if not no_conflict:
        raise Invalid(
            "Declare that you have no conflict of interest, or let somebody else decide.",
            field="no_conflict",
        )


def _require_decidable(review: Review, outcome: str) -> None:
    version = review.version
    if version.state != ModelVersion.State.IN_REVIEW or review.state != Review.State.OPEN:
        raise RuleError(f"{review} is not open any more.", remedy="Reload the page.")
    if version.manifest_sha256 != digest(version.manifest) or version.card.sha256 != digest(
        version.card.data
    ):
        raise RuleError(
            "The version changed after it was submitted.", remedy="Request changes from its team."
        )
    if review.kind == Review.Kind.FINAL:
        _check_final(review, outcome)
    elif outcome == Review.State.APPROVED:
        reason = benchmarks.reasons_against_approval(review, current_gates(version))
        if reason:
            raise RuleError(reason, remedy="Run the independent evaluation, or request changes.")
    elif outcome == Review.State.REJECTED:
        raise Invalid(
            "Only the final approver rejects.", field="outcome", remedy="Request changes instead."
        )


def _answers(
    review: Review, given: Answers, is_approval: bool, has_conditions: bool
) -> list[dict[str, str]]:
    """The checklist to keep. Raises Invalid; a point that is not met needs a condition that says who mends it."""
    if has_conditions and not is_approval:
        raise Invalid("Only an approval has conditions.", field="conditions")
    rows = checklists.answers(policies.checklist_of(review), given, is_approval)
    unmet = [row["point"] for row in rows if row["answer"] == checklists.Answer.NO]
    if is_approval and unmet and not has_conditions:
        raise Invalid(
            "A point that is answered with no stands against an approval without a condition.",
            field=f"checklist.{unmet[0]}",
            remedy="Set a condition, or request changes.",
        )
    return rows


def _check_final(review: Review, outcome: str) -> None:
    open_others = review.version.reviews.filter(
        round=review.round, state=Review.State.OPEN
    ).exclude(pk=review.pk)
    if outcome != Review.State.APPROVED:
        return
    if open_others.exists():
        kinds = ", ".join(other.get_kind_display().lower() for other in open_others)
        raise RuleError(
            f"The final approval comes last; still open: {kinds}.",
            remedy="Decide it when they are done.",
        )
    _require_still_apart(review.version, review.round)
    if blocking := blocking_gates(review.version):
        raise RuleError(
            f"A check blocks: {blocking[0].label}. {blocking[0].summary}",
            remedy="Run it again, or request changes.",
        )


def _require_still_apart(version: ModelVersion, round_number: int) -> None:
    """No approval of the round counts whose person came to the owner team, or had a hand in the version, since. Raises RuleError."""
    given = version.reviews.filter(round=round_number, state=Review.State.APPROVED)
    for review in given.select_related("decision__by", "kept_from__decision__by"):
        if is_involved(review.decided_by, version):
            raise RuleError(
                f"{review.decided_by} gave the approval of {review.get_kind_display().lower()} and has had a hand in the version or its team since, so it does not count.",
                remedy="Request changes: in the next round somebody else decides it.",
            )


def _follow(by: User, review: Review, outcome: str, reason: str) -> None:
    """What one decision means for its version."""
    version = review.version
    if outcome == Review.State.REJECTED:
        void_reviews(version)
        transition(version, ModelVersion.State.REJECTED)
        notify_publishers(version, "was rejected", reason)
    elif outcome == Review.State.CHANGES_REQUESTED:
        void_reviews(version)
        transition(version, ModelVersion.State.CHANGES_REQUESTED)
        notify_publishers(version, "needs changes", reason)
    elif (
        not version.reviews.filter(round=review.round).exclude(state=Review.State.APPROVED).exists()
    ):
        _approve(by, version, review.round)
    elif _only_final_is_open(version, review.round):
        _open_final(version, review.round)


def _approve(by: User, version: ModelVersion, round_number: int) -> None:
    deciders = Coalesce("decision__by", "kept_from__decision__by")
    people = set(version.reviews.filter(round=round_number).values_list(deciders, flat=True))
    needed = policies.min_people(version)
    if len(people) < needed:
        raise RuleError(
            f"At {version.risk_tier} risk {needed} different people approve; so far {len(people)}.",
            ask="another reviewer",
        )
    days = policies.rules_of(version).days("valid_days", version.risk_tier)
    now = timezone.now()
    _sign_off(by, version, now, now + timedelta(days=days))


def approve_patch(by: User, version: ModelVersion, results: Sequence[GateResult]) -> ModelVersion:
    """checking → approved, by green checks alone (governance.automatic). The approval holds no longer than the one it repeats."""
    previous = version.predecessor()
    policy = policies.row_of("review_matrix", policies.rules_of(version))
    approval = AutomaticApproval.objects.create(
        version=version,
        previous=previous,
        policy=policy,
        evidence=[result.pk for result in results],
        manifest_sha256=version.manifest_sha256,
        card_sha256=version.card.sha256,
    )
    transition(version, ModelVersion.State.IN_REVIEW)
    record(
        by,
        "version.approve_automatically",
        version,
        reason=f"All checks are green, and it repeats {previous.number}: {policy} lets it through.",
        policy=policy.sha256,
        evidence=approval.evidence,
    )
    _sign_off(by, version, timezone.now(), previous.approved_until)
    notify(
        User.objects.holding(*roles_for(Review.Kind.FINAL, version.risk_tier)),
        "review",
        f"{version} was approved by its checks",
        body=f"It is a patch that repeats {previous.number}. Nobody needs to act.",
        url=version.get_absolute_url(),
        key=f"automatic-approval:{version.pk}",
        model=version.model.slug,
    )
    return version


def _sign_off(by: User, version: ModelVersion, now: datetime, until: datetime) -> None:
    """in review → approved: the platform signs the bytes, and the team hears of it."""
    signature = signing.sign(canonical(version.manifest))
    transition(
        version,
        ModelVersion.State.APPROVED,
        approved_at=now,
        manifest_signature=signature,
        approved_until=until,
    )
    record(
        by, "version.approve", version, manifest=version.manifest_sha256, card=version.card.sha256
    )
    notify_publishers(version, "is approved", "It will be hosted and published by itself.")
    enqueue("hosting.reconcile")


def _keep_approvals(by: User, reviews: list[Review], this: ReviewRound) -> None:
    """Approvals of the last round hold where nothing changed that the review looked at; the others become void, with the reason."""
    earlier = {
        review.kind: review
        for review in this.version.reviews.filter(
            round=this.number - 1, state=Review.State.APPROVED
        ).select_related("decision__by", "kept_from__decision__by")
    }
    before = this.version.rounds.filter(number=this.number - 1).first()
    for review in reviews:
        approved = earlier.get(review.kind)
        if approved is None:
            continue
        reason = _why_not_kept(approved, before, this)
        if reason:
            transition(approved, Review.State.VOID)
            record(
                by,
                "review.void",
                approved,
                reason=reason,
            )
        else:
            review.state, review.decided_at = Review.State.APPROVED, approved.decided_at
            review.kept_from = approved.kept_from or approved


def _why_not_kept(approved: Review, before: ReviewRound | None, this: ReviewRound) -> str:
    """The sentence that says why an approval of the last round does not hold in this one, or ""."""
    if changed := rounds.changed_parts(approved.kind, before, this):
        return f"Changed since it was approved: {', '.join(changed)}."
    if is_involved(approved.decided_by, this.version):
        return f"{approved.decided_by} has had a hand in the version or its team since."
    return ""


def _only_final_is_open(version: ModelVersion, round_number: int) -> bool:
    rest = version.reviews.filter(round=round_number).exclude(state=Review.State.APPROVED)
    return [review.kind for review in rest] == [Review.Kind.FINAL]


def _open_final(version: ModelVersion, round_number: int) -> None:
    """The final approval is the last one open: its days begin now."""
    review = version.reviews.get(round=round_number, kind=Review.Kind.FINAL)
    now = timezone.now()
    days = dict(policies.required_reviews(version))[Review.Kind.FINAL]
    review.opened_at, review.due_at = now, business_days_after(now, days)
    review.remind_at = review.next_reminder(now)
    review.save(update_fields=["opened_at", "due_at", "remind_at"])
    _tell_deciders(review)


def _tell_deciders(review: Review) -> None:
    """Give the review to somebody, and tell all who may decide it."""
    assignment.assign(review)
    roles = roles_for(review.kind, review.version.risk_tier)
    notify(
        User.objects.holding(*roles),
        "review",
        f"To decide: {review}",
        url=review.get_absolute_url(),
        key=f"review-open:{review.pk}",
        model=review.version.model.slug,
        body=f"Due {review.due_at:%d %B %Y}.",
    )
