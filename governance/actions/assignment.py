"""Verbs of assignment: who has a review first, claims it, hands it over, is away (docs/governance.md, "Assignment").

Who has a review is a matter of order: whoever may decide a review may decide it also while somebody else has it.
"""

from collections.abc import Iterator
from datetime import date

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from governance.matrix import roles_for
from governance.models import Absence, Review
from governance.permissions import can_hand_over, can_review, why_not_decide
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify

LONGEST_ABSENCE = 90  # days
MOST_ABSENCES = 20  # of a person, to come


def candidates(review: Review) -> Iterator[User]:
    """Who may decide a review and is not away today, those with the fewest open reviews first."""
    holders = User.objects.holding(*roles_for(review.kind, review.version.risk_tier))
    present = holders.exclude(pk__in=Absence.objects.on(timezone.localdate()).values("user"))
    load = Count("assigned_reviews", filter=Q(assigned_reviews__state=Review.State.OPEN))
    ordered = present.annotate(load=load).order_by("load", "username")
    return (user for user in ordered if not why_not_decide(user, review))


def assign(review: Review) -> User | None:
    """Give an open review to the candidate with the fewest, or to nobody when there is none. Returns whom."""
    _give(User.objects.system("assignment"), review, next(candidates(review), None))
    return review.assignee


@transaction.atomic
def claim(by: User, review: Review) -> Review:
    """Take a review that nobody has, that is overdue, or whose holder is away. Raises NotAllowed, RuleError."""
    review = _locked(review)
    refusal = why_not_decide(by, review)
    require(not refusal, refusal, ask="another reviewer")
    require_state(review, Review.State.OPEN)
    if review.assignee_id == by.pk:
        return review
    is_away = Absence.objects.on(timezone.localdate()).filter(user=review.assignee_id).exists()
    if review.assignee_id and not (is_away or review.is_overdue):
        raise RuleError(
            f"{review.assignee} has this review.", remedy="Ask for it to be handed over."
        )
    _give(by, review, by)
    return review


@transaction.atomic
def hand_over(by: User, review: Review, to: User, reason: str) -> Review:
    """Give a review to somebody else who may decide it. Raises NotAllowed, Invalid, RuleError."""
    review = _locked(review)
    require(
        can_hand_over(by, review),
        "Who has a review, or the governance lead, hands it over.",
        ask="the governance lead",
    )
    require_state(review, Review.State.OPEN)
    require_reason(reason, "the next reviewer reads it")
    if to.pk == review.assignee_id:
        raise Invalid(f"{to} has it already.", field="to")
    if refusal := why_not_decide(to, review):
        raise Invalid(f"{to} may not decide it: {refusal}", field="to")
    if Absence.objects.on(timezone.localdate()).filter(user=to).exists():
        raise Invalid(f"{to} is away.", field="to")
    _give(by, review, to, reason.strip())
    return review


@transaction.atomic
def be_away(by: User, starts_on: date, ends_on: date) -> Absence:
    """Say on which days one is away; from the first on, others get what one has. Raises NotAllowed, Invalid."""
    require(can_review(by), "Reviewers say when they are away.", ask="a reviewer")
    if starts_on < timezone.localdate():
        raise Invalid("Choose today or a later day.", field="starts_on")
    if not 0 <= (ends_on - starts_on).days <= LONGEST_ABSENCE:
        raise Invalid(
            f"Choose a day from the first day on, at most {LONGEST_ABSENCE} days later.",
            field="ends_on",
        )
    if Absence.objects.filter(user=by).for_page().count() >= MOST_ABSENCES:
        raise RuleError(
            f"At most {MOST_ABSENCES} absences can be planned.",
            remedy="Cancel one that you no longer need.",
        )
    absence = Absence.objects.create(user=by, starts_on=starts_on, ends_on=ends_on)
    record(by, "absence.plan", absence, starts=starts_on.isoformat(), ends=ends_on.isoformat())
    hand_over_absent(timezone.localdate())
    return absence


@transaction.atomic
def cancel_absence(by: User, absence: Absence) -> Absence:
    """One is there after all. Raises NotAllowed, RuleError."""
    absence = Absence.objects.select_for_update().get(pk=absence.pk)
    require(
        absence.user_id == by.pk, "Each person cancels the own absences.", ask=str(absence.user)
    )
    if absence.cancelled_at:
        raise RuleError("It is cancelled already.", remedy="Reload the page and look again.")
    absence.cancelled_at = timezone.now()
    absence.save(update_fields=["cancelled_at"])
    record(by, "absence.cancel", absence)
    return absence


def hand_over_absent(today: date) -> int:
    """Open reviews of people who are away or deactivated go to others, where there are any. Returns how many were moved."""
    away = list(Absence.objects.on(today).values_list("user", flat=True))
    gone = Q(assignee__in=away) | Q(assignee__is_active=False)
    moved = 0
    for review in Review.objects.open().for_queue().filter(gone):
        with transaction.atomic():
            before, locked = review.assignee_id, _locked(review)
            if locked.state == Review.State.OPEN and locked.assignee_id == before:
                assign(locked)
                moved += 1
    return moved


def _give(by: User, review: Review, to: User | None, reason: str = "") -> None:
    is_first = review.assignee_id is None and by.is_system  # all deciders are told of a new review
    review.assignee = to
    review.save(update_fields=["assignee"])
    record(by, "review.assign", review, reason=reason, to=to.username if to else "")
    if to and to != by and not is_first:
        notify(
            [to],
            "review",
            f"You have it: {review}",
            body=reason or f"Due {review.due_at:%-d %B %Y}.",
            url=review.get_absolute_url(),
            key=f"review-assigned:{review.pk}:{timezone.now():%s%f}",
            model=review.version.model.slug,
        )


def _locked(review: Review) -> Review:
    found: Review = (
        Review.objects.for_queue()
        .select_related("assignee")
        .select_for_update(of=("self",))
        .get(pk=review.pk)
    )
    return found
