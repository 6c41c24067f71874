"""Who may say what about a line, a claim and a quarter. Asked at call time; nobody decides on their own work."""

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import Membership, Team, User
from marketplace.insights.models import SEES_ALL, ReuseEvent, ValueClaim


def sees_all_value(user: User) -> bool:
    """Every unit's lines: executives, finance and auditors."""
    return bool(user.has_role(*SEES_ALL))


def leads_in_unit(user: User, unit: int) -> bool:
    """Does the person lead a team of the business unit now?"""
    return Membership.objects.filter(
        user=user, team__business_unit=unit, role=Membership.Role.LEAD, left_at=None
    ).exists()


def can_describe_line(user: User, line: ReuseEvent) -> bool:
    """Members of the team that reuses: what integrating took, and what plan was given up."""
    return user.is_active and user.is_on(line.team)


def can_state_counterfactual(user: User, subscription: Subscription) -> bool:
    """Members of the team that uses it."""
    return user.is_active and not user.is_system and user.is_on(subscription.application.team)


def can_confirm_line(user: User, line: ReuseEvent) -> bool:
    """Who leads the team, or another one of its unit: never who asked for the access or described the line, nor the model's owners."""
    return (
        user.is_active
        and not user.is_system
        and user.pk not in (line.subscription.requested_by_id, line.described_by_id)
        and not user.is_on(line.model.owner_team)
        and leads_in_unit(user, line.business_unit_id)
    )


def can_reject_line(user: User, line: ReuseEvent) -> bool:
    """Finance: never who confirmed or described the line, nor anybody of the team."""
    return (
        _is_finance(user)
        and user.pk not in (line.confirmed_by_id, line.described_by_id)
        and not user.is_on(line.team)
    )


def can_sign_quarters(user: User) -> bool:
    """Finance; sign_quarter asks besides that they had no part in its lines."""
    return _is_finance(user)


def can_log_effort(user: User, model: RegisteredModel) -> bool:
    """The owner team."""
    return user.is_active and user.is_on(model.owner_team)


def can_claim(user: User, team: Team) -> bool:
    """Members of the team that has the value."""
    return user.is_active and not user.is_system and user.is_on(team)


def can_confirm_claim(user: User, claim: ValueClaim) -> bool:
    """Who leads the team, or another one of its unit: never who wrote the claim."""
    return (
        user.is_active
        and not user.is_system
        and user.pk != claim.claimed_by_id
        and leads_in_unit(user, claim.business_unit_id)
    )


def can_validate_claim(user: User, claim: ValueClaim) -> bool:
    """Finance: never who wrote or confirmed the claim, nor anybody of the team."""
    return (
        _is_finance(user)
        and user.pk not in (claim.claimed_by_id, claim.owner_confirmed_by_id)
        and not user.is_on(claim.team)
    )


def can_reject_claim(user: User, claim: ValueClaim) -> bool:
    """Whoever may take the claim a step further."""
    if claim.state == ValueClaim.State.DRAFT and can_confirm_claim(user, claim):
        return True
    return can_validate_claim(user, claim)


def _is_finance(user: User) -> bool:
    return user.is_active and not user.is_system and bool(user.has_role("finance"))
