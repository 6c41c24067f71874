"""Separation of duties, in one place: who may judge which version.

Rules and numbers: governance.md §2.2, §2.3; reliability.md §2.4. Looked up at decision time and over the past.
"""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from governance.matrix import roles_for
from governance.models import Review
from marketplace.accounts.models import Membership, RoleGrant

COOLING_OFF = timedelta(days=180)
R = RoleGrant.Role
REVIEWER_ROLES = (
    R.CURATOR, R.EVALUATOR, R.FAIRNESS_REVIEWER, R.SECURITY_REVIEWER, R.LEGAL_REVIEWER,
    R.GOVERNANCE_LEAD, R.MODEL_RISK_OFFICER,
)  # fmt: skip


def can_review(user):
    """May open the queue at all."""
    return user.has_role(*REVIEWER_ROLES)


def can_decide(user, review):
    return not why_not_decide(user, review)


def why_not_decide(user, review):
    """The sentence that says why `user` may not decide `review`, or "". Superusers get no exception."""
    version = review.version
    if not user.is_active or user.is_system:
        return "Only an active person decides."
    if version.contributions.filter(user=user).exists():
        return "You had a hand in this version, so you cannot judge it."
    if was_on_team(user, version.model.owner_team, since=_since(version)):
        return f"You are, or lately were, on {version.model.owner_team}, so you cannot judge its work."
    if not user.has_role(*roles_for(review.kind, version.risk_tier)):
        return f"{review.get_kind_display()} needs the role {_roles_text(review)}."
    return _conflict_of_roles(user, review)


def was_on_team(user, team, since):
    """On the team now, or at any moment after `since`."""
    return Membership.objects.filter(Q(left_at=None) | Q(left_at__gte=since), user=user, team=team).exists()


def can_assess(user, version):
    """The questionnaire is answered by the owner team while the version is theirs to edit."""
    return version.is_editable and user.is_active and user.is_on(version.model.owner_team)


def can_suspend(user, version):
    """One person suffices to stop: security, manager, model risk, lead, or the accountable owner."""
    if version.model.owner_id == user.pk:
        return user.is_active
    return user.has_role(R.SECURITY_REVIEWER, R.CURATOR, R.MODEL_RISK_OFFICER, R.GOVERNANCE_LEAD)


def can_resume(user, version):
    """Those who stop may not alone start again: the governance lead does, never the owner team."""
    return user.has_role(R.GOVERNANCE_LEAD) and not was_on_team(user, version.model.owner_team, _since(version))


def can_see_evidence(user, version):
    """Review notes: the owner team, reviewers and those who oversee."""
    return user.is_on(version.model.owner_team) or can_review(user) or user.has_role("auditor", "admin")


def _since(version):
    return min(version.created_at, timezone.now() - COOLING_OFF)


def _conflict_of_roles(user, review):
    """One person holds one deciding role per version; in the low tier the curator may also give the final yes."""
    others = review.version.reviews.filter(decision__by=user, round=review.round).exclude(pk=review.pk)
    others = others.exclude(state=Review.State.VOID)
    if review.version.risk_tier == "low" and review.kind in (Review.Kind.CURATION, Review.Kind.FINAL):
        others = others.exclude(kind__in=[Review.Kind.CURATION, Review.Kind.FINAL])
    other = others.first()
    if other:
        kind = other.get_kind_display().lower()
        return f"You already decided the {kind} review of this version; another person decides this one."
    if review.kind == Review.Kind.EVALUATION and review.version.risk_tier == "high":
        unit = review.version.model.owner_team.business_unit
        if user.teams().filter(business_unit=unit).exists():
            return f"At high risk the evaluator comes from outside {unit}."
    return ""


def _roles_text(review):
    return " or ".join(R(role).label.lower() for role in roles_for(review.kind, review.version.risk_tier))
