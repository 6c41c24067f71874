"""Verbs of events: plan, change, cancel, sign up, withdraw, note who came; and the sweep (docs/adoption.md, "Events")."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import StaleState, transition
from marketplace.insights.events.permissions import can_plan, can_sign_up
from marketplace.insights.models import CompanyEvent, SignUp
from marketplace.insights.models.events import CAPACITY_MAX
from marketplace.notices.actions import notify, resolve

WHO = Refusal("Marketplace managers plan events.", ask="the marketplace managers")
LONGEST = timedelta(days=7)
FURTHEST = timedelta(days=366)
MOST_PLANNED = 100
DAY = timedelta(days=1)
FACTS = ("title", "text", "starts_at", "ends_at", "place", "link", "capacity", "domain")
AT_ONCE = 100


@transaction.atomic
def plan(by: User, **facts: Any) -> CompanyEvent:
    """Plan one: everybody sees it and may sign up. facts: FACTS. Raises NotAllowed, Invalid, RuleError."""
    require(can_plan(by), *WHO)
    if CompanyEvent.objects.filter(state=CompanyEvent.State.OPEN).count() >= MOST_PLANNED:
        raise RuleError(f"{MOST_PLANNED} events are planned.", remedy="Cancel one first.")
    event = CompanyEvent(organised_by=by, **_checked(facts))
    event.save()
    record(by, "event.plan", event, starts_at=event.starts_at.isoformat())
    return event


@transaction.atomic
def edit(by: User, event: CompanyEvent, **facts: Any) -> CompanyEvent:
    """Change what was planned; who comes is told where time or place change. Raises NotAllowed, Invalid, RuleError."""
    require(can_plan(by), *WHO)
    event = _locked(event)
    _require_open(event)
    checked = _checked({name: getattr(event, name) for name in FACTS} | facts)
    taken = event.sign_ups.filter(withdrawn_at=None).count()
    if checked["capacity"] is not None and checked["capacity"] < taken:
        raise Invalid(f"{taken} people are signed up.", field="capacity")
    changed = [name for name, value in checked.items() if getattr(event, name) != value]
    for name in changed:
        setattr(event, name, checked[name])
    if changed:
        event.changes += 1
        event.save(update_fields=[*changed, "changes"])
        record(by, "event.edit", event, changed=changed)
    if {"starts_at", "ends_at", "place", "link"} & set(changed):
        _tell(event, f"changed-{event.changes}", f"{event}: time or place changed")
    return event


@transaction.atomic
def cancel(by: User, event: CompanyEvent, reason: str) -> CompanyEvent:
    """It does not take place; who signed up is told why. Raises NotAllowed, Invalid, StaleState."""
    require(can_plan(by), *WHO)
    require_reason(reason, "who signed up reads it")
    transition(event, CompanyEvent.State.CANCELLED)
    record(by, "event.cancel", event, reason=reason.strip())
    _tell(event, "cancelled", f"{event} is cancelled", reason.strip())
    return event


@transaction.atomic
def sign_up(by: User, event: CompanyEvent) -> SignUp:
    """Come to it. Again: nothing changes. Raises NotAllowed, RuleError when it is full, over or cancelled."""
    require(can_sign_up(by), "People sign up themselves.", remedy="Sign in and do it yourself.")
    event = _locked(event)
    _require_open(event)
    if event.ends_at <= timezone.now():
        raise RuleError(f"{event} is over.", remedy="Choose an event that is still to come.")
    live = event.sign_ups.filter(withdrawn_at=None)
    if own := live.filter(person=by).first():
        return own
    if event.capacity is not None and live.count() >= event.capacity:
        raise RuleError(
            f"{event} is full: {event.capacity} people come.", remedy="Look again later."
        )
    signed = SignUp.objects.create(event=event, person=by)
    record(by, "event.sign_up", event)
    return signed


@transaction.atomic
def withdraw(by: User, event: CompanyEvent) -> CompanyEvent:
    """Not come after all; the place is free. Raises NotAllowed, RuleError."""
    require(can_sign_up(by), "People sign up themselves.", remedy="Sign in and do it yourself.")
    event = _locked(event)
    if event.starts_at <= timezone.now():
        raise RuleError(f"{event} has begun.", remedy="Choose an event that is still to come.")
    own = event.sign_ups.filter(person=by, withdrawn_at=None)
    if not own.update(withdrawn_at=timezone.now()):
        raise RuleError("You are not signed up.", remedy="Reload the page.")
    record(by, "event.withdraw", event)
    return event


@transaction.atomic
def note_attendance(by: User, event: CompanyEvent, people: Collection[str]) -> CompanyEvent:
    """Write down who came, by sign-in names; the others of those signed up did not. Raises NotAllowed, Invalid, RuleError."""
    require(can_plan(by), *WHO)
    event = _locked(event)
    if event.state == CompanyEvent.State.CANCELLED or event.starts_at > timezone.now():
        raise RuleError(f"{event} has not taken place.", remedy="Come back when it is over.")
    signed = event.sign_ups.filter(withdrawn_at=None)
    came = signed.filter(person__username__in=people)
    unknown = set(people) - set(came.values_list("person__username", flat=True))
    if unknown:
        raise Invalid(f"Not signed up: {', '.join(sorted(unknown)[:5])}.", field="people")
    signed.update(attended=False)
    number = came.update(attended=True)
    record(by, "event.attendance", event, came=number)
    return event


def sweep(now: datetime) -> int:
    """Remind who comes a day ahead, and close what is over. Returns how many were looked at. Safe to run twice."""
    planned = CompanyEvent.objects.filter(state=CompanyEvent.State.OPEN)
    near = planned.filter(starts_at__lte=now + DAY, starts_at__gt=now).order_by("starts_at")
    for event in near[:AT_ONCE]:
        with transaction.atomic():
            _tell(event, f"tomorrow-{event.starts_at:%Y%m%d%H%M}", f"Soon: {event}")
    over = planned.filter(ends_at__lte=now).order_by("ends_at")
    for event in over[:AT_ONCE]:
        try:
            with transaction.atomic():
                transition(event, CompanyEvent.State.OVER)
                resolve(f"event:{event.pk}:tomorrow-{event.starts_at:%Y%m%d%H%M}")
        except StaleState:
            continue
    return near.count() + over.count()


def _tell(event: CompanyEvent, occasion: str, title: str, text: str = "") -> None:
    where = " ".join(part for part in (event.place, event.link) if part)
    notify(
        User.objects.filter(
            pk__in=event.sign_ups.filter(withdrawn_at=None).values("person"), is_active=True
        ),
        "event",
        title,
        body=text or f"{event.starts_at:%-d %B %Y, %H:%M} UTC. {where}".strip(),
        url=event.get_absolute_url(),
        key=f"event:{event.pk}:{occasion}",
    )


def _checked(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as they are kept. Raises Invalid."""
    kept: dict[str, Any] = {name: facts.get(name) for name in FACTS}
    for name in ("title", "text", "place", "link"):
        kept[name] = (kept[name] or "").strip()
    require_fields(
        CompanyEvent, **{name: kept[name] for name in ("title", "text", "place", "link")}
    )
    _require_times(kept["starts_at"], kept["ends_at"])
    if not kept["place"] and not kept["link"]:
        raise Invalid("Say where: a place, or a link.", field="place")
    if kept["link"]:
        try:
            URLValidator(["https", "http"])(kept["link"])
        except ValidationError:
            raise Invalid("Give an address that begins with https://.", field="link") from None
    if kept["capacity"] is not None and not 1 <= kept["capacity"] <= CAPACITY_MAX:
        raise Invalid(f"Choose 1 to {CAPACITY_MAX}, or nothing.", field="capacity")
    return kept


def _require_times(starts_at: datetime, ends_at: datetime) -> None:
    now = timezone.now()
    if not now < starts_at <= now + FURTHEST:
        raise Invalid("It begins after now and within a year.", field="starts_at")
    if not starts_at < ends_at <= starts_at + LONGEST:
        raise Invalid("It ends after it begins, and within a week.", field="ends_at")


def _require_open(event: CompanyEvent) -> None:
    if event.state != CompanyEvent.State.OPEN:
        raise RuleError(
            f"{event} is {event.get_state_display().lower()}.",
            remedy="Choose an event that is still to come.",
        )


def _locked(event: CompanyEvent) -> CompanyEvent:
    return CompanyEvent.objects.select_for_update(of=("self",)).get(pk=event.pk)
