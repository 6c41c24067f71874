"""Who oversees the record."""

from marketplace.accounts.models import User
from marketplace.audit.models import SEES_THE_RECORD


def can_oversee(user: User) -> bool:
    """May verify the whole record, and take a signed extract of it?"""
    return user.is_active and user.has_role(*SEES_THE_RECORD)
