"""Verbs of requests for access: governance's decision on a use, withdrawal, asking again, reminders (docs/access.md)."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from consumption.models import Plan, Subscription, UseReview
from consumption.permissions import can_decide_use, can_manage_application
from consumption.subscribing.actions.access import check_can_start
from consumption.subscribing.actions.granting import (
    LATE,
    activate,
    deny,
    go_on,
    judge_use,
    request_key,
    resolve_request,
    tell_granted,
    tell_owners,
    withdraw_reviews,
)
from consumption.subscribing.actions.reminders import Unanswered, asked_before, remind
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import resolve

PURPOSE_MIN = 10  # characters


@transaction.atomic
def approve_use(by: User, review: UseReview, reason: str) -> UseReview:
    """Governance's yes to a use above the model's tier; the owner, or the plan, goes on from there. Raises NotAllowed, Invalid."""
    review = _decided(by, review, UseReview.State.APPROVED, reason)
    record(by, "use_review.approve", review, reason=reason)
    subscription = review.subscription
    if subscription.plan.approval == Plan.Approval.AUTOMATIC:
        activate(by, subscription, reason)
        tell_granted(subscription)
    tell_owners(subscription)
    return review


@transaction.atomic
def refuse_use(by: User, review: UseReview, reason: str) -> UseReview:
    """Governance's no: the request is denied with the reason. Raises NotAllowed, Invalid."""
    review = _decided(by, review, UseReview.State.REFUSED, reason)
    record(by, "use_review.refuse", review, reason=reason)
    deny(by, review.subscription, reason)
    return review


@transaction.atomic
def withdraw_request(by: User, subscription: Subscription, reason: str = "") -> Subscription:
    """Take back a request that waits. Raises NotAllowed, RuleError, StaleState."""
    _require_team(by, subscription)
    transition(subscription, Subscription.State.WITHDRAWN)
    withdraw_reviews(subscription)
    resolve_request(subscription)
    record(by, "subscription.withdraw", subscription, reason=reason)
    return subscription


@transaction.atomic
def ask_again(by: User, subscription: Subscription, purpose: str) -> Subscription:
    """Ask once more after a no, with a purpose that answers it. The earlier answer stays until the next. Returns it.

    Raises NotAllowed, RuleError, Invalid.
    """
    _require_team(by, subscription)
    require_state(subscription, Subscription.State.DENIED)
    if len(purpose.strip()) < PURPOSE_MIN:
        raise Invalid("Say what the answers are used for.", field="purpose")
    if purpose.strip() == subscription.purpose.strip():
        raise Invalid(
            "This is what was denied.",
            field="purpose",
            remedy="Say what has changed, or what the answer did not take into account.",
        )
    check_can_start(subscription.application, subscription.plan, subscription.pinned_version)
    transition(
        subscription,
        Subscription.State.PENDING,
        purpose=purpose.strip(),
        requested_by=by,
        requested_at=timezone.now(),
    )
    record(by, "subscription.request", subscription, again=True, plan=subscription.plan.slug)
    judge_use(subscription)
    return go_on(subscription)


def remind_of_requests(now: datetime | None = None) -> int:
    """The sweep: whoever decides a request is reminded of it, then it is escalated. Returns how many steps were taken."""
    now = now or timezone.now()
    waiting = Subscription.objects.filter(
        state=Subscription.State.PENDING, requested_at__lte=asked_before(now)
    )
    these = list(waiting.values_list("pk", flat=True))  # mostly none: nothing is joined for them
    return remind(map(_unanswered, Subscription.objects.filter(pk__in=these).for_list()), now)


def _unanswered(subscription: Subscription) -> Unanswered:
    def whose_turn() -> tuple[Iterable[User], str]:
        review = subscription.use_reviews.open().first()
        decide = reverse("consumption:decide", args=[subscription.pk])
        return deciders(subscription), review.get_absolute_url() if review else decide

    reminded, escalated = (request_key(subscription, step) for step in LATE)
    return Unanswered(
        application=subscription.application,
        model=subscription.model.slug,
        what=str(subscription.model),
        why=subscription.purpose,
        asked_by=subscription.requested_by,
        asked_at=subscription.requested_at,
        url=subscription.get_absolute_url(),
        kind="subscription",
        keys=(reminded, escalated),
        whose_turn=whose_turn,
    )


def deciders(subscription: Subscription) -> QuerySet[User]:
    """Whose turn it is: governance while a use waits for it, then the owner's team."""
    review = subscription.use_reviews.open().first()
    people: QuerySet[User] = (
        User.objects.holding(*review.roles)
        if review
        else User.objects.on_teams([subscription.model.owner_team])
    )
    return people.exclude(pk=subscription.requested_by_id)


def _decided(by: User, review: UseReview, state: str, reason: str) -> UseReview:
    review = UseReview.objects.select_for_update(of=("self",)).for_list().get(pk=review.pk)
    require(
        can_decide_use(by, review),
        "Whoever gives the final approval at this tier decides on a use: not who asked, nor anybody of the two teams.",
        ask=" or ".join(role.replace("_", " ") for role in review.roles),
    )
    require_state(review, UseReview.State.OPEN)
    require_reason(reason, "the team that asked reads it")
    transition(review, state, **review.decision(by, reason))
    resolve(f"use-review:{review.pk}")
    return review


def _require_team(by: User, subscription: Subscription) -> None:
    require(
        can_manage_application(by, subscription.application),
        f"Only members of {subscription.application.team} act on its requests.",
        ask=str(subscription.application.team),
    )
