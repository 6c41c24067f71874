"""Who may make and end tokens. What a token may do is asked at each call: `authentication.TokenScope`."""

from marketplace.accounts.models import User
from marketplace.tokens.models import ApiToken

ENDS_ANY = ("operator", "security_reviewer", "admin")


def can_make_token(user: User) -> bool:
    """A person who is signed in. A token makes no tokens."""
    return user.is_active and not user.is_system and not user.token_kid


def can_revoke_token(user: User, token: ApiToken) -> bool:
    """Its person, the team of a team token, and those who look after security."""
    is_own = token.user_id == user.pk
    of_team = token.membership is not None and user.is_on(token.membership.team)
    return user.is_active and (is_own or of_team or user.has_role(*ENDS_ANY))
