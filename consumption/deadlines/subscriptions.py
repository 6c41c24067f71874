"""Deadlines of subscriptions: quota, keys, announced changes, versions that end, requests that were denied."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from consumption.changes import actions as changes
from consumption.changes.actions import Announcement
from consumption.deadlines.deadline import Deadline, Kind
from consumption.metering import quota_forecast
from consumption.models import (
    ApiKey,
    KeyState,
    PauseReason,
    ScheduledChange,
    Subscription,
    UsageDay,
)
from consumption.subscribing.actions.ends import REOPEN_DAYS
from governance.calendar import end_of_day

KEY_SOON = timedelta(days=14)
END_SOON = timedelta(days=30)
SHARE_OF_LIFE = 4  # a key of eight days is not about to end from its first day on
CALLED_DAYS = 7  # a version that was called by its number within so many days is still in use
State = Subscription.State
# What an announced change means for who has the subscription; others change its terms.
ENDS = (
    ScheduledChange.Kind.WITHDRAWAL,
    ScheduledChange.Kind.VISIBILITY,
    ScheduledChange.Kind.SUBSCRIPTION,
)


def deadlines(held: Sequence[Subscription]) -> Iterator[Deadline]:
    """Of subscriptions (for_list), in no order. As many queries for one as for many."""
    active = [one for one in held if one.state == State.ACTIVE]
    yield from _quotas(active)
    yield from _keys({one.pk: one for one in active})
    yield from _ends([one for one in held if one.state in (State.ACTIVE, State.PAUSED)])
    yield from _announced([one for one in held if one.state in one.OPEN])
    yield from _suspensions([one for one in held if one.state in (State.ACTIVE, State.PAUSED)])
    yield from _denied(held)


def title_of(subscription: Subscription) -> str:
    return f"{subscription.model} · {subscription.application}"


def _quotas(active: Sequence[Subscription]) -> Iterator[Deadline]:
    forecasts = quota_forecast.forecasts(active)
    for subscription in active:
        forecast = forecasts.get(subscription.pk)
        if forecast is None or not forecast.is_near_end:
            continue
        used = f"{forecast.used:,} of {forecast.quota:,} calls used"
        renewed = f"{forecast.renewed_at:%-d %B}"
        if forecast.is_used_up:
            text = f"{used}. Calls are refused with 429 until {renewed} (UTC)."
        elif forecast.reached_at:
            text = (
                f"{used}; at {forecast.per_day:,.0f} a day it is reached on "
                f"{forecast.reached_at.astimezone(UTC):%A at about %H:00} (UTC). "
                f"Further calls are refused until {renewed}."
            )
        else:
            text = f"{used}. Further calls are refused until {renewed}, when it begins anew."
        yield Deadline(
            Kind.QUOTA,
            forecast.reached_at or forecast.renewed_at,
            title_of(subscription),
            subscription.get_absolute_url(),
            text,
            "Raise the quota",
            reverse("consumption:change_plan", args=[subscription.pk]),
            is_at_risk=forecast.reached_at is not None,
            subscription=subscription,
        )


def _keys(active: dict[int, Subscription]) -> Iterator[Deadline]:
    """Keys that end soon, of those that were replaced only the ones that somebody still calls with; and paused ones."""
    now = timezone.now()
    known = ApiKey.objects.filter(
        subscription__in=active,
        expires_at__gt=now,
        state__in=[KeyState.ACTIVE, KeyState.ROTATING, KeyState.PAUSED],
    )
    keys = list(known.order_by("created_at"))
    newest = {(key.subscription_id, key.name): key for key in keys if key.state == KeyState.ACTIVE}
    for key in keys:
        subscription = active[key.subscription_id]
        if key.state == KeyState.PAUSED:
            yield _paused(subscription, key)
        elif key.state == KeyState.ROTATING:
            if _is_still_used(key, newest.get((key.subscription_id, key.name))):
                yield _key(subscription, key, is_replaced=True)
        elif key.expires_at - now <= min(KEY_SOON, key.life / SHARE_OF_LIFE):
            yield _key(subscription, key, is_replaced=False)


def _is_still_used(key: ApiKey, replaced_by: ApiKey | None) -> bool:
    return key.last_used_at is not None and (
        replaced_by is None or key.last_used_at > replaced_by.created_at
    )


def _key(subscription: Subscription, key: ApiKey, *, is_replaced: bool) -> Deadline:
    ends = f"{key.expires_at.astimezone(UTC):%-d %b, %H:%M} UTC"
    used = (
        f"Last used {key.last_used_at.astimezone(UTC):%-d %b, %H:%M}."
        if key.last_used_at
        else "It was never used."
    )
    if is_replaced:
        act, act_url = "See the keys", subscription.get_absolute_url()
        text = (
            f"Key {key} ({key.name}) was replaced and still makes calls. It answers until {ends}."
        )
    else:
        act, act_url = "Rotate the key", reverse("consumption:rotate_key", args=[key.kid])
        text = f"Key {key} ({key.name}) answers until {ends}. {used} A new key can overlap for up to 7 days."
    return Deadline(
        Kind.KEY,
        key.expires_at,
        title_of(subscription),
        subscription.get_absolute_url(),
        text,
        act,
        act_url,
        is_at_risk=key.last_used_at is not None,
        subscription=subscription,
    )


def _paused(subscription: Subscription, key: ApiKey) -> Deadline:
    return Deadline(
        Kind.PAUSED_KEY,
        key.expires_at,
        title_of(subscription),
        subscription.get_absolute_url(),
        f"Key {key} ({key.name}) was not used and is paused: calls with it are refused. Resume it, or revoke it; else it ends then.",
        "See the keys",
        subscription.get_absolute_url(),
        subscription=subscription,
    )


def _ends(granted: Sequence[Subscription]) -> Iterator[Deadline]:
    """Last days, and days by which the use is confirmed, that come soon or have passed."""
    horizon = (timezone.now() + END_SOON).astimezone(UTC).date()
    for one in granted:
        if one.ends_on is not None and one.ends_on <= horizon:
            yield Deadline(
                Kind.END,
                end_of_day(one.ends_on),
                title_of(one),
                one.get_absolute_url(),
                "Your team said that this is its last day. The keys stop with it.",
                "Set a later day",
                reverse("consumption:change_end", args=[one.pk]),
                is_at_risk=True,
                subscription=one,
            )
        if one.confirm_by is not None and one.confirm_by <= horizon:
            yield _confirmation(one, one.confirm_by)


def _confirmation(subscription: Subscription, by: date) -> Deadline:
    reopen = f"{by + timedelta(days=REOPEN_DAYS):%-d %B}"
    if subscription.paused_because == PauseReason.UNCONFIRMED:
        text = f"Nobody confirmed the use, so calls are refused. Confirm it by {reopen} to reopen it; then it ends."
    else:
        text = f"Say that you still use it as described. Without an answer access pauses after {by:%-d %B}, with {REOPEN_DAYS} days to reopen."
    return Deadline(
        Kind.CONFIRMATION,
        end_of_day(by),
        title_of(subscription),
        subscription.get_absolute_url(),
        text,
        "Confirm the use",
        reverse("consumption:confirm_use", args=[subscription.pk]),
        is_at_risk=True,
        subscription=subscription,
    )


def _announced(going_on: Sequence[Subscription]) -> Iterator[Deadline]:
    announced = changes.announced_to(going_on)
    ending = _ending_versions(going_on, announced)
    for subscription in going_on:
        for announcement in announced[subscription.pk]:
            change = announcement.change
            if change.kind != ScheduledChange.Kind.DEPRECATION:
                yield _change(subscription, announcement)
            elif (subscription.pk, change.version_id) in ending:
                yield _version_end(subscription, change)


def _change(subscription: Subscription, announcement: Announcement) -> Deadline:
    change = announcement.change
    is_end = change.kind in ENDS
    differences = ". ".join(str(difference) for difference in announcement.differences)
    if change.kind == ScheduledChange.Kind.WITHDRAWAL:
        text = f"The {change.plan} plan ends, and with it the subscription and its keys, unless it moves to another plan."
    elif is_end:
        text = f"The subscription ends with its keys. {change.reason}"
    else:
        text = f"{differences}. {change.reason}"
    return Deadline(
        Kind.END if is_end else Kind.CHANGE,
        change.effective_from,
        title_of(subscription),
        subscription.get_absolute_url(),
        text,
        "Choose another plan"
        if change.kind == ScheduledChange.Kind.WITHDRAWAL
        else "See what it means",
        reverse("consumption:change_plan", args=[subscription.pk])
        if change.kind == ScheduledChange.Kind.WITHDRAWAL
        else change.get_absolute_url(),
        is_at_risk=is_end,
        subscription=subscription,
    )


def _version_end(subscription: Subscription, change: ScheduledChange) -> Deadline:
    version, successor = change.version, change.after.get("successor", "")
    assert version is not None
    then = f"Move to {successor}" if successor else "Move to another version"
    return Deadline(
        Kind.VERSION,
        change.effective_from,
        f"{version} · {subscription.application}",
        subscription.get_absolute_url(),
        f"Version {version.number} answers your calls and refuses them from then on. {then} before. {change.reason}",
        then,
        reverse("consumption:move", args=[subscription.pk]),
        is_at_risk=True,
        subscription=subscription,
    )


def _ending_versions(
    going_on: Sequence[Subscription], announced: dict[int, list[Announcement]]
) -> set[tuple[int, int]]:
    """(subscription id, version id): whose calls a version that ends still answers. Who has moved needs nothing more."""
    ending = {
        announcement.change.version_id
        for rows in announced.values()
        for announcement in rows
        if announcement.change.kind == ScheduledChange.Kind.DEPRECATION
    }
    if not ending:
        return set()
    found = {(pk, version.pk) for pk, version in _answering(going_on).items()}
    lately = (timezone.now() - timedelta(days=CALLED_DAYS)).date()
    called = UsageDay.objects.filter(
        day__gt=lately, version__in=ending, subscription__in=[one.pk for one in going_on]
    )
    return found | set(called.values_list("subscription_id", "version_id").distinct())


def _answering(going_on: Sequence[Subscription]) -> dict[int, ModelVersion]:
    """Subscription id → the version that its policy follows. One query."""
    models = {one.model_id for one in going_on}
    versions: dict[int, list[ModelVersion]] = defaultdict(list)
    for version in ModelVersion.objects.filter(model__in=models, state__in=ModelVersion.LISTED):
        versions[version.model_id].append(version)
    return {one.pk: affected.resolve_for(one, versions[one.model_id]) for one in going_on}


def _suspensions(granted: Sequence[Subscription]) -> Iterator[Deadline]:
    """Versions that answer and are suspended unless they are reviewed again (docs/governance.md, "Re-review")."""
    announced = {
        version.pk: version
        for version in ModelVersion.objects.filter(
            model__in={one.model_id for one in granted},
            state__in=ModelVersion.LIVE,
            suspends_at__isnull=False,
            suspended_at=None,
        ).select_related("model__owner_team")
    }
    answering = _answering(granted) if announced else {}
    for subscription in granted if announced else ():
        version = announced.get(answering[subscription.pk].pk)
        if version is not None and version.suspends_at is not None:
            yield _suspension(subscription, version, version.suspends_at)


def _suspension(subscription: Subscription, version: ModelVersion, at: datetime) -> Deadline:
    model = version.model
    return Deadline(
        Kind.SUSPENSION,
        at,
        f"{version} · {subscription.application}",
        subscription.get_absolute_url(),
        f"Its approval ended, and nobody has reviewed it again. Its calls are refused from then on. "
        f"{model.owner_team} has it reviewed: {model.support_contact}.",
        "Look at other versions",
        reverse("catalog:versions", args=[model.slug]),
        is_at_risk=True,
        subscription=subscription,
    )


def _denied(held: Sequence[Subscription]) -> Iterator[Deadline]:
    since = timezone.now() - Subscription.ASK_AGAIN_WITHIN
    open_pairs = {(one.application_id, one.model_id) for one in held if one.state in one.OPEN}
    for subscription in held:
        decided = subscription.decided_at
        if subscription.state != State.DENIED or decided is None or decided < since:
            continue
        if (subscription.application_id, subscription.model_id) in open_pairs:
            continue
        yield Deadline(
            Kind.DENIED,
            decided,
            title_of(subscription),
            subscription.get_absolute_url(),
            f"{subscription.decided_by}: {subscription.decision_reason}",
            "Ask again",
            reverse("consumption:ask_again", args=[subscription.pk]),
            subscription=subscription,
        )
