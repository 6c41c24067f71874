"""Who keeps the inventory. Reading is `visible_to`."""

from marketplace.accounts.models import RoleGrant, User
from marketplace.insights.models import ProductionModel


def can_keep(user: User) -> bool:
    """Marketplace managers: add, import, start campaigns, chase owners."""
    return user.is_active and user.has_role(RoleGrant.Role.CURATOR)


def can_edit(user: User, entry: ProductionModel) -> bool:
    """Marketplace managers, and the team whose model it is: it knows its facts."""
    return can_keep(user) or (
        user.is_active and entry.owner_team is not None and user.is_on(entry.owner_team)
    )


def can_release(user: User, entry: ProductionModel) -> bool:
    """Marketplace managers who are not on its team: a match, an exception and a retirement end what the team owes."""
    is_own = entry.owner_team is not None and user.is_on(entry.owner_team)
    return can_keep(user) and not is_own and user.pk != entry.owner_id
