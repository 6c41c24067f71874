"""Whom a minor update concerns, who may get it now, and who gets it first (docs/updates.md, "Who gets it first")."""

import hashlib
import math
from datetime import timedelta

from django.utils import timezone

from catalog import upgrades
from catalog.models import ModelVersion
from consumption import affected
from consumption.models import Hold, Rollout, RolloutMember, Subscription, UsageDay

ACTIVE_DAYS = 7
Pair = tuple[RolloutMember, Subscription]
FREE = (Hold.NONE, Hold.EXAMPLES, Hold.UPDATE)


def concerned(version: ModelVersion) -> list[tuple[Subscription, ModelVersion]]:
    """[(subscription, what answers it)] of those that would follow this minor version by themselves."""
    versions = list(version.model.versions.filter(state__in=ModelVersion.LISTED))
    new = next((one for one in versions if one.pk == version.pk), version)
    earlier = [one for one in versions if one.pk != version.pk]
    followers = Subscription.objects.granted().filter(
        model=version.model_id, version_policy=Subscription.Policy.AUTO_MINOR
    )
    found = []
    for subscription in followers.for_list().order_by("pk"):
        pinned = subscription.pinned_version
        answers = affected.resolve_for(subscription, earlier)
        crosses = new.precedence[:2] > answers.precedence[:2] >= pinned.precedence[:2]
        if crosses and new in upgrades.followed(subscription.version_policy, pinned, versions):
            found.append((subscription, answers))
    return found


def note(rollout: Rollout) -> None:
    """Keep a row for each subscription that it concerns by now; who has one keeps it."""
    RolloutMember.objects.bulk_create(
        [
            RolloutMember(rollout=rollout, subscription=subscription, from_version=answers)
            for subscription, answers in concerned(rollout.version)
        ],
        ignore_conflicts=True,
    )


def locked(rollout: Rollout) -> list[Pair]:
    """Its members with their subscriptions as they are now, locked in one order; those whose access ended are left out."""
    members = list(rollout.members.select_related("from_version"))
    held = Subscription.objects.select_for_update(of=["self"]).granted().for_list().order_by("pk")
    by_pk = {one.pk: one for one in held.filter(pk__in=[row.subscription_id for row in members])}
    return [(row, by_pk[row.subscription_id]) for row in members if row.subscription_id in by_pk]


def is_on_its_way(rollout: Rollout, subscription: Subscription) -> bool:
    """Would it still follow the version by itself? Its team may have moved it, or chosen another policy, since."""
    pinned, version = subscription.pinned_version, rollout.version
    is_below = (pinned.major, pinned.minor) < (version.major, version.minor)
    is_automatic = subscription.version_policy == Subscription.Policy.AUTO_MINOR
    return is_automatic and is_below and pinned.major == version.major


def is_free(rollout: Rollout, member: RolloutMember, subscription: Subscription) -> bool:
    """May it get the version now: its team neither holds it, nor has yet to say yes, nor do its examples wait?"""
    if subscription.hold not in FREE or not is_on_its_way(rollout, subscription):
        return False
    if rollout.needs_yes and member.agreed_at is None:
        return False
    if subscription.hold != Hold.EXAMPLES:
        return True
    run = subscription.acceptance_runs.filter(version=rollout.version_id).first()
    return run is not None and run.state == run.State.PASSED


def next_ones(rollout: Rollout, free: list[Pair]) -> list[Pair]:
    """Who gets it with this step, beside those who have it; at least one has it then.

    By a hash that does not change, of those that called lately where any did.
    """
    since = (timezone.now() - timedelta(days=ACTIVE_DAYS)).date()
    called = set(
        UsageDay.objects.filter(
            day__gt=since, subscription__in=[one.pk for _, one in free]
        ).values_list("subscription", flat=True)
    )
    without = [pair for pair in free if not pair[0].is_canary]
    wanted = math.ceil(len(free) * rollout.rule["percent"] / 100) - (len(free) - len(without))
    ordered = sorted(without, key=lambda pair: (pair[1].pk not in called, _place(rollout, pair[1])))
    return ordered[: max(wanted, 0)]


def having(rollout: Rollout) -> list[Pair]:
    """Those that have the version by this update, and are still on its way."""
    return [
        (member, subscription)
        for member, subscription in locked(rollout)
        if member.is_canary
        and subscription.held_version_id == rollout.version_id
        and is_on_its_way(rollout, subscription)
    ]


def stranded(rollout: Rollout) -> list[Pair]:
    """Those that have it not, and that nothing answers: their version was suspended, or its last day is over."""
    versions = _listed(rollout)
    if all(_answers(version) for version in versions):
        return []
    note(rollout)
    return [
        (member, subscription)
        for member, subscription in locked(rollout)
        if not member.is_canary
        and is_on_its_way(rollout, subscription)
        and not _answers(affected.resolve_for(subscription, versions))
    ]


def kept(rollout: Rollout, had: list[Pair]) -> list[Pair]:
    """Those of `had` that nothing would answer if the version, which itself can, were taken from them."""
    if not _answers(rollout.version):
        return []
    versions = _listed(rollout)
    return [
        (member, subscription)
        for member, subscription in had
        if not _answers(_before(member, subscription, versions))
    ]


def _before(
    member: RolloutMember, subscription: Subscription, versions: list[ModelVersion]
) -> ModelVersion:
    """What answers a subscription once the version is taken from it."""
    held = None if subscription.hold == Hold.UPDATE else member.from_version
    policy, pinned = subscription.version_policy, subscription.pinned_version
    version: ModelVersion = affected.resolve(policy, pinned, versions, held)
    return version


def _listed(rollout: Rollout) -> list[ModelVersion]:
    return list(rollout.version.model.versions.filter(state__in=ModelVersion.LISTED))


def _answers(version: ModelVersion) -> bool:
    is_over = version.sunset_at is not None and version.sunset_at <= timezone.now()
    return version.is_callable and not is_over


def _place(rollout: Rollout, subscription: Subscription) -> str:
    return hashlib.sha256(f"{rollout.pk}:{subscription.pk}".encode()).hexdigest()
