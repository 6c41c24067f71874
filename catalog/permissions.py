"""Who may change catalog entries. Reading is `visible_to`."""

from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import RoleGrant, Team, User


def can_register(user: User, team: Team) -> bool:
    """Members register models for their own team."""
    return user.is_active and user.is_on(team)


def can_edit(user: User, model: RegisteredModel) -> bool:
    """The owner team keeps its entry."""
    return user.is_active and user.is_on(model.owner_team)


def can_keep_vocabularies(user: User) -> bool:
    """Administrators: add, rename and retire the words that entries are described with."""
    return user.is_active and user.has_role(RoleGrant.Role.ADMIN)


def can_edit_version(user: User, version: ModelVersion) -> bool:
    """The owner team, while nobody judges the version."""
    return version.is_editable and can_edit(user, version.model)
