"""Who may move a version on its way. The rest of a version's rights are catalog's and governance's."""

from catalog.models import ModelVersion
from catalog.permissions import can_edit
from governance.permissions import can_review
from marketplace.accounts.models import User


def can_withdraw(user: User, version: ModelVersion) -> bool:
    return can_edit(user, version.model)


def can_publish(user: User, version: ModelVersion) -> bool:
    """The owner team, or the system once hosting is ready. Approval has been given by others before."""
    return user.is_system or can_edit(user, version.model)


def can_deprecate(user: User, version: ModelVersion) -> bool:
    """The owner team or the marketplace manager."""
    return can_edit(user, version.model) or user.has_role("curator")


def can_run_gates(user: User, version: ModelVersion) -> bool:
    """The owner team, and who reviews: a measurement decides nothing by itself."""
    return user.is_active and (user.is_on(version.model.owner_team) or can_review(user))
