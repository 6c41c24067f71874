"""Questions of permission about nobody's thing in particular."""

from marketplace.accounts.models import User
from marketplace.core.guard import require


def require_person(by: User, reason: str) -> None:
    """Raise NotAllowed(reason) unless an active person acts, in the portal and not by a token."""
    require(by.is_active and not by.token_kid, reason, remedy="Sign in and do it yourself.")
