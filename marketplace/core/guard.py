"""The first line of every verb."""

from typing import NamedTuple

from marketplace.core.errors import NotAllowed


class Refusal(NamedTuple):
    """What several verbs answer who may not, and who can help: `require(allowed, *WHO)`."""

    reason: str
    ask: str


def require(allowed: bool, reason: str, ask: str = "", *, remedy: str = "") -> None:
    """Raise NotAllowed(reason) unless `allowed`. `ask` names who can help; `remedy` says what one can do oneself. Never neither."""
    if not allowed:
        raise NotAllowed(reason, ask=ask, remedy=remedy)
