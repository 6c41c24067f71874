"""What consumers asked for and nobody answered: whoever decides is reminded, then it is escalated (docs/access.md, "A request")."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consumption.models import Application
from consumption.subscribing.answering import WAITS_AT_MOST
from governance.calendar import business_days_after
from marketplace.accounts.models import User
from marketplace.notices.actions import notify
from marketplace.notices.models import Notice

REMINDED_AFTER = 2  # business days: whoever decides is told again


@dataclass(frozen=True)
class Unanswered:
    """One thing that was asked for.

    what        "Affordability", "Bundle of Affordability"
    why         what its team wrote
    kind        of its notices
    keys        of the reminder and of the escalation
    whose_turn  asks who decides, and where: (people, address)
    """

    application: Application
    model: str
    what: str
    why: str
    asked_by: User
    asked_at: datetime
    url: str
    kind: str
    keys: tuple[str, str]
    whose_turn: Callable[[], tuple[Iterable[User], str]]

    @property
    def since(self) -> str:
        return f"{self.asked_at:%-d %B}"


def asked_before(now: datetime) -> datetime:
    """What was asked later cannot be due for a reminder yet."""
    return now - timedelta(days=REMINDED_AFTER)


def remind(waiting: Iterable[Unanswered], now: datetime) -> int:
    """Each step once for each thing, whatever the sweep does. Returns how many steps were taken."""
    due = {}
    for one in waiting:
        reminded, escalated = one.keys
        if business_days_after(one.asked_at, REMINDED_AFTER) <= now:
            due[reminded] = one
        if one.asked_at + WAITS_AT_MOST <= now:
            due[escalated] = one
    told = set(Notice.objects.filter(key__in=due).values_list("key", flat=True))
    for key in due.keys() - told:
        _remind(due[key], key)
    return len(due.keys() - told)


def _remind(one: Unanswered, key: str) -> None:
    turn, url = one.whose_turn()
    people = set(turn)
    if key == one.keys[1]:
        people |= set(User.objects.holding("curator"))
        body = f"Nobody answered since {one.since}: the marketplace manager was told."
        title = f"Your request for {one.what} was escalated"
        _tell(one, [one.asked_by], title, body, one.url, f"{key}:asker")
    title = f"{one.application.team} waits since {one.since} for {one.what}"
    _tell(one, people, title, one.why, url, key)


def _tell(
    one: Unanswered, people: Iterable[User], title: str, body: str, url: str, key: str
) -> None:
    notify(
        people,
        one.kind,
        title,
        body=body,
        url=url,
        key=key,
        model=one.model,
        application=one.application.slug,
    )
