"""What follows a request for access: governance, the owner or the plan; the grant and the no, and who is told."""

from datetime import UTC, date, timedelta

from django.urls import reverse
from django.utils import timezone

from consumption.models import Plan, Subscription, UseReview
from consumption.permissions import can_decide_use
from consumption.subscribing import use_risk
from consumption.telling import tell_team
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

CONFIRM_EVERY = timedelta(days=365)  # a team says that it still uses what it may call
LATE = ("request-reminded", "request-escalated")  # occasions, when nobody answers
ACCESS_MOST = timedelta(days=3 * 365)  # a last day lies at most so far ahead


def go_on(subscription: Subscription) -> Subscription:
    """What follows a request: governance where the use is above the model's tier, else the plan or the owner. Returns it."""
    if subscription.use_reviews.open().exists():
        return subscription
    if subscription.plan.approval == Plan.Approval.AUTOMATIC:
        activate(
            User.objects.system("plans"),
            subscription,
            f"The {subscription.plan.name} plan approves at once.",
        )
    tell_owners(subscription)
    return subscription


def judge_use(subscription: Subscription) -> None:
    """Have governance decide on a use that is above the tier that the version was reviewed for."""
    version = subscription.pinned_version
    assessed = use_risk.assess(version, subscription.use, subscription.data_class)
    if assessed is None:
        return
    answers, assessment = assessed
    Subscription.objects.filter(pk=subscription.pk).update(use_tier=assessment.tier)
    subscription.use_tier = assessment.tier
    if not use_risk.is_above(assessment.tier, version):
        return
    review = UseReview.objects.create(
        subscription=subscription,
        answers=answers,
        tier=assessment.tier,
        model_tier=version.risk_tier,
        reasons=list(assessment.reasons),
    )
    record(subscription.requested_by, "use_review.open", review, tier=review.tier)
    notify(
        [user for user in User.objects.holding(*review.roles) if can_decide_use(user, review)],
        "subscription",
        f"{subscription.application.team} wants to use {subscription.model} above its tier",
        body=f"{review.tier.capitalize()} instead of {review.model_tier}: {subscription.purpose}",
        url=review.get_absolute_url(),
        key=f"use-review:{review.pk}",
        model=subscription.model.slug,
        application=subscription.application.slug,
    )


def check_end(ends_on: date | None) -> None:
    """Raises Invalid unless the last day lies ahead, within ACCESS_MOST."""
    today = timezone.now().astimezone(UTC).date()
    if ends_on is not None and not today < ends_on <= today + ACCESS_MOST:
        raise Invalid(
            f"Access ends within {ACCESS_MOST.days} days, after today.",
            field="ends_on",
            remedy="Leave it empty when the end is not known: the team confirms the use once a year.",
        )


def activate(by: User, subscription: Subscription, reason: str) -> None:
    """Grant the access; its team confirms the use within a year."""
    transition(
        subscription,
        Subscription.State.ACTIVE,
        confirm_by=timezone.now().astimezone(UTC).date() + CONFIRM_EVERY,
        **subscription.decision(by, reason),
    )
    record(by, "subscription.approve", subscription, reason=reason)
    invalidate("subscription", subscription=subscription.pk)


def deny(by: User, subscription: Subscription, reason: str) -> Subscription:
    """The no of whoever may say it: who asked is told, and may ask again."""
    transition(subscription, Subscription.State.DENIED, **subscription.decision(by, reason))
    withdraw_reviews(subscription)
    record(by, "subscription.deny", subscription, reason=reason)
    resolve_request(subscription)
    notify(
        [subscription.requested_by],
        "subscription",
        f"{subscription.model} was not granted",
        body=reason,
        url=subscription.get_absolute_url(),
        key=f"subscription-denied:{subscription.pk}:{subscription.requested_at:%Y%m%d%H%M%S%f}",
        model=subscription.model.slug,
        application=subscription.application.slug,
    )
    return subscription


def tell_granted(subscription: Subscription) -> None:
    """The team may call from now on."""
    tell_team(
        subscription,
        f"{subscription.model} is yours to call",
        body=subscription.decision_reason,
        key=f"subscription-approved:{subscription.pk}",
    )


def tell_owners(subscription: Subscription) -> None:
    notify(
        User.objects.on_teams([subscription.model.owner_team]),
        "subscription",
        f"{subscription.application.team} asks to use {subscription.model}"
        if subscription.state == Subscription.State.PENDING
        else f"{subscription.application.team} now uses {subscription.model}",
        body=subscription.purpose,
        url=reverse("consumption:decide", args=[subscription.pk])
        if subscription.state == Subscription.State.PENDING
        else subscription.model.get_absolute_url() + "consumers/",
        key=request_key(subscription),
        teams=[subscription.model.owner_team],
        model=subscription.model.slug,
        application=subscription.application.slug,
    )


def request_key(subscription: Subscription, occasion: str = "subscription-requested") -> str:
    """The key of one request's notices; asking again is another request."""
    return f"{occasion}:{subscription.pk}:{subscription.requested_at:%Y%m%d%H%M%S%f}"


def resolve_request(subscription: Subscription) -> None:
    """The request is answered or taken back: nobody needs to act on its notices."""
    for occasion in ("subscription-requested", *LATE):
        resolve(request_key(subscription, occasion))


def withdraw_reviews(subscription: Subscription) -> None:
    """Governance need not decide any more."""
    for review in subscription.use_reviews.open():
        transition(review, UseReview.State.WITHDRAWN)
        resolve(f"use-review:{review.pk}")
