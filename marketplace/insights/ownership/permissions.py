"""Who may name a successor, and who may agree to one."""

from catalog.models import RegisteredModel
from marketplace.accounts.models import Membership, RoleGrant, User
from marketplace.insights.models import Succession


def can_name(user: User, model: RegisteredModel) -> bool:
    """The owner team, who leads another team of its unit, and marketplace managers."""
    if not user.is_active or user.is_system:
        return False
    return user.is_on(model.owner_team) or _leads_in_unit(user, model) or _manages(user)


def reasons_against_agreeing(user: User, succession: Succession) -> str:
    """The sentence that says why `user` may not decide about a successor, or "". Two people, one of them of the team that takes it."""
    if not user.is_active or user.is_system:
        return "Only an active person decides."
    if succession.proposed_by_id == user.pk:
        return "You named the successor, so another person decides."
    takes = succession.team
    if user.is_on(takes):
        return ""
    if not succession.proposed_by.is_on(takes):
        return f"Somebody on {takes} agrees to take it."
    if can_name(user, succession.model):
        return ""
    return (
        f"Somebody on {succession.model.owner_team} or {takes}, or a marketplace manager, decides."
    )


def can_agree(user: User, succession: Succession) -> bool:
    return not reasons_against_agreeing(user, succession)


def _manages(user: User) -> bool:
    return user.has_role(RoleGrant.Role.CURATOR)


def _leads_in_unit(user: User, model: RegisteredModel) -> bool:
    leads = Membership.objects.filter(
        user=user,
        role=Membership.Role.LEAD,
        left_at=None,
        team__business_unit=model.owner_team.business_unit_id,
        team__in=user.teams(),
    )
    return leads.exists()
