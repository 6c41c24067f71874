"""The first line of every verb."""

from marketplace.core.errors import NotAllowed


def require(allowed: bool, reason: str, ask: str = "") -> None:
    """Raise NotAllowed(reason) unless `allowed`. `ask` names who can help."""
    if not allowed:
        raise NotAllowed(reason, ask=ask)
