"""Who plans events, and who signs up. Reading is `visible_to`."""

from marketplace.accounts.models import RoleGrant, User


def can_plan(user: User) -> bool:
    """Marketplace managers: plan, change, cancel, and see who comes."""
    return user.is_active and user.has_role(RoleGrant.Role.CURATOR)


def can_see_sign_ups(user: User) -> bool:
    """Who plans, and who oversees; others read how many come."""
    return can_plan(user) or user.has_role(RoleGrant.Role.AUDITOR)


def can_sign_up(user: User) -> bool:
    """Any person; no token comes to an event."""
    return user.is_active and not user.is_system and not user.token_kid
