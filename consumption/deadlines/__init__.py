"""What needs a person: dates and acts in one list, for home, My access, application pages and the API (docs/access.md).

Nothing here writes, and nothing about a subscription is left out: whoever shows fewer shows the first ones, which are the soonest.
"""

from collections.abc import Callable, Iterable, Sequence

from consumption.deadlines import budgets, decisions, subscriptions
from consumption.deadlines.deadline import Deadline, Kind
from consumption.models import Subscription
from marketplace.accounts.models import User

__all__ = ["Deadline", "Kind", "for_person", "of_subscriptions", "register"]

Source = Callable[[User], Iterable[Deadline]]
_more: list[Source] = []


def register(source: Source) -> Source:
    """Have an upper app add the deadlines that it knows of."""
    _more.append(source)
    return source


def of_subscriptions(held: Sequence[Subscription]) -> list[Deadline]:
    """The deadlines of these subscriptions (for_list), soonest first. As many queries for one as for many."""
    return sorted(subscriptions.deadlines(held), key=lambda one: one.order)


def for_person(user: User, held: Sequence[Subscription]) -> list[Deadline]:
    """All that needs the person, soonest first: of `held` (for_list), the subscriptions of their teams, and what waits for them."""
    teams = list(user.team_ids())
    found = [
        *subscriptions.deadlines(held),
        *decisions.deadlines(user, teams),
        *budgets.deadlines(teams),
        *(deadline for source in _more for deadline in source(user)),
    ]
    return sorted(found, key=lambda one: one.order)
