"""Deadlines of decisions: requests and changes that wait for the person, reviews they have, conditions they fulfil."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from django.db.models import Count, F, Q, QuerySet
from django.urls import reverse

from consumption.deadlines.deadline import Deadline, Kind
from consumption.models import (
    ChangeState,
    Move,
    Rollout,
    RolloutMember,
    ScheduledChange,
    Subscription,
    UseReview,
)
from consumption.subscribing.answering import WAITS_AT_MOST
from governance.matrix import FINAL_ROLES
from governance.models import Condition, Review
from marketplace.accounts.models import User
from marketplace.core.query import first_of_few

MOST = 50  # of each kind: whoever has more to decide finds the rest on the queue's page


def deadlines(user: User, teams: Sequence[int]) -> Iterator[Deadline]:
    """What waits for the decision of this person, who is on these teams (ids), in no order."""
    roles = user.roles()
    yield from _requests(user, teams)
    yield from _plans(user, teams)
    yield from _updates(teams)
    yield from _proposals(user, teams, is_curator="curator" in roles)
    yield from _conditions(user, judges=bool(roles))
    if roles:
        yield from _uses(user, teams, roles)
        yield from _reviews(user)


def requests_for(user: User, teams: Sequence[int]) -> QuerySet[Subscription]:
    """The pending subscriptions that the person may answer (permissions.can_decide_subscription), oldest first."""
    waiting = (
        Subscription.objects.filter(model__owner_team__in=teams, state=Subscription.State.PENDING)
        .exclude(requested_by=user)
        .exclude(use_reviews__state=UseReview.State.OPEN)
    )
    own = Q(application__team__in=teams) & ~Q(application__team=F("model__owner_team"))
    return waiting.exclude(own).for_list().order_by("requested_at")


def _requests(user: User, teams: Sequence[int]) -> Iterator[Deadline]:
    for subscription in first_of_few(requests_for(user, teams), MOST):
        application = subscription.application
        url = reverse("consumption:decide", args=[subscription.pk])
        yield Deadline(
            Kind.REQUEST,
            subscription.requested_at + WAITS_AT_MOST,
            f"{application} asks for {subscription.model}",
            url,
            f"{application.team}, {application.team.business_unit}: {subscription.purpose}",
            "Answer",
            url,
        )


def _plans(user: User, teams: Sequence[int]) -> Iterator[Deadline]:
    """Plans that consumers ask for and the person may grant (permissions.can_decide_move), oldest first."""
    own = Q(subscription__application__team__in=teams) & ~Q(
        subscription__application__team=F("subscription__model__owner_team")
    )
    waiting = (
        Move.objects.filter(state=Move.State.REQUESTED, subscription__model__owner_team__in=teams)
        .exclude(asked_by=user)
        .exclude(own)
    )
    for move in first_of_few(waiting.for_list().order_by("asked_at"), MOST):
        application = move.subscription.application
        url = reverse("consumption:decide_move", args=[move.pk])
        yield Deadline(
            Kind.PLAN,
            move.asked_at + WAITS_AT_MOST,
            f"{application} asks for {move.target} of {move.subscription.model}",
            url,
            f"{application.team}, {application.team.business_unit}: {move.reason}",
            "Answer",
            url,
        )


def _updates(teams: Sequence[int]) -> Iterator[Deadline]:
    """Minor updates of high risk that wait for the yes of one's team; what answers now goes on without it."""
    waiting = RolloutMember.objects.filter(
        rollout__needs_yes=True,
        rollout__state__in=Rollout.OPEN,
        agreed_at=None,
        subscription__application__team__in=teams,
    ).select_related("rollout__version__model", "subscription__application", "from_version")
    for member in first_of_few(waiting.order_by("rollout__starts_at"), MOST):
        rollout = member.rollout
        url = rollout.get_absolute_url()
        yield Deadline(
            Kind.UPDATE,
            rollout.starts_at,
            f"{member.subscription.application}: {rollout.version} waits for your yes",
            url,
            f"{member.from_version.number} answers until then, and goes on without it.",
            "Look at the update",
            url,
        )


def _uses(user: User, teams: Sequence[int], roles: set[str]) -> Iterator[Deadline]:
    """Uses above a model's tier that the person decides on (permissions.can_decide_use)."""
    tiers = [tier for tier, deciders in FINAL_ROLES.items() if roles & set(deciders)]
    waiting = (
        UseReview.objects.open()
        .filter(tier__in=tiers)
        .exclude(subscription__requested_by=user)
        .exclude(subscription__application__team__in=teams)
        .exclude(subscription__model__owner_team__in=teams)
    )
    for review in first_of_few(waiting.for_list().order_by("opened_at"), MOST):
        url = review.get_absolute_url()
        yield Deadline(
            Kind.USE,
            review.opened_at + WAITS_AT_MOST,
            str(review),
            url,
            f"{review.tier.capitalize()} instead of {review.model_tier}: {review.subscription.purpose}",
            "Decide",
            url,
        )


def _proposals(user: User, teams: Sequence[int], *, is_curator: bool) -> Iterator[Deadline]:
    """Those of one's teams; of a team whose only person proposed it, the marketplace manager's."""
    confirms = Q(model__owner_team__in=teams)
    waiting = ScheduledChange.objects.filter(state=ChangeState.PROPOSED).exclude(proposed_by=user)
    if is_curator:
        others = Count(
            "model__owner_team__memberships__user",
            Q(
                model__owner_team__memberships__left_at=None,
                model__owner_team__memberships__user__is_active=True,
            )
            & ~Q(model__owner_team__memberships__user=F("proposed_by")),
            distinct=True,
        )
        waiting, confirms = waiting.annotate(others=others), confirms | Q(others=0)
    proposed = waiting.filter(confirms).for_list().order_by("proposed_at")
    for change in first_of_few(proposed, MOST):
        yield Deadline(
            Kind.PROPOSAL,
            change.proposed_at + WAITS_AT_MOST,
            f"{change} ({change.model})",
            change.get_absolute_url(),
            f"Proposed by {change.proposed_by}: {change.reason}",
            "Decide",
            change.get_absolute_url(),
        )


def _reviews(user: User) -> Iterator[Deadline]:
    """Those that the person has: assigned, claimed or handed over."""
    reviews = Review.objects.filter(assignee=user, state=Review.State.OPEN)
    for review in reviews.select_related("version__model__owner_team").order_by("due_at")[:MOST]:
        url = reverse("governance:review", args=[review.pk])
        yield Deadline(
            Kind.REVIEW,
            review.due_at,
            f"{review.get_kind_display()}: {review.version}",
            url,
            f"Of {review.version.model.owner_team}. You have it; others who may decide it still may.",
            "Review",
            url,
        )


def _conditions(user: User, *, judges: bool) -> Iterator[Deadline]:
    """What the person has to do for an approval, and what they confirm that others did."""
    own = Condition.objects.binding().filter(owner=user, state=Condition.State.OPEN)
    to_confirm = Condition.objects.to_confirm(user) if judges else Condition.objects.none()
    for conditions, act in ((own, "Give the evidence"), (to_confirm, "Look at the evidence")):
        rows = conditions.select_related("version__model").order_by("due_on", "pk")
        for condition in rows[:MOST]:
            url = reverse("governance:condition", args=[condition.pk])
            yield Deadline(
                Kind.CONDITION,
                datetime.combine(condition.due_on + timedelta(days=1), time(), UTC),
                str(condition.version),
                url,
                condition.text,
                act,
                url,
            )
