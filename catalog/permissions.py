"""Who may change catalog entries. Reading is `visible_to`."""


def can_register(user, team):
    """Members register models for their own team."""
    return user.is_active and user.is_on(team)


def can_edit(user, model):
    """The owner team keeps its entry."""
    return user.is_active and user.is_on(model.owner_team)


def can_edit_version(user, version):
    """The owner team, while nobody judges the version."""
    return version.is_editable and can_edit(user, version.model)
