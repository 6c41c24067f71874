"""Who may change catalog entries. Reading is `visible_to`."""

from catalog.models import ModelVersion, Need, RegisteredModel, SearchRecord
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


def can_open_search_record(user: User, team: Team) -> bool:
    """Members search, and decide, for their own team."""
    return user.is_active and user.is_on(team)


def can_decide_search_record(user: User, record: SearchRecord) -> bool:
    """Its own team: who oversees reads."""
    return user.is_active and user.is_on(record.team)


def can_open_need(user: User, team: Team) -> bool:
    """Members say what their team needs, and join for it."""
    return user.is_active and user.is_on(team)


def can_withdraw_need(user: User, need: Need) -> bool:
    """The team that said it."""
    return user.is_active and user.is_on(need.team)


def can_commission(user: User) -> bool:
    """Marketplace managers find somebody to build what is needed, or say that nobody will."""
    return user.is_active and user.has_role(RoleGrant.Role.CURATOR)


def can_curate(user: User) -> bool:
    """Marketplace managers make collections."""
    return user.is_active and user.has_role(RoleGrant.Role.CURATOR)


def can_collect(user: User, model: RegisteredModel) -> bool:
    """Nobody shows off their own team's model."""
    return can_curate(user) and not user.is_on(model.owner_team)


def can_link_need(user: User, model: RegisteredModel) -> bool:
    """Marketplace managers, and the team whose model is to meet the need."""
    return can_commission(user) or can_edit(user, model)
