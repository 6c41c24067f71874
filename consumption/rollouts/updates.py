"""Verbs of automatic updates: hold them, let them go on, roll back, and announce what is new (docs/moves.md, "Automatic updates")."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from catalog import upgrades
from catalog.models import ModelVersion
from consumption import affected
from consumption.models import Hold, Rollout, Subscription
from consumption.permissions import can_manage_application
from consumption.rollouts import words
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.notices.actions import notify

LONGEST_HOLD_DAYS = 90
ROLLED_BACK_DAYS = 30
A_PASS = 100
BY_TEAM = (Hold.TEAM, Hold.ROLLED_BACK)


def held_subscription(by: User, subscription: Subscription) -> Subscription:
    """The subscription as it is now, locked, for a member of its team. Raises NotAllowed, RuleError."""
    held: Subscription = (
        Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=subscription.pk)
    )
    team = held.application.team
    require(
        can_manage_application(by, held.application),
        f"Only members of {team} say how its subscriptions follow new versions.",
        ask=str(team),
    )
    if held.state not in (Subscription.State.ACTIVE, Subscription.State.PAUSED):
        raise RuleError(
            f"This subscription is {held.get_state_display().lower()}.",
            remedy="Reload the page and look again.",
        )
    return held


@transaction.atomic
def hold_updates(by: User, subscription: Subscription, days: int = 30) -> Subscription:
    """No newer version reaches the subscription by itself for so many days. Raises NotAllowed, Invalid, RuleError."""
    subscription = held_subscription(by, subscription)
    _require_automatic(subscription)
    if not 1 <= days <= LONGEST_HOLD_DAYS:
        raise Invalid(f"Hold for 1 to {LONGEST_HOLD_DAYS} days.", field="days")
    version = affected.answering([subscription])[subscription.pk]
    until = timezone.now() + timedelta(days=days)
    keep_at(subscription, hold=Hold.TEAM, held_version=version, held_until=until)
    record(by, "updates.hold", subscription, version=version.number, until=until.isoformat())
    return subscription


@transaction.atomic
def roll_back(by: User, subscription: Subscription) -> Subscription:
    """The version that answered before the last automatic update answers again, and stays for 30 days."""
    subscription = held_subscription(by, subscription)
    _require_automatic(subscription)
    version = affected.answering([subscription])[subscription.pk]
    before = version_before(subscription, version)
    if before is None:
        raise RuleError(
            f"No version before {version.number} answers this subscription.",
            remedy="Move it to the version that you need.",
        )
    until = timezone.now() + timedelta(days=ROLLED_BACK_DAYS)
    keep_at(subscription, hold=Hold.ROLLED_BACK, held_version=before, held_until=until)
    record(by, "updates.roll_back", subscription, before=version.number, after=before.number)
    owners = User.objects.on_teams([subscription.model.owner_team])
    notify(
        owners,
        "version.published",
        f"{subscription.application} rolled back from {version.number} to {before.number} ({subscription.model})",
        url=f"{subscription.model.get_absolute_url()}consumers/",
        key=f"rolled-back:{subscription.pk}:{version.pk}:{until:%Y%m%d}",
        teams=[subscription.model.owner_team],
        model=subscription.model.slug,
    )
    return subscription


def version_before(subscription: Subscription, version: ModelVersion) -> ModelVersion | None:
    """What would answer the subscription if `version` and all above it did not."""
    versions = list(subscription.model.versions.filter(state__in=ModelVersion.LISTED))
    followed = upgrades.followed(subscription.version_policy, subscription.pinned_version, versions)
    now = timezone.now()
    lower = [
        one
        for one in upgrades.reached(followed, None)
        if one.precedence < version.precedence
        and one.is_callable
        and not (one.sunset_at and one.sunset_at <= now)
    ]
    return max(lower, key=lambda one: one.precedence, default=None)


@transaction.atomic
def release_updates(by: User, subscription: Subscription) -> Subscription:
    """End a hold: newer versions reach it again, where it has examples only those that pass them."""
    subscription = held_subscription(by, subscription)
    if subscription.hold not in BY_TEAM:
        raise RuleError(
            f"{subscription.application} is not held by its team.",
            remedy="What its examples hold goes on when they pass, or are accepted.",
        )
    settle(subscription, subscription.held_version)
    record(by, "updates.release", subscription)
    return subscription


def settle(subscription: Subscription, version: ModelVersion | None) -> None:
    """Hold a subscription with examples at `version` until newer ones pass them; one without is not held."""
    if version is not None and subscription.examples.exists():
        seen = version.published_at
        keep_at(subscription, hold=Hold.EXAMPLES, held_version=version, updates_seen_at=seen)
    else:
        keep_at(subscription, hold=Hold.NONE, held_version=None)


def keep_at(
    subscription: Subscription,
    *,
    hold: str,
    held_version: ModelVersion | None,
    held_until: datetime | None = None,
    **fields: Any,
) -> None:
    """Write a hold; every gateway follows within a second."""
    fields |= {"hold": hold, "held_version": held_version, "held_until": held_until}
    Subscription.objects.filter(pk=subscription.pk).update(**fields)
    for name, value in fields.items():
        setattr(subscription, name, value)
    invalidate("subscription", subscription=subscription.pk)


def end_holds() -> int:
    """The sweep: holds whose time is over end. Returns how many."""
    over = Subscription.objects.filter(held_until__lte=timezone.now()).exclude(hold=Hold.NONE)
    ended = 0
    for pk in list(over.order_by("held_until").values_list("pk", flat=True)[:A_PASS]):
        with transaction.atomic():
            held = Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=pk)
            if held.held_until and held.held_until <= timezone.now():
                settle(held, held.held_version)
                record(User.objects.system("moves"), "updates.release", held)
                ended += 1
    return ended


def announce_version(version: ModelVersion) -> set[User]:
    """Tell each team on whose path a published version is, naming the application and what to do. Returns who was told."""
    told: set[User] = set()
    versions = list(version.model.versions.filter(state__in=ModelVersion.LISTED))
    earlier = [one for one in versions if one.pk != version.pk]
    rollout = version.rollouts.open().first()
    for subscription in version.model.subscriptions.granted().for_list():
        said = _said(subscription, version, earlier, versions, rollout)
        if said is None:
            continue
        title, body = said
        people = set(User.objects.on_teams([subscription.application.team]))
        told |= people
        notify(
            people,
            "version.published",
            f"{subscription.application}: {version} {title}",
            body=f"{body} {version.changelog}".strip(),
            url=rollout.get_absolute_url()
            if rollout and rollout.needs_yes
            else reverse("consumption:move", args=[subscription.pk]) + f"?to={version.number}",
            key=f"version.published:{version.pk}:{subscription.pk}",
            teams=[subscription.application.team],
            model=version.model.slug,
            application=subscription.application.slug,
        )
    return told


def _said(
    subscription: Subscription,
    version: ModelVersion,
    earlier: list[ModelVersion],
    versions: list[ModelVersion],
    rollout: Rollout | None,
) -> tuple[str, str] | None:
    """(end of the title, what to do) for one subscription; None where the version is not on its path."""
    policy, pinned = subscription.version_policy, subscription.pinned_version
    if version.is_candidate and not pinned.is_candidate:
        return None
    was = affected.resolve_for(subscription, earlier)
    if affected.resolve_for(subscription, versions) == version:
        return (
            "answers its calls now",
            f"It was on {was.number}. You need not do anything. You can hold or roll back updates on the page of the application.",
        )
    if affected.in_the_end(policy, pinned, versions) == version:
        if rollout and subscription.hold in (Hold.NONE, Hold.UPDATE):
            return words.announced(rollout, was)
        if subscription.hold == Hold.EXAMPLES:
            return "reaches it when its examples pass", f"Until then {was.number} answers."
        until = subscription.held_until
        ends = f" until {until.astimezone(UTC):%-d %B %Y}" if until else ""
        return "waits", f"Its updates are held{ends}; {was.number} answers."
    if version in upgrades.held_back(policy, pinned, versions):
        return (
            "does not reach it by itself",
            f"It changes what your calls rely on. {was.number} answers on; look at what changes, and move when you want to.",
        )
    if version.precedence > was.precedence and (
        version.major == was.major or not (version.minor or version.patch)
    ):
        return (
            "is there",
            f"{subscription.application} stays on {was.number}. Look at what changes, and move when you want to.",
        )
    return None


def _require_automatic(subscription: Subscription) -> None:
    if subscription.version_policy == Subscription.Policy.PIN_EXACT:
        raise RuleError(
            f"{subscription.application} stays on exactly {subscription.pinned_version.number}: no update reaches it.",
            remedy="Choose another version policy, or move it by hand.",
        )
