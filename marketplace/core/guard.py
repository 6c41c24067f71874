"""The first line of every verb."""

from marketplace.core.errors import NotAllowed


def require(allowed: bool, reason: str, ask: str = "", *, remedy: str = "") -> None:
    """Raise NotAllowed(reason) unless `allowed`. `ask` names who can help; `remedy` says what one can do oneself. Never neither."""
    if not allowed:
        raise NotAllowed(reason, ask=ask, remedy=remedy)
