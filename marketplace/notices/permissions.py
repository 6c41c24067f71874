"""Who may do what with a team's webhooks. Asked at call time."""

from marketplace.accounts.models import Team, User
from marketplace.notices.models import Webhook

ENDS_ANY = ("operator", "security_reviewer", "admin")


def can_manage_webhooks(user: User, team: Team) -> bool:
    """The people of the team. Events go where its webhooks say, so no token moves them."""
    return user.is_active and not user.token_kid and user.is_on(team)


def can_disable_webhook(user: User, webhook: Webhook) -> bool:
    """Its team, and those who look after the marketplace."""
    return can_manage_webhooks(user, webhook.team) or (user.is_active and user.has_role(*ENDS_ANY))
