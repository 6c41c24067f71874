"""Verbs of the end of access: its last day, the yearly confirmation, and the sweep that holds both (docs/access.md, "Staying in").

Days are UTC. `now` is given to the sweep so that tests choose the moment; it may run any number of times.
"""

from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from consumption.models import PauseReason, Subscription
from consumption.permissions import can_manage_application
from consumption.subscribing.actions.access import close_subscription
from consumption.subscribing.actions.granting import CONFIRM_EVERY, check_end
from consumption.telling import tell_team
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve
from marketplace.notices.models import Notice

SYSTEM = "access"
REMINDERS = (30, 14, 7, 1)  # days before access ends or pauses
REOPEN_DAYS = 7  # a pause without a confirmation becomes an end
CONFIRM_EARLY = timedelta(days=60)  # no confirmation is asked earlier than so long before it is due
State = Subscription.State


@transaction.atomic
def change_end(by: User, subscription: Subscription, ends_on: date | None) -> Subscription:
    """Set the last day, or none. The owner is told of a later one. Raises NotAllowed, Invalid, RuleError."""
    _require_team(by, subscription)
    check_end(ends_on)
    if subscription.state not in Subscription.OPEN:
        raise RuleError(
            f"{subscription} is {subscription.get_state_display().lower()}.",
            remedy="Reload the page and look again.",
        )
    before = subscription.ends_on
    Subscription.objects.filter(pk=subscription.pk, state__in=Subscription.OPEN).update(
        ends_on=ends_on
    )
    subscription.ends_on = ends_on
    record(by, "subscription.end_date", subscription, before=str(before), after=str(ends_on))
    _resolve(subscription, "ends", before)
    if before and (ends_on is None or ends_on > before):
        until = f"until {ends_on:%-d %B %Y}" if ends_on else "without an end date"
        notify(
            User.objects.on_teams([subscription.model.owner_team]),
            "subscription",
            f"{subscription.application.team} uses {subscription.model} {until}",
            body=f"It said {before:%-d %B %Y} before.",
            url=subscription.model.get_absolute_url() + "consumers/",
            key=f"access-end-date:{subscription.pk}:{ends_on}",
            teams=[subscription.model.owner_team],
            model=subscription.model.slug,
            application=subscription.application.slug,
        )
    return subscription


@transaction.atomic
def confirm_use(by: User, subscription: Subscription) -> Subscription:
    """Say that the team still uses it as described: it holds for a year. Reopens what paused for want of it.

    Raises NotAllowed, RuleError, Invalid.
    """
    _require_team(by, subscription)
    if subscription.state not in (State.ACTIVE, State.PAUSED) or subscription.confirm_by is None:
        raise RuleError(
            f"{subscription} is {subscription.get_state_display().lower()}.",
            remedy="Reload the page and look again.",
        )
    today = _today(timezone.now())
    if subscription.confirm_by > today + CONFIRM_EARLY:
        raise Invalid(
            f"It is confirmed until {subscription.confirm_by:%-d %B %Y}.",
            field="confirm_by",
            remedy=f"Confirm it within {CONFIRM_EARLY.days} days before.",
        )
    before = subscription.confirm_by
    facts = {
        "confirm_by": today + CONFIRM_EVERY,
        "confirmed_at": timezone.now(),
        "confirmed_by": by,
    }
    if subscription.paused_because == PauseReason.UNCONFIRMED:
        transition(subscription, State.ACTIVE, paused_because="", **facts)
        invalidate("subscription", subscription=subscription.pk)
    else:
        Subscription.objects.filter(pk=subscription.pk).update(**facts)
        for name, value in facts.items():
            setattr(subscription, name, value)
    _resolve(subscription, "confirm", before)
    record(by, "subscription.confirm", subscription, until=str(subscription.confirm_by))
    return subscription


def sweep_ends(now: datetime | None = None) -> int:
    """Remind of what ends or is to be confirmed; end it, or pause it, when its day is over. Returns how many ended or paused."""
    now = now or timezone.now()
    today = _today(now)
    horizon = today + timedelta(days=max(REMINDERS))
    granted = Subscription.objects.granted().for_list()
    ending = list(granted.filter(ends_on__lte=horizon))
    unconfirmed = list(granted.filter(confirm_by__lte=horizon))
    _remind(today, ending, unconfirmed)
    done = 0
    for subscription in ending:
        assert subscription.ends_on is not None
        if subscription.ends_on < today:
            done += _end(subscription, f"Its last day was {subscription.ends_on:%-d %B %Y}.")
    for subscription in unconfirmed:
        assert subscription.confirm_by is not None
        if subscription.confirm_by + timedelta(days=REOPEN_DAYS) < today:
            done += _end(subscription, "Nobody confirmed that it is still used.")
        elif subscription.confirm_by < today:
            done += _pause(subscription)
    return done


def _remind(today: date, ending: list[Subscription], unconfirmed: list[Subscription]) -> None:
    """Each team once for each step; who comes late to a date gets the nearest step alone."""
    occasions: dict[str, tuple[Subscription, str, date]] = {}
    for word, rows, field in (("ends", ending, "ends_on"), ("confirm", unconfirmed, "confirm_by")):
        for subscription in rows:
            day: date = getattr(subscription, field)
            left = (day - today).days
            step = min((step for step in REMINDERS if left <= step), default=None)
            if left >= 0 and step is not None:
                occasions[_key(subscription, word, day, step)] = (subscription, word, day)
    told = set(Notice.objects.filter(key__in=occasions).values_list("key", flat=True))
    for key, (subscription, word, day) in occasions.items():
        if key not in told:
            _notify(subscription, word, day, key)


def _notify(subscription: Subscription, word: str, day: date, key: str) -> None:
    title, body = {
        "ends": (
            f"{subscription}: access ends on {day:%-d %B %Y}",
            "Its keys stop with the end of that day (UTC). Set a later day on the application's page if it is still used.",
        ),
        "confirm": (
            f"{subscription}: confirm that it is used, by {day:%-d %B %Y}",
            f"Without an answer it pauses after that day, with {REOPEN_DAYS} days to reopen it; then it ends with its keys.",
        ),
    }[word]
    tell_team(subscription, title, key=key, body=body)


@transaction.atomic
def _pause(subscription: Subscription) -> int:
    """Without a confirmation calls stop; one act reopens it. Returns 1 when it was not paused before."""
    if subscription.state != State.ACTIVE:
        return 0
    by = User.objects.system(SYSTEM)
    transition(subscription, State.PAUSED, paused_because=PauseReason.UNCONFIRMED)
    invalidate("subscription", subscription=subscription.pk)
    record(by, "subscription.pause", subscription, reason=subscription.get_paused_because_display())
    assert subscription.confirm_by is not None
    until = subscription.confirm_by + timedelta(days=REOPEN_DAYS)
    tell_team(
        subscription,
        f"{subscription} is paused: nobody confirmed that it is used",
        body=f"Calls are refused. Confirm the use by {until:%-d %B %Y} to reopen it with the same keys.",
        key=f"access-paused:{subscription.pk}:{subscription.confirm_by}",
    )
    return 1


@transaction.atomic
def _end(subscription: Subscription, why: str) -> int:
    close_subscription(User.objects.system(SYSTEM), subscription, why)
    notify(
        User.objects.on_teams([subscription.application.team, subscription.model.owner_team]),
        "subscription",
        f"{subscription} has ended",
        body=f"{why} Its keys stopped. Who still needs it subscribes again.",
        url=subscription.get_absolute_url(),
        key=f"access-ended:{subscription.pk}",
        teams=[subscription.application.team, subscription.model.owner_team],
        model=subscription.model.slug,
        application=subscription.application.slug,
    )
    return 1


def _resolve(subscription: Subscription, word: str, day: date | None) -> None:
    if day is not None:
        for step in REMINDERS:
            resolve(_key(subscription, word, day, step))


def _key(subscription: Subscription, word: str, day: date, step: int) -> str:
    return f"access-{word}:{subscription.pk}:{day}:{step}"


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _require_team(by: User, subscription: Subscription) -> None:
    require(
        can_manage_application(by, subscription.application),
        f"Only members of {subscription.application.team} say how long it is used.",
        ask=str(subscription.application.team),
    )
