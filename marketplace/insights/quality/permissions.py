"""Who reviews quality, and who says that a finding is mended."""

from catalog.models import RegisteredModel
from marketplace.accounts.models import RoleGrant, User

REVIEWERS = (RoleGrant.Role.CURATOR, RoleGrant.Role.EVALUATOR)


def can_review_quality(user: User, model: RegisteredModel) -> bool:
    """Marketplace managers and evaluators; nobody reviews their own team's model."""
    return user.is_active and user.has_role(*REVIEWERS) and not user.is_on(model.owner_team)


def can_mend(user: User, model: RegisteredModel) -> bool:
    """The publisher."""
    return user.is_active and user.is_on(model.owner_team)
