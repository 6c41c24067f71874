"""What waits in the review queue of which governance does not keep the rows: apps above it say what (docs/governance.md, "Reviews")."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from marketplace.accounts.models import User


@dataclass(frozen=True)
class QueueItem:
    """One thing that the person may decide: what, where, and why it was asked for."""

    title: str
    url: str
    text: str


Provider = Callable[[User], Iterable[QueueItem]]
_PROVIDERS: list[Provider] = []


def register(provider: Provider) -> None:
    """Say what waits for a person. It is asked with each look at the queue."""
    _PROVIDERS.append(provider)


def waiting_for(user: User, most: int) -> list[QueueItem]:
    """What they may decide, `most` at most."""
    return list(chain.from_iterable(provider(user) for provider in _PROVIDERS))[:most]
