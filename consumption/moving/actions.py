"""Verbs of moves: a live subscription goes to another version or plan; its keys stay (docs/moves.md)."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from consumption.acceptance.actions import why_examples_block
from consumption.models import Hold, Move, Plan, Subscription, SubscriptionState
from consumption.moving.reminders import settle_reminders
from consumption.permissions import can_decide_move, can_manage_application
from consumption.rollouts import updates
from consumption.subscribing.actions.access import may_move, require_takes_callers, switch_plan
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

log = logging.getLogger(__name__)
SYSTEM = "moves"
UNDO = timedelta(days=30)
LATEST = timedelta(days=180)  # how far ahead a move may be set
SHORTEST_REASON = 10  # characters, as at subscribing
A_PASS = 100  # moves that one sweep makes
GRANTED = (SubscriptionState.ACTIVE, SubscriptionState.PAUSED)


@transaction.atomic
def move_version(
    by: User,
    subscription: Subscription,
    version: ModelVersion,
    *,
    at: datetime | None = None,
    version_policy: str = "",
) -> Move:
    """Move a live subscription to another version of its model, now or at `at`. Returns the Move.

    version_policy  a Subscription.Policy from then on; empty: as it is.
    Raises NotAllowed, Invalid, RuleError.
    """
    subscription = _held(subscription)
    _require_team(by, subscription)
    answered = affected.answering([subscription])[subscription.pk]
    policy = version_policy or subscription.version_policy
    _require_version(subscription, version, policy)
    when = _checked_time(at, answered)
    _require_nothing_open(subscription, to_plan=None)
    move = Move.objects.create(
        subscription=subscription,
        from_version=answered,
        to_version=version,
        version_policy=policy,
        effective_at=when,
        asked_by=by,
    )
    return _make(by, move, subscription) if at is None else _announce(by, move)


@transaction.atomic
def move_plan(
    by: User,
    subscription: Subscription,
    plan: Plan,
    *,
    at: datetime | None = None,
    reason: str = "",
) -> Move:
    """Move a live subscription to another plan of its model, now or at `at`. Returns the Move.

    Where the owner approves who gets the plan, it waits for them; `reason` says what it is for. Calls made before stay on the
    old plan. Raises NotAllowed, Invalid, RuleError.
    """
    subscription = _held(subscription)
    _require_team(by, subscription)
    _require_plan(subscription, plan)
    when = _checked_time(at, affected.answering([subscription])[subscription.pk])
    _require_nothing_open(subscription, to_version=None)
    waits = not may_move(subscription, plan)
    if waits and len(reason.strip()) < SHORTEST_REASON:
        raise Invalid(
            f"Say what you need the {plan} plan for: {subscription.model.owner_team} reads it.",
            field="reason",
        )
    move = Move.objects.create(
        subscription=subscription,
        from_plan=subscription.plan,
        to_plan=plan,
        state=Move.State.REQUESTED if waits else Move.State.SCHEDULED,
        effective_at=when,
        reason=reason.strip(),
        asked_by=by,
    )
    if waits:
        return _ask_owners(by, move)
    return _make(by, move, subscription) if at is None else _announce(by, move)


@transaction.atomic
def approve_move(by: User, move: Move, reason: str) -> Move:
    """The owner's yes to a plan; it is made at once, or at the time that was asked for."""
    move, subscription = _held_move(move)
    _require_decider(by, move)
    require_state(move, Move.State.REQUESTED)
    _require_same_terms(move)
    when = max(move.effective_at, timezone.now())
    transition(move, Move.State.SCHEDULED, effective_at=when, **move.decision(by, reason))
    record(by, "move.approve", move, reason=reason)
    _tell_decision(move, f"{move} was approved", reason)
    return _make(by, move, subscription) if when <= timezone.now() else move


@transaction.atomic
def deny_move(by: User, move: Move, reason: str) -> Move:
    """The owner's no, with a reason that the asker can act on."""
    move, _ = _held_move(move)
    _require_decider(by, move)
    require_state(move, Move.State.REQUESTED)
    require_reason(reason, "who asked acts on it")
    transition(move, Move.State.DENIED, **move.decision(by, reason))
    record(by, "move.deny", move, reason=reason)
    _tell_decision(move, f"{move} was not granted", reason)
    return move


@transaction.atomic
def cancel_move(by: User, move: Move) -> Move:
    """Take a move back before it is made."""
    move, subscription = _held_move(move)
    _require_team(by, subscription)
    require_state(move, *Move.OPEN)
    transition(move, Move.State.CANCELLED)
    record(by, "move.cancel", move)
    settle_reminders(move)
    resolve(f"move-scheduled:{move.pk}")
    return move


@transaction.atomic
def undo_move(by: User, move: Move, reason: str = "") -> Move:
    """Bring back what was before a move, within its period. The keys stay. Raises NotAllowed, RuleError."""
    move, subscription = _held_move(move)
    _require_team(by, subscription)
    if problem := why_no_undo(move, subscription):
        raise RuleError(problem, field="state", remedy="Move to a version that answers calls.")
    if move.to_plan and move.from_plan:
        switch_plan(by, subscription, move.from_plan)
    elif move.from_pinned:
        _pin(subscription, move.from_pinned, move.from_policy, move.from_version)
    transition(move, Move.State.UNDONE, undone_at=timezone.now(), note=reason.strip())
    record(by, "move.undo", move, reason=reason)
    _tell_both(move, f"is back on {move.origin}", "undone", reason)
    return move


def why_no_undo(move: Move, subscription: Subscription) -> str:
    """The sentence why a move cannot be undone now; "" when it can."""
    now = timezone.now()
    if not move.may_be_undone_at(now):
        until = move.undo_until
        ended = f"could be undone until {until:%-d %B %Y}" if until else "was never made"
        return f"The move to {move.target} {ended}."
    if move.to_plan and move.from_plan:
        if subscription.plan_id != move.to_plan_id:
            return f"{subscription.application} is on another plan by now."
        is_gone = not move.from_plan.is_offered
        return f"The {move.from_plan} plan is no longer offered." if is_gone else ""
    later = subscription.moves.filter(
        state=Move.State.DONE, to_plan=None, asked_at__gt=move.asked_at
    )
    if subscription.pinned_version_id != move.to_version_id or later.exists():
        return f"{subscription.application} was moved again since."
    back = answering_as(subscription, move.from_pinned, move.from_policy)
    if not back.is_callable or (back.sunset_at and back.sunset_at <= now):
        return f"{back.number} does not answer calls any more."
    return ""


def answering_as(
    subscription: Subscription, pinned: ModelVersion | None, policy: str
) -> ModelVersion:
    """The version that would answer the subscription if it were pinned so."""
    versions = list(subscription.model.versions.filter(state__in=ModelVersion.LISTED))
    answer: ModelVersion = affected.resolve(policy, pinned, versions)
    return answer


def make_due_moves() -> int:
    """The sweep: scheduled moves whose time has come are made, so many a pass. Returns how many. Two sweeps at once do no harm."""
    due = Move.objects.filter(state=Move.State.SCHEDULED, effective_at__lte=timezone.now())
    made = 0
    for pk in list(due.order_by("effective_at").values_list("pk", flat=True)[:A_PASS]):
        with transaction.atomic():
            move, subscription = _held_move(Move.objects.get(pk=pk))
            if move.state == Move.State.SCHEDULED:
                made += _make_or_fail(move, subscription)
    return made


def _make_or_fail(move: Move, subscription: Subscription) -> int:
    """A scheduled move: what forbids it now is told to its team."""
    by = User.objects.system(SYSTEM)
    try:
        if subscription.state not in GRANTED:
            raise RuleError(
                f"The subscription is {subscription.get_state_display().lower()}.",
                ask=str(subscription.model.owner_team),
            )
        if move.to_version:
            _require_version(subscription, move.to_version, move.version_policy)
        elif move.to_plan:
            _require_plan(subscription, move.to_plan)
            _require_same_terms(move)
            if move.decided_by is None and not may_move(subscription, move.to_plan):
                raise RuleError(
                    f"{subscription.model.owner_team} approves who gets this plan.",
                    ask=str(subscription.model.owner_team),
                )
    except RuleError as refusal:
        transition(move, Move.State.FAILED, note=refusal.sentence)
        record(by, "move.fail", move, reason=refusal.sentence)
        notify(
            User.objects.on_teams([subscription.application.team]),
            "move",
            f"{move} was not made",
            body=refusal.sentence,
            url=move.get_absolute_url(),
            key=f"move-failed:{move.pk}",
            teams=[subscription.application.team],
            **_about(subscription),
        )
        return 0
    _make(by, move, subscription)
    return 1


def _make(by: User, move: Move, subscription: Subscription) -> Move:
    answered = affected.answering([subscription])[subscription.pk]
    now = timezone.now()
    until = now + UNDO
    if move.to_version and answered.sunset_at:
        until = max(now, min(until, answered.sunset_at))
    facts: dict[str, Any] = {"effective_at": now, "undo_until": until}
    if move.to_version:
        before = {"from_version": answered, "from_pinned": subscription.pinned_version}
        facts |= {**before, "from_policy": subscription.version_policy}
        _pin(subscription, move.to_version, move.version_policy)
    elif move.to_plan:
        facts |= {"from_plan": subscription.plan}
        switch_plan(by, subscription, move.to_plan)
    transition(move, Move.State.DONE, **facts)
    resolve(f"move-scheduled:{move.pk}")
    record(by, "move.make", move, origin=move.origin, target=move.target)
    _tell_both(move, f"is on {move.target} now", "made", _what_undo(move))
    return move


def _pin(
    subscription: Subscription,
    version: ModelVersion,
    policy: str,
    answered: ModelVersion | None = None,
) -> None:
    """Which version answers from the next call on: every gateway follows within a second; calls in flight end where they are.

    answered  what is to answer when it is not the pinned one: newer versions than it are held.
    """
    Subscription.objects.filter(pk=subscription.pk).update(
        pinned_version=version, version_policy=policy
    )
    subscription.pinned_version, subscription.version_policy = version, policy
    updates.settle(subscription, answered or version)
    if (
        answered
        and answered.is_callable
        and answered != answering_as(subscription, version, policy)
    ):
        until = timezone.now() + UNDO
        updates.keep_at(
            subscription, hold=Hold.ROLLED_BACK, held_version=answered, held_until=until
        )


def _announce(by: User, move: Move) -> Move:
    record(
        by, "move.schedule", move, target=move.target, effective_at=move.effective_at.isoformat()
    )
    notify(
        User.objects.on_teams([move.subscription.application.team]),
        "move",
        f"{move} on {move.effective_at.astimezone(UTC):%-d %B %Y, %H:%M} UTC",
        body=f"{by} scheduled it. The keys stay. Until then it can be cancelled.",
        url=move.get_absolute_url(),
        key=f"move-scheduled:{move.pk}",
        teams=[move.subscription.application.team],
        **_about(move.subscription),
    )
    return move


def _ask_owners(by: User, move: Move) -> Move:
    subscription = move.subscription
    record(by, "move.request", move, target=move.target, reason=move.reason)
    notify(
        User.objects.on_teams([subscription.model.owner_team]),
        "move",
        f"{subscription.application.team} asks for {move.target} of {subscription.model}",
        body=move.reason,
        url=reverse("consumption:decide_move", args=[move.pk]),
        key=f"move-requested:{move.pk}",
        teams=[subscription.model.owner_team],
        **_about(move.subscription),
    )
    return move


def _tell_decision(move: Move, title: str, reason: str) -> None:
    settle_reminders(move)
    notify(
        {move.asked_by},
        "move",
        title,
        body=reason,
        url=move.get_absolute_url(),
        key=f"move-decided:{move.pk}",
        **_about(move.subscription),
    )


def _tell_both(move: Move, what: str, occasion: str, body: str) -> None:
    """The subscription's team, and the model's owners, who need not remind it any more."""
    subscription = move.subscription
    title = f"{subscription.application} {what} ({subscription.model})"
    key, about = f"move-{occasion}:{move.pk}", _about(subscription)
    consumers = f"{subscription.model.get_absolute_url()}consumers/"
    for team, url in (
        (subscription.application.team, move.get_absolute_url()),
        (subscription.model.owner_team, consumers),
    ):
        people = User.objects.on_teams([team])
        notify(people, "move", title, body=body, url=url, key=key, teams=[team], **about)


class About(TypedDict):
    """The slugs of what a notice is about."""

    model: str
    application: str


def _about(subscription: Subscription) -> About:
    """By what people filter the notice."""
    return {"model": subscription.model.slug, "application": subscription.application.slug}


def _what_undo(move: Move) -> str:
    until = f"{move.undo_until:%-d %B %Y}" if move.undo_until else ""
    return f"It was on {move.origin}. The keys stay. Its team can undo this until {until}."


def _held(subscription: Subscription) -> Subscription:
    """The subscription as it is now, locked, with what its page names."""
    held: Subscription = (
        Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=subscription.pk)
    )
    return held


def _held_move(move: Move) -> tuple[Move, Subscription]:
    """The move and its subscription, locked in the order that every verb keeps."""
    subscription = _held(Subscription(pk=move.subscription_id))
    held = Move.objects.select_for_update(of=["self"]).for_list().get(pk=move.pk)
    held.subscription = subscription
    return held, subscription


def _require_team(by: User, subscription: Subscription) -> None:
    team = subscription.application.team
    require(
        can_manage_application(by, subscription.application),
        f"Only members of {team} move its subscriptions.",
        ask=str(team),
    )


def _require_decider(by: User, move: Move) -> None:
    owner_team = move.subscription.model.owner_team
    require(
        can_decide_move(by, move),
        f"Only members of {owner_team} who neither asked for it nor are on the team that asks decide this.",
        ask=str(owner_team),
    )


def _require_version(subscription: Subscription, version: ModelVersion, policy: str) -> None:
    if version.model_id != subscription.model_id:
        raise Invalid(
            f"{version} is a version of another model.",
            field="version",
            remedy="Subscribe to that model.",
        )
    if subscription.state not in GRANTED:
        raise RuleError(
            f"This subscription is {subscription.get_state_display().lower()}.",
            ask=str(subscription.model.owner_team),
        )
    is_pinned_so = subscription.pinned_version_id == version.pk
    if is_pinned_so and policy == subscription.version_policy:
        raise RuleError(
            f"{subscription.application} starts from {version.number} already.",
            field="version",
            remedy="Choose another version.",
        )
    require_takes_callers(version)
    is_other = version.pk != subscription.pinned_version_id
    if is_other and (problem := why_examples_block(subscription, version)):
        raise RuleError(
            problem,
            field="version",
            remedy="Run them, and accept with a reason what differs rightly.",
        )
    answer = answering_as(subscription, version, policy)
    if answer.pk != version.pk:
        raise Invalid(
            f"With this choice {answer.number} would answer, not {version.number}.",
            field="version_policy",
            remedy=f"Stay on exactly {version.number}, or move to {answer.number}.",
        )


def _require_plan(subscription: Subscription, plan: Plan) -> None:
    if plan.model_id != subscription.model_id or not plan.is_offered:
        raise RuleError(
            f"The {plan.name} plan is not offered for {subscription.model}.",
            field="plan",
            remedy="Choose another plan.",
        )
    if subscription.state not in GRANTED:
        raise RuleError(
            f"This subscription is {subscription.get_state_display().lower()}.",
            ask=str(subscription.model.owner_team),
        )
    if plan.pk == subscription.plan_id:
        raise RuleError(
            f"{subscription.application} is on the {plan} plan already.",
            field="plan",
            remedy="Choose another plan.",
        )


def _require_same_terms(move: Move) -> None:
    """Who asked for a plan gets it on the terms that they saw. Raises RuleError."""
    plan = move.to_plan
    if plan and plan.terms.due().filter(effective_from__gt=move.asked_at).exists():
        raise RuleError(
            f"The terms of the {plan} plan changed since it was asked for.",
            remedy="Ask for it again, and look at the price first.",
        )


def _checked_time(at: datetime | None, answered: ModelVersion) -> datetime:
    now = timezone.now()
    if at is None:
        return now
    if at <= now:
        raise Invalid("Choose a time to come, in UTC.", field="at")
    if at > now + LATEST:
        raise Invalid(f"Choose a time within {LATEST.days} days.", field="at")
    if answered.sunset_at and at >= answered.sunset_at:
        raise Invalid(
            f"{answered.number} stops on {answered.sunset_at.astimezone(UTC):%-d %B %Y, %H:%M} UTC.",
            field="at",
            remedy="Choose a time before.",
        )
    return at


def _require_nothing_open(subscription: Subscription, **kind: None) -> None:
    other = subscription.moves.filter(**kind).open().first()
    if other is not None:
        raise RuleError(
            f"A move to {other.target} is under way: {other.get_state_display().lower()}.",
            remedy="Cancel it first.",
        )
