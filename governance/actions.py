"""Verbs of governance: assess, check, review, approve, suspend. What was decided is never changed, only added to."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from catalog import actions as catalog
from catalog.models import Contribution, ModelVersion, RegisteredModel
from catalog.permissions import can_edit
from governance import amendments, benchmarks, policies, rounds, tiering
from governance.calendar import business_days_after
from governance.matrix import roles_for
from governance.models import (
    Amendment,
    AmendmentDecision,
    Decision,
    GateResult,
    Review,
    ReviewRound,
    TierAssessment,
)
from governance.permissions import (
    can_assess,
    can_resume,
    can_suspend,
    kind_to_decide,
    reasons_against_amendment,
    undecided_kinds,
    why_not_decide,
)
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core import signing
from marketplace.core.background import enqueue
from marketplace.core.canonical import canonical, digest
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

STATE = ModelVersion.State
REVIEW_VERBS: dict[str, str] = {
    Review.State.APPROVED: "approve",
    Review.State.CHANGES_REQUESTED: "request changes",
    Review.State.REJECTED: "reject",
}
AMENDMENT_VERBS: dict[str, str] = {
    Amendment.State.APPROVED: "approve",
    Amendment.State.REFUSED: "refuse",
}
# approved_until by tier, in days (docs/governance.md, "States").
VALID_DAYS = {"low": 730, "medium": 365, "high": 365}


@transaction.atomic
def assess_risk(by: User, version: ModelVersion, answers: dict[str, Any]) -> TierAssessment:
    """Answer the questionnaire. Returns the TierAssessment. Raises NotAllowed, Invalid (naming the question)."""
    version.refresh_from_db(
        fields=["state"], from_queryset=ModelVersion.objects.select_for_update()
    )
    require(
        can_assess(by, version),
        f"Only {version.model.owner_team} answers, while the version is a draft.",
    )
    assessed = tiering.assess(answers)
    assessment = TierAssessment.objects.create(
        version=version,
        answers=answers,
        tier=assessed.tier,
        score=assessed.score,
        reasons=list(assessed.reasons),
        policy=policies.current("tiering"),
        answered_by=by,
    )
    version.risk_tier = assessed.tier
    version.save(update_fields=["risk_tier"])
    Contribution.objects.get_or_create(version=version, user=by, kind=Contribution.Kind.ASSESSED)
    record(by, "version.assess", version, tier=assessed.tier, score=assessed.score)
    return assessment


def record_gate(
    version: ModelVersion,
    gate: str,
    verdict: str,
    summary: str,
    *,
    severity: str = "block",
    tool: str,
    metrics: dict[str, Any] | None = None,
    duration_ms: int = 0,
    about: str = "",
) -> GateResult:
    """Keep one piece of evidence. Whoever can produce it calls this; a re-run adds a row. Returns the GateResult.

    about: the digest of what was looked at, when that is not the version's manifest (a draft has none).
    """
    return GateResult.objects.create(
        version=version,
        gate=gate,
        verdict=verdict,
        severity=severity,
        summary=summary,
        tool=tool,
        metrics=metrics or {},
        manifest_sha256=about or version.manifest_sha256,
        duration_ms=duration_ms,
    )


def current_gates(version: ModelVersion) -> list[GateResult]:
    """The newest result per gate about the version's present bytes, by gate name."""
    rows = version.gate_results.filter(manifest_sha256=version.manifest_sha256).order_by(
        "gate", "-id"
    )
    return list(rows.distinct("gate"))


@transaction.atomic
def check(version: ModelVersion) -> ModelVersion:
    """submitted → checking → in review (reviews opened) or changes requested (a gate blocks).

    Stays in checking while a required gate has no result yet. May run twice. Returns the version.
    """
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    system = User.objects.system("gates")
    if version.state == STATE.SUBMITTED:
        transition(version, STATE.CHECKING)
        _check_documentation(version)
    if version.state != STATE.CHECKING:
        return version
    results = current_gates(version)
    if set(policies.REQUIRED_GATES) - {result.gate for result in results}:
        return version
    blocking = [result for result in results if result.blocks]
    return _send_back(system, version, blocking) if blocking else _open_reviews(system, version)


def decide(by: User, review: Review, outcome: str, reason: str, no_conflict: bool) -> Decision:
    """Decide one review: outcome is a ReviewState of approved, changes_requested or rejected. Returns the Decision.

    Raises NotAllowed (separation of duties; the attempt is recorded), Invalid, RuleError, StaleState.
    """
    try:
        return _decide(by, review, outcome, reason.strip(), no_conflict)
    except NotAllowed as refusal:
        record(by, "review.refused", review, reason=refusal.message)
        raise


@transaction.atomic
def propose_amendment(
    by: User, model: RegisteredModel, facts: dict[str, Any], reason: str, weight: str = "facts"
) -> Amendment:
    """Ask for a change of facts that reviewers relied on (field → new value). Returns the Amendment.

    `weight` "spelling" needs one curator and is refused when more than spelling differs. Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_edit(by, model),
        f"Only members of {model.owner_team} propose amendments.",
        ask=str(model.owner_team),
    )
    model = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    changes = _changes_of_facts(model, catalog.checked_names(by, model, facts))
    _check_proposal(model, changes, reason, weight)
    tier = _tier_of(model)
    amendment = Amendment.objects.create(
        model=model,
        changes=changes,
        weight=weight,
        reason=reason.strip(),
        tier=tier,
        proposed_by=by,
        due_at=business_days_after(timezone.now(), amendments.business_days(weight, tier)),
    )
    record(by, "amendment.propose", amendment, reason=reason, changes=changes, weight=weight)
    for kind in undecided_kinds(amendment):
        deciders = User.objects.holding(*roles_for(kind, tier))
        notify(
            deciders,
            "review",
            f"To decide: {amendment}",
            url=amendment.get_absolute_url(),
            key=f"amendment-open:{amendment.pk}",
        )
    return amendment


@transaction.atomic
def withdraw_amendment(by: User, amendment: Amendment) -> Amendment:
    """Take an amendment back before it is decided."""
    require(
        can_edit(by, amendment.model), f"Only members of {amendment.model.owner_team} withdraw it."
    )
    transition(amendment, Amendment.State.WITHDRAWN, decided_at=timezone.now())
    resolve(f"amendment-open:{amendment.pk}")
    record(by, "amendment.withdraw", amendment)
    return amendment


def decide_amendment(
    by: User, amendment: Amendment, outcome: str, reason: str, no_conflict: bool
) -> AmendmentDecision:
    """Approve or refuse an amendment. The last yes that it needs changes the entry; one no ends it. Returns the decision.

    Raises NotAllowed (separation of duties; the attempt is recorded), Invalid, RuleError, StaleState.
    """
    try:
        return _decide_amendment(by, amendment, outcome, reason.strip(), no_conflict)
    except NotAllowed as refusal:
        record(by, "amendment.decision_refused", amendment, reason=refusal.message)
        raise


@transaction.atomic
def suspend(by: User, version: ModelVersion, reason: str) -> ModelVersion:
    """Stop a version now: the gateway drops it with its next snapshot. One person suffices."""
    require(
        can_suspend(by, version),
        "Security, the manager, model risk or the accountable owner stop a version.",
    )
    require_reason(reason, "consumers read it")
    if version.suspended_at:
        raise RuleError(f"{version} is suspended already.")
    version.suspended_at, version.suspension_reason = timezone.now(), reason.strip()
    version.save(update_fields=["suspended_at", "suspension_reason"])
    record(by, "version.suspend", version, reason=reason)
    invalidate("version", version=version.pk)
    enqueue("hosting.reconcile")
    _notify_of(version, "version.suspended", "is suspended: calls are refused", reason)
    return version


@transaction.atomic
def resume(by: User, version: ModelVersion, reason: str) -> ModelVersion:
    """Let a suspended version run again."""
    require(
        can_resume(by, version),
        "The governance lead, from outside the owner team, lets a version run again.",
    )
    if not version.suspended_at:
        raise RuleError(f"{version} is not suspended.")
    _notify_of(version, "version.resumed", "answers again", reason)
    version.suspended_at, version.suspension_reason = None, ""
    version.save(update_fields=["suspended_at", "suspension_reason"])
    record(by, "version.resume", version, reason=reason)
    invalidate("version", version=version.pk)
    enqueue("hosting.reconcile")
    return version


def _notify_of(version: ModelVersion, kind: str, what: str, reason: str) -> None:
    """Its team and everybody who subscribes to its model, also of an external endpoint, which no reconciler stops.

    The key is that of the reconciler's notice (hosting.reconcile), so that nobody is notified twice.
    """
    model = version.model
    teams = model.subscriptions.filter(state__in=["active", "paused"]).values("application__team")
    people = User.objects.on_teams(teams) | User.objects.on_teams([model.owner_team])
    occasion = f"{kind.partition('.')[2]}:{version.pk}:{version.suspended_at:%s}"
    url = version.get_absolute_url()
    notify(people, kind, f"{version} {what}", body=reason.strip(), url=url, key=occasion)


@transaction.atomic
def _decide(by: User, review: Review, outcome: str, reason: str, no_conflict: bool) -> Decision:
    version = (
        ModelVersion.objects.select_for_update()
        .select_related("model__owner_team")
        .get(pk=review.version_id)
    )
    review = Review.objects.select_for_update().get(pk=review.pk)
    review.version = version
    refusal = why_not_decide(by, review)
    require(not refusal, refusal, ask="the marketplace manager to assign somebody else")
    _require_decision(outcome, REVIEW_VERBS, reason, no_conflict)
    _require_decidable(review, outcome)
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
        policy=policies.current("review_matrix"),
    )
    record(by, f"review.{outcome}", review, reason=reason, version=version.pk)
    resolve(f"review-open:{review.pk}")
    _follow(by, review, outcome, reason)
    return decision


def _require_decision(outcome: str, verbs: dict[str, str], reason: str, no_conflict: bool) -> None:
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
    if version.state != STATE.IN_REVIEW or review.state != Review.State.OPEN:
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


def _check_final(review: Review, outcome: str) -> None:
    open_others = review.version.reviews.filter(
        round=review.round, state=Review.State.OPEN
    ).exclude(pk=review.pk)
    if outcome == Review.State.APPROVED and open_others.exists():
        kinds = ", ".join(other.get_kind_display().lower() for other in open_others)
        raise RuleError(f"The final approval comes last; still open: {kinds}.")


def _follow(by: User, review: Review, outcome: str, reason: str) -> None:
    """What one decision means for its version."""
    version = review.version
    if outcome == Review.State.REJECTED:
        void_reviews(version)
        transition(version, STATE.REJECTED)
        _notify_publishers(version, "was rejected", reason)
    elif outcome == Review.State.CHANGES_REQUESTED:
        void_reviews(version)
        transition(version, STATE.CHANGES_REQUESTED)
        _notify_publishers(version, "needs changes", reason)
    elif (
        not version.reviews.filter(round=review.round).exclude(state=Review.State.APPROVED).exists()
    ):
        _approve(by, version, review.round)
    elif _only_final_is_open(version, review.round):
        _tell_deciders(version.reviews.get(round=review.round, kind=Review.Kind.FINAL))


def _approve(by: User, version: ModelVersion, round_number: int) -> None:
    deciders = Coalesce("decision__by", "kept_from__decision__by")
    people = set(version.reviews.filter(round=round_number).values_list(deciders, flat=True))
    needed = policies.min_people(version)
    if len(people) < needed:
        raise RuleError(
            f"At {version.risk_tier} risk {needed} different people approve; so far {len(people)}."
        )
    now = timezone.now()
    signature = signing.sign(canonical(version.manifest))
    transition(
        version,
        STATE.APPROVED,
        approved_at=now,
        manifest_signature=signature,
        approved_until=now + timedelta(days=VALID_DAYS[version.risk_tier]),
    )
    record(
        by, "version.approve", version, manifest=version.manifest_sha256, card=version.card.sha256
    )
    _notify_publishers(version, "is approved", "It will be hosted and published by itself.")
    enqueue("hosting.reconcile")


def _check_documentation(version: ModelVersion) -> None:
    completeness = policies.card_completeness(version)
    missing = ", ".join(item["label"] for item in completeness.missing)
    summary = f"The card is {completeness.score} % complete; {completeness.needed} % are needed at {version.risk_tier} risk."
    record_gate(
        version,
        "documentation",
        "pass" if completeness.ok else "fail",
        f"{summary} Missing: {missing}." if missing else summary,
        tool=version.card.schema_version,
        metrics={"score": completeness.score, "missing": [m["id"] for m in completeness.missing]},
    )


def _send_back(by: User, version: ModelVersion, blocking: list[GateResult]) -> ModelVersion:
    transition(version, STATE.CHANGES_REQUESTED)
    report = " ".join(f"{result.gate.capitalize()}: {result.summary}" for result in blocking)
    record(
        by,
        "version.gates_failed",
        version,
        reason=report,
        gates=[result.gate for result in blocking],
    )
    _notify_publishers(version, "did not pass the checks", report)
    return version


def _open_reviews(by: User, version: ModelVersion) -> ModelVersion:
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
    transition(version, STATE.IN_REVIEW)
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
        _tell_deciders(version.reviews.get(round=this.number, kind=Review.Kind.FINAL))
    return version


def _keep_approvals(by: User, reviews: list[Review], this: ReviewRound) -> None:
    """Approvals of the last round hold where nothing changed that the review looked at; the others become void, with the reason."""
    earlier = {
        review.kind: review
        for review in this.version.reviews.filter(
            round=this.number - 1, state=Review.State.APPROVED
        ).select_related("kept_from")
    }
    before = this.version.rounds.filter(number=this.number - 1).first()
    for review in reviews:
        approved = earlier.get(review.kind)
        if approved is None:
            continue
        changed = rounds.changed_parts(review.kind, before, this)
        if changed:
            transition(approved, Review.State.VOID)
            record(
                by,
                "review.void",
                approved,
                reason=f"Changed since it was approved: {', '.join(changed)}.",
            )
        else:
            review.state, review.decided_at = Review.State.APPROVED, approved.decided_at
            review.kept_from = approved.kept_from or approved


def _only_final_is_open(version: ModelVersion, round_number: int) -> bool:
    rest = version.reviews.filter(round=round_number).exclude(state=Review.State.APPROVED)
    return [review.kind for review in rest] == [Review.Kind.FINAL]


def void_reviews(version: ModelVersion) -> None:
    """Nobody needs to decide the version's open reviews any more."""
    for review in version.reviews.filter(state=Review.State.OPEN):
        transition(review, Review.State.VOID, decided_at=timezone.now())
        resolve(f"review-open:{review.pk}")


def _notify_publishers(version: ModelVersion, what: str, body: str) -> None:
    team = User.objects.on_teams([version.model.owner_team])
    key = f"version-{version.state}:{version.pk}:{version.submitted_at:%Y%m%d%H%M%S}"
    notify(team, "review", f"{version} {what}", body=body, url=version.get_absolute_url(), key=key)


def _tell_deciders(review: Review) -> None:
    roles = roles_for(review.kind, review.version.risk_tier)
    notify(
        User.objects.holding(*roles),
        "review",
        f"To decide: {review}",
        url=f"/reviews/{review.pk}/",
        key=f"review-open:{review.pk}",
        body=f"Due {review.due_at:%d %B %Y}.",
    )


def _changes_of_facts(model: RegisteredModel, facts: dict[str, Any]) -> dict[str, dict[str, str]]:
    unknown = sorted(set(facts) - set(catalog.REVIEWED_FIELDS))
    if unknown:
        raise Invalid(
            f"{unknown[0]} is not changed by an amendment.",
            field=unknown[0],
            remedy="Edit the entry itself.",
        )
    changed = catalog.changed_fields(model, facts)
    return {
        name: {"before": _as_text(getattr(model, name)), "after": _as_text(facts[name])}
        for name in changed
    }


def _as_text(value: Any) -> str:
    """A fact as the amendment keeps it: text as it is, a term of a vocabulary by its slug."""
    return value if isinstance(value, str) else value.slug


def _check_proposal(
    model: RegisteredModel, changes: dict[str, dict[str, str]], reason: str, weight: str
) -> None:
    if not changes:
        raise Invalid(
            "Nothing differs from what the entry says.",
            field="facts",
            remedy="Change a field first.",
        )
    if not model.was_submitted():
        raise RuleError(
            f"Nobody has judged {model} yet.",
            remedy="Edit the entry itself: it needs no amendment.",
        )
    require_reason(reason, "reviewers and consumers read it")
    for other in model.amendments.filter(state=Amendment.State.OPEN):
        if both := sorted(set(other.changes) & set(changes)):
            raise RuleError(
                f"A change of its {both[0].replace('_', ' ')} is being reviewed.",
                field=both[0],
                remedy="Withdraw that one first.",
            )
    if weight == Amendment.Weight.SPELLING:
        _check_spelling(changes)


def _check_spelling(changes: dict[str, dict[str, str]]) -> None:
    for name, change in changes.items():
        is_term = name in ("domain", "capability", "model_type")
        if is_term or not amendments.is_spelling(change["before"], change["after"]):
            raise Invalid(
                f"The new {name.replace('_', ' ')} differs in more than spelling: words or numbers changed.",
                field="weight",
                remedy="Propose it as a change of facts.",
            )


def _tier_of(model: RegisteredModel) -> str:
    """The highest tier among the versions that somebody relies on."""
    tiers = model.versions.exclude(state__in=ModelVersion.NOT_RELIED_ON).values_list(
        "risk_tier", flat=True
    )
    return max(tiers, key=["", "low", "medium", "high"].index, default="low") or "low"


@transaction.atomic
def _decide_amendment(
    by: User, amendment: Amendment, outcome: str, reason: str, no_conflict: bool
) -> AmendmentDecision:
    amendment = (
        Amendment.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=amendment.pk)
    )
    require_state(amendment, Amendment.State.OPEN)
    refusal = reasons_against_amendment(by, amendment)
    require(not refusal, refusal, ask="the marketplace manager")
    _require_decision(outcome, AMENDMENT_VERBS, reason, no_conflict)
    decision = AmendmentDecision.objects.create(
        amendment=amendment,
        kind=kind_to_decide(by, amendment),
        by=by,
        outcome=outcome,
        reason=reason,
    )
    record(by, f"amendment.{outcome}", amendment, reason=reason, kind=decision.kind)
    if outcome == Amendment.State.REFUSED:
        _close_amendment(amendment, Amendment.State.REFUSED, reason)
    elif not undecided_kinds(Amendment.objects.get(pk=amendment.pk)):
        _apply_amendment(by, amendment)
    return decision


def _apply_amendment(by: User, amendment: Amendment) -> None:
    model = RegisteredModel.objects.select_for_update().get(pk=amendment.model_id)
    for name, change in amendment.changes.items():
        if _as_text(getattr(model, name)) != change["before"]:
            raise RuleError(
                f"The {name.replace('_', ' ')} changed since this was proposed.",
                remedy="Refuse it, so that it is proposed anew.",
            )
    facts = {name: _as_value(name, change["after"]) for name, change in amendment.changes.items()}
    catalog.amend(by, model, **facts)
    _close_amendment(amendment, Amendment.State.APPROVED, amendment.reason)
    if amendment.weight == Amendment.Weight.FACTS:
        names = ", ".join(row["label"].lower() for row in amendment.rows())
        users = User.objects.on_teams(
            model.subscriptions.filter(state__in=["active", "paused"]).values("application__team")
        )
        notify(
            users,
            "model.amended",
            f"{model} says something else about its {names}",
            body=amendment.reason,
            url=amendment.get_absolute_url(),
            key=f"amended:{amendment.pk}",
        )


def _as_value(name: str, text: str) -> Any:
    field: Any = RegisteredModel._meta.get_field(name)
    return field.related_model.objects.get(slug=text) if field.is_relation else text


def _close_amendment(amendment: Amendment, to: str, reason: str) -> None:
    transition(amendment, to, decided_at=timezone.now())
    resolve(f"amendment-open:{amendment.pk}")
    team = User.objects.on_teams([amendment.model.owner_team])
    title = f"{amendment}: {amendment.get_state_display().lower()}"
    notify(
        team,
        "review",
        title,
        body=reason,
        url=amendment.get_absolute_url(),
        key=f"amendment-{to}:{amendment.pk}",
    )
