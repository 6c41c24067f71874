"""Who may move a version on its way. The rest of a version's rights are catalog's and governance's."""

from catalog.permissions import can_edit


def can_withdraw(user, version):
    return can_edit(user, version.model)


def can_publish(user, version):
    """The owner team, or the system once hosting is ready. Approval has been given by others before."""
    return user.is_system or can_edit(user, version.model)


def can_deprecate(user, version):
    """The owner team or the marketplace manager."""
    return can_edit(user, version.model) or user.has_role("curator")
