"""Separation of duties, in one place: who may judge which version.

Rules and numbers: docs/governance.md, "Separation of duties". Looked up at decision time and over the past.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from catalog.models import ModelVersion
from governance.amendments import needed_kinds
from governance.matrix import JUSTIFIED, roles_for
from governance.models import (
    GIVES_ROLES,
    Amendment,
    Condition,
    PolicyChange,
    Review,
    RoleChange,
    SamePurposeCase,
    Thread,
    Waiver,
)
from marketplace.accounts.models import Membership, RoleGrant, Team, User
from marketplace.audit.models import AuditEvent

COOLING_OFF = timedelta(days=180)
Role = RoleGrant.Role
CLOSED = (
    ModelVersion.State.REJECTED,
    ModelVersion.State.WITHDRAWN,
    ModelVersion.State.RETIRED,
)  # nothing goes on
REVIEWER_ROLES = (
    Role.CURATOR,
    Role.EVALUATOR,
    Role.FAIRNESS_REVIEWER,
    Role.SECURITY_REVIEWER,
    Role.LEGAL_REVIEWER,
    Role.GOVERNANCE_LEAD,
    Role.MODEL_RISK_OFFICER,
)

CHANGES_POLICIES = (Role.GOVERNANCE_LEAD, Role.MODEL_RISK_OFFICER)


def can_review(user: User) -> bool:
    """May open the queue at all."""
    return user.has_role(*REVIEWER_ROLES)


def can_upload_benchmark(user: User) -> bool:
    """Benchmark data belongs to those who evaluate."""
    return user.is_active and user.has_role(Role.EVALUATOR)


def can_run_evaluation(user: User, version: ModelVersion) -> bool:
    """Evaluators and fairness reviewers who are not, and lately were not, on the owner team, and had no hand in the version."""
    return (
        user.is_active
        and user.has_role(Role.EVALUATOR, Role.FAIRNESS_REVIEWER)
        and not is_involved(user, version)
    )


def why_not_decide(user: User, review: Review) -> str:
    """The sentence that says why `user` may not decide `review`, or "". Superusers get no exception."""
    return Judge.of(user, [review]).why_not(review)


@dataclass(frozen=True)
class Judge:
    """What separation of duties asks about a person, looked up once for many reviews."""

    user: User
    roles: set[str]
    units: set[int]  # ids of the business units of their teams
    touched: set[int]  # ids of the versions they had a hand in
    memberships: dict[
        int, datetime | None
    ]  # team id → when they left it; None while they are on it
    decided: list[Review]  # reviews they decided, of the versions in question

    @classmethod
    def of(cls, user: User, reviews: Iterable[Review]) -> "Judge":
        versions = {review.version_id for review in reviews}
        return cls(
            user=user,
            roles=user.roles(),
            units=set(user.teams().values_list("business_unit_id", flat=True)),
            touched=set(
                user.contributions.filter(version__in=versions).values_list("version_id", flat=True)
            ),
            memberships=dict(
                user.memberships.order_by(F("left_at").asc(nulls_last=True)).values_list(
                    "team_id", "left_at"
                )
            ),
            decided=list(
                Review.objects.filter(
                    Q(decision__by=user) | Q(kept_from__decision__by=user), version__in=versions
                ).exclude(state=Review.State.VOID)
            ),
        )

    def why_not(self, review: Review) -> str:
        version = review.version
        if not self.user.is_active or self.user.is_system:
            return "Only an active person decides."
        if version.pk in self.touched:
            return "You had a hand in this version, so you cannot judge it."
        if self.was_on(version.model.owner_team, since=_since(version)):
            return f"You are, or lately were, on {version.model.owner_team}, so you cannot judge its work."
        if not self.roles & set(roles_for(review.kind, version.risk_tier)):
            return f"{review.get_kind_display()} needs the role {_roles_text(review)}."
        return self.conflict_of_roles(review)

    def was_on(self, team: Team, since: datetime) -> bool:
        """On the team now, or at any moment after `since`."""
        if team.pk not in self.memberships:
            return False
        left = self.memberships[team.pk]
        return left is None or left >= since

    def conflict_of_roles(self, review: Review) -> str:
        """One person holds one deciding role per version; in the low tier the curator may also give the final yes."""
        pair = {Review.Kind.CURATION, Review.Kind.FINAL}
        both_allowed = pair if review.version.risk_tier == "low" and review.kind in pair else set()
        for other in self.decided:
            same = (other.version_id, other.round) == (
                review.version_id,
                review.round,
            ) and other.pk != review.pk
            if same and other.kind not in both_allowed:
                kind = other.get_kind_display().lower()
                return f"You already decided the {kind} review of this version; another person decides this one."
        unit = review.version.model.owner_team.business_unit
        if (
            review.kind == Review.Kind.EVALUATION
            and review.version.risk_tier == "high"
            and unit.pk in self.units
        ):
            return f"At high risk the evaluator comes from outside {unit}."
        return ""


def was_on_team(user: User, team: Team, since: datetime) -> bool:
    """On the team now, or at any moment after `since`."""
    return Membership.objects.filter(
        Q(left_at=None) | Q(left_at__gte=since), user=user, team=team
    ).exists()


def can_assess(user: User, version: ModelVersion) -> bool:
    """The questionnaire is answered by the owner team while the version is theirs to edit."""
    return version.is_editable and user.is_active and user.is_on(version.model.owner_team)


def can_suspend(user: User, version: ModelVersion) -> bool:
    """One person suffices to stop: security, manager, model risk, lead, or the accountable owner."""
    if version.model.owner_id == user.pk:
        return user.is_active
    return user.has_role(
        Role.SECURITY_REVIEWER, Role.CURATOR, Role.MODEL_RISK_OFFICER, Role.GOVERNANCE_LEAD
    )


def can_resume(user: User, version: ModelVersion) -> bool:
    """One person stops, another one starts again: the governance lead or the model risk officer, never the owner team."""
    return (
        user.is_active
        and user.has_role(Role.GOVERNANCE_LEAD, Role.MODEL_RISK_OFFICER)
        and not is_involved(user, version)
        and user.pk != _who_stopped(version)
    )


def _who_stopped(version: ModelVersion) -> int | None:
    """The id of the person who suspended it last, by the record."""
    stops = AuditEvent.objects.filter(
        object_type=version._meta.label_lower, object_id=str(version.pk), action="version.suspend"
    )
    return stops.order_by("-id").values_list("actor_id", flat=True).first()


def reasons_against_renewal(user: User, version: ModelVersion) -> str:
    """The sentence that says why `user` may not review a live version again, or "". The final approver's role, never its team."""
    if not user.is_active or user.is_system:
        return "Only an active person decides."
    if not version.risk_tier:
        return f"{version} was never assessed, so there is no approval to review again."
    if was_on_team(user, version.model.owner_team, _since(version)):
        return (
            f"You are, or lately were, on {version.model.owner_team}, so you cannot judge its work."
        )
    if user.contributions.filter(version=version).exists():
        return "You had a hand in this version, so you cannot judge it."
    roles = roles_for(Review.Kind.FINAL, version.risk_tier)
    if not user.has_role(*roles):
        return f"The re-review needs the role {' or '.join(Role(role).label.lower() for role in roles)}."
    return ""


def can_renew(user: User, version: ModelVersion) -> bool:
    """May attest that a live version is still fit for use?"""
    return not reasons_against_renewal(user, version)


def can_fulfil(user: User, condition: Condition) -> bool:
    """May say what was done about a condition?"""
    return user.is_active and user.is_on(condition.version.model.owner_team)


def reasons_against_confirming(user: User, condition: Condition) -> str:
    """The sentence that says why `user` may not confirm a condition, or "". Who may decide the review that set it, may."""
    if condition.fulfilled_by_id == user.pk:
        return "You said that it is fulfilled, so another person confirms it."
    return why_not_decide(user, condition.review)


def can_comment(user: User, version: ModelVersion) -> bool:
    """May speak in the threads of a version that was ever submitted?"""
    speaks = user.is_on(version.model.owner_team) or can_review(user)
    return user.is_active and version.submitted_at is not None and speaks


def can_resolve(user: User, thread: Thread) -> bool:
    """Who opened it, or a reviewer from outside the owner team."""
    if not can_comment(user, thread.version):
        return False
    return thread.opened_by_id == user.pk or not user.is_on(thread.version.model.owner_team)


def can_hand_over(user: User, review: Review) -> bool:
    """Who has it, or the governance lead; never somebody of the owner team."""
    if not user.is_active or user.is_on(review.version.model.owner_team):
        return False
    return review.assignee_id == user.pk or user.has_role(Role.GOVERNANCE_LEAD)


def can_ask_waiver(user: User, version: ModelVersion, gate: str = "") -> bool:
    """From the submission on: its owner team; for a failed fairness check a fairness reviewer, never the team."""
    if not user.is_active or not version.manifest_sha256 or version.state in CLOSED:
        return False
    if gate == JUSTIFIED:
        return user.has_role(Role.FAIRNESS_REVIEWER) and not is_involved(user, version)
    return user.is_on(version.model.owner_team)


def is_involved(user: User, version: ModelVersion) -> bool:
    """Is, or lately was, on the owner team, or had a hand in the version."""
    return (
        was_on_team(user, version.model.owner_team, _since(version))
        or user.contributions.filter(version=version).exists()
    )


def reasons_against_waiver(user: User, waiver: Waiver) -> str:
    """The sentence that says why `user` may not decide about a waiver, or "". A named role, never who asked or made it."""
    version = waiver.version
    if not user.is_active or user.is_system:
        return "Only an active person decides."
    if waiver.proposed_by_id == user.pk:
        return "You asked for it, so another person decides."
    if was_on_team(user, version.model.owner_team, _since(version)):
        return (
            f"You are, or lately were, on {version.model.owner_team}, so you cannot judge its work."
        )
    if user.contributions.filter(version=version).exists():
        return "You had a hand in this version, so you cannot judge it."
    roles = waiver.roles
    if not user.has_role(*roles):
        return f"A waiver needs the role {' or '.join(Role(role).label.lower() for role in roles)}."
    return ""


def can_give_roles(user: User) -> bool:
    """Administrators and the governance lead: propose roles, and take them away."""
    return user.has_role(*GIVES_ROLES)


def reasons_against_role_change(user: User, change: RoleChange) -> str:
    """The sentence that says why `user` may not decide about a role, or ""."""
    if change.proposed_by_id == user.pk:
        return "You proposed it, so another person decides."
    if change.user_id == user.pk:
        return "It is about you, so another person decides."
    if not can_give_roles(user):
        return "Administrators and the governance lead decide about roles."
    return ""


def can_change_policies(user: User) -> bool:
    """The governance lead and the model risk officer: propose, and decide what the other proposed."""
    return user.is_active and user.has_role(*CHANGES_POLICIES)


def can_verify_sources(user: User) -> bool:
    """Who changes policies, and legal reviewers: say that a source was read."""
    return user.is_active and user.has_role(*CHANGES_POLICIES, Role.LEGAL_REVIEWER)


def can_withdraw_policy_change(user: User, change: PolicyChange) -> bool:
    """Who proposed it."""
    return user.is_active and change.proposed_by_id == user.pk


def reasons_against_policy_change(user: User, change: PolicyChange) -> str:
    """The sentence that says why `user` may not decide about a change of a policy, or ""."""
    if change.proposed_by_id == user.pk:
        return "You proposed it, so another person decides."
    if not can_change_policies(user):
        return "The governance lead and the model risk officer decide about policies."
    return ""


def can_see_evidence(user: User, version: ModelVersion) -> bool:
    """Review notes: the owner team, reviewers and those who oversee."""
    return (
        user.is_on(version.model.owner_team)
        or can_review(user)
        or user.has_role("auditor", "admin")
    )


def _since(version: ModelVersion) -> datetime:
    return min(version.created_at, timezone.now() - COOLING_OFF)


def _roles_text(review: Review) -> str:
    return " or ".join(
        Role(role).label.lower() for role in roles_for(review.kind, review.version.risk_tier)
    )


def undecided_kinds(amendment: Amendment) -> list[str]:
    """The kinds of review that an amendment still needs."""
    decided = {decision.kind for decision in amendment.decisions.all()}
    return [kind for kind in needed_kinds(amendment.weight, amendment.tier) if kind not in decided]


def kind_to_decide(user: User, amendment: Amendment) -> str:
    """The first undecided kind of review that a role of `user` decides, or ""."""
    roles = user.roles()
    return next(
        (
            kind
            for kind in undecided_kinds(amendment)
            if roles & set(roles_for(kind, amendment.tier))
        ),
        "",
    )


def reasons_against_amendment(user: User, amendment: Amendment) -> str:
    """The sentence that says why `user` may not decide `amendment`, or "". The same separation of duties as for a version."""
    if not user.is_active or user.is_system:
        return "Only an active person decides."
    if amendment.proposed_by_id == user.pk:
        return "You proposed this amendment, so another person decides it."
    if was_on_team(
        user, amendment.model.owner_team, min(amendment.proposed_at, timezone.now() - COOLING_OFF)
    ):
        return f"You are, or lately were, on {amendment.model.owner_team}, so you cannot judge its work."
    if any(decision.by_id == user.pk for decision in amendment.decisions.all()):
        return "You already decided about this amendment; another person gives the other yes."
    if not kind_to_decide(user, amendment):
        kinds = [roles_for(kind, amendment.tier) for kind in undecided_kinds(amendment)]
        return (
            f"This needs the role {' or '.join(Role(role).label.lower() for roles in kinds for role in roles)}."
            if kinds
            else "It is decided."
        )
    return ""


def can_decide_case(user: User, case: SamePurposeCase) -> bool:
    """A marketplace manager who is on neither of the two teams, and lately was not."""
    teams = {case.first.owner_team, case.second.owner_team}
    since = timezone.now() - COOLING_OFF
    return (
        user.is_active
        and user.has_role(Role.CURATOR)
        and not any(was_on_team(user, team, since) for team in teams)
    )
