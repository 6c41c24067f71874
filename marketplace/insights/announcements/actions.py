"""Verbs of announcements: write, change, schedule, take back, end; and the sweep that shows and ends them (docs/adoption.md, "Announcements")."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import StaleState, transition
from marketplace.insights.announcements.permissions import can_announce
from marketplace.insights.models import Announcement, Audience
from marketplace.notices.actions import notify, resolve

WHO = Refusal(
    "Marketplace managers and administrators write announcements.", ask="the marketplace managers"
)
LONGEST = timedelta(days=92)
MOST_WAITING = 100  # drafts and scheduled ones
NAMED = {
    Audience.UNIT: ("unit", "Choose the business unit."),
    Audience.ROLE: ("role", "Choose the role."),
    Audience.DOMAIN: ("domain", "Choose the domain."),
    Audience.COLLECTION: ("collection", "Choose the collection."),
}
AT_ONCE = 100


@transaction.atomic
def write(by: User, **facts: Any) -> Announcement:
    """Begin one, as a draft. facts: title, text, audience with what it names, shown_from, shown_until. Raises NotAllowed, Invalid, RuleError."""
    require(can_announce(by), *WHO)
    waiting = Announcement.objects.filter(
        state__in=[Announcement.State.DRAFT, Announcement.State.SCHEDULED]
    )
    if waiting.count() >= MOST_WAITING:
        raise RuleError(f"{MOST_WAITING} announcements wait.", remedy="Discard some first.")
    made = Announcement(written_by=by, **_checked(facts))
    made.save()
    record(by, "announcement.write", made, audience=made.audience)
    return made


@transaction.atomic
def edit(by: User, announcement: Announcement, **facts: Any) -> Announcement:
    """Change a draft. Raises NotAllowed, Invalid, RuleError."""
    require(can_announce(by), *WHO)
    announcement = Announcement.objects.select_for_update(of=("self",)).get(pk=announcement.pk)
    if announcement.state != Announcement.State.DRAFT:
        raise RuleError("Only drafts change.", remedy="Take it back first, or write another one.")
    for name, value in _checked(facts).items():
        setattr(announcement, name, value)
    announcement.save()
    record(by, "announcement.edit", announcement, audience=announcement.audience)
    return announcement


@transaction.atomic
def schedule(by: User, announcement: Announcement) -> Announcement:
    """It appears at its time; at once where that has come. Raises NotAllowed, RuleError, StaleState."""
    require(can_announce(by), *WHO)
    now = timezone.now()
    if announcement.shown_until <= now:
        raise RuleError("Its end has passed.", field="shown_until", remedy="Choose a later end.")
    transition(announcement, Announcement.State.SCHEDULED)
    record(by, "announcement.schedule", announcement)
    if announcement.shown_from <= now:
        _show(announcement)
    return announcement


@transaction.atomic
def take_back(by: User, announcement: Announcement) -> Announcement:
    """Make a scheduled one a draft again. Raises NotAllowed, RuleError, StaleState."""
    require(can_announce(by), *WHO)
    transition(announcement, Announcement.State.DRAFT)
    record(by, "announcement.take_back", announcement)
    return announcement


@transaction.atomic
def end(by: User, announcement: Announcement) -> Announcement:
    """Take it off home now, or discard a draft. Raises NotAllowed, RuleError, StaleState."""
    require(can_announce(by), *WHO)
    _end(announcement)
    record(by, "announcement.end", announcement)
    return announcement


def sweep(now: datetime) -> int:
    """Show what is due, end what is over. Returns how many. Safe to run twice."""
    due = Announcement.objects.filter(
        state=Announcement.State.SCHEDULED, shown_from__lte=now
    ).order_by("shown_from")
    over = Announcement.objects.filter(
        state=Announcement.State.SHOWN, shown_until__lte=now
    ).order_by("shown_until")
    moved = 0
    for rows, verb in ((due, _show), (over, _end)):
        for announcement in rows[:AT_ONCE]:
            try:
                with transaction.atomic():
                    verb(announcement)
                moved += 1
            except StaleState:
                continue
    return moved


def audience_of(announcement: Announcement) -> Iterable[User]:
    """The active people whom it addresses now."""
    people = User.objects.filter(is_active=True, is_system=False)
    if announcement.audience == Audience.UNIT:
        return people.filter(
            memberships__left_at=None, memberships__team__business_unit=announcement.unit
        ).distinct()
    if announcement.audience == Audience.ROLE:
        return User.objects.holding(announcement.role)
    if announcement.audience == Audience.DOMAIN:
        return people.filter(follows__domain=announcement.domain)
    if announcement.audience == Audience.COLLECTION:
        return people.filter(follows__collection=announcement.collection)
    return people


def _show(announcement: Announcement) -> None:
    transition(announcement, Announcement.State.SHOWN)
    notify(
        audience_of(announcement),
        "announcement",
        announcement.title,
        body=announcement.text,
        url=announcement.get_absolute_url(),
        key=_key(announcement),
    )


def _end(announcement: Announcement) -> None:
    transition(announcement, Announcement.State.ENDED)
    resolve(_key(announcement))


def _key(announcement: Announcement) -> str:
    return f"announcement:{announcement.pk}"


def _checked(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as they are kept: of what an audience may name, only what this one names. Raises Invalid."""
    audience = facts["audience"]
    if audience not in Audience.values:
        raise Invalid(f"Choose one of {', '.join(Audience.values)}.", field="audience")
    kept = {name: facts[name] for name in ("title", "text", "shown_from", "shown_until")}
    kept |= {"audience": audience, "unit": None, "role": "", "domain": None, "collection": None}
    if audience in NAMED:
        name, sentence = NAMED[Audience(audience)]
        if not facts.get(name):
            raise Invalid(sentence, field=name)
        kept[name] = facts[name]
    require_fields(Announcement, title=kept["title"], text=kept["text"])
    _require_times(kept["shown_from"], kept["shown_until"])
    return kept | {"title": kept["title"].strip(), "text": kept["text"].strip()}


def _require_times(since: datetime, until: datetime) -> None:
    if not since < until <= since + LONGEST:
        raise Invalid(
            f"It ends after it begins, and within {LONGEST.days} days.", field="shown_until"
        )
    if until <= timezone.now():
        raise Invalid("Its end has passed.", field="shown_until")
