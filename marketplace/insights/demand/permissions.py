"""Who looks after demand. Needs themselves: catalog.permissions."""

from catalog.permissions import can_commission
from marketplace.accounts.models import User


def can_take_up(user: User) -> bool:
    """Marketplace managers, as for needs."""
    return can_commission(user)
