"""Who may move a version on its way. The rest of a version's rights are catalog's and governance's."""

from catalog.models import ModelVersion
from catalog.permissions import can_edit
from consumption.models import Subscription
from governance.permissions import can_review, is_involved
from marketplace.accounts.models import RoleGrant, Team, User
from publishing.models import RetirementWaiver


def can_withdraw(user: User, version: ModelVersion) -> bool:
    return can_edit(user, version.model)


def can_publish(user: User, version: ModelVersion) -> bool:
    """The owner team, or the system once hosting is ready. Approval has been given by others before."""
    return user.is_system or can_edit(user, version.model)


def can_deprecate(user: User, version: ModelVersion) -> bool:
    """The owner team or the marketplace manager."""
    return can_edit(user, version.model) or user.has_role("curator")


def can_retire(user: User, version: ModelVersion) -> bool:
    """Who may deprecate it, and the system when its day has come: two people announced the end before."""
    return user.is_system or can_deprecate(user, version)


def can_see_board(user: User, version: ModelVersion) -> bool:
    """All rows of the migration board: the owner team and those who oversee. Others see those of their own teams."""
    oversees = ("curator", "auditor", "admin", "governance_lead", "model_risk_officer")
    return user.is_on(version.model.owner_team) or user.has_role(*oversees)


def can_write_about_move(
    user: User, version: ModelVersion, subscription: Subscription, teams: set[int] | None = None
) -> bool:
    """The two sides: the owner team, and the team that has to move. teams: ids of the person's, where a list has them already."""
    sides = {version.model.owner_team_id, subscription.application.team_id}
    return user.is_active and bool(sides & (user.team_ids() if teams is None else teams))


def reasons_against_retirement_waiver(user: User, waiver: RetirementWaiver) -> str:
    """The sentence that says why `user` may not decide about a retirement waiver, or "". Of neither team, and never who asked."""
    version, team = waiver.version, waiver.subscription.application.team
    if not user.is_active or user.is_system:
        return "Only an active person decides."
    if waiver.proposed_by_id == user.pk:
        return "You asked for it, so another person decides."
    if is_involved(user, version):
        return f"You are, or lately were, of {version.model.owner_team}, or had a hand in it, so another person decides."
    if user.is_on(team):
        return f"You are on {team}, whose calls it is about, so another person decides."
    if not user.has_role(*waiver.roles):
        labels = " or ".join(RoleGrant.Role(role).label.lower() for role in waiver.roles)
        return f"It needs the role {labels}."
    return ""


def can_run_gates(user: User, version: ModelVersion) -> bool:
    """The owner team, and who reviews: a measurement decides nothing by itself."""
    return user.is_active and (user.is_on(version.model.owner_team) or can_review(user))


def can_connect_registry(user: User, team: Team) -> bool:
    """The team: connect a model registry, rotate its secret, remove it, read a version once more. No token does it."""
    return user.is_active and not user.token_kid and user.is_on(team)
