"""Who writes announcements. Reading is `visible_to`."""

from marketplace.accounts.models import User
from marketplace.insights.models.announcements import WRITES


def can_announce(user: User) -> bool:
    """Marketplace managers and administrators."""
    return user.is_active and user.has_role(*WRITES)
