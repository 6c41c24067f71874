"""Where a request for access is: asked, with governance, with the owner, reminded, escalated (docs/access.md, "A request")."""

from dataclasses import dataclass

from django.utils import timezone

from consumption.models import Plan, Subscription, UseReview
from consumption.subscribing.actions.requests import REMINDED_AFTER
from consumption.subscribing.answering import WAITS_AT_MOST
from governance.calendar import business_days_after


@dataclass(frozen=True)
class Mark:
    """One station. tone and icon say whether it is done, goes on, or is to come."""

    label: str
    detail: str
    tone: str
    icon: str


def of(subscription: Subscription, review: UseReview | None) -> list[Mark]:
    """The stations of a request that waits; review: the newest about its use, or None. No query."""
    asked = subscription.requested_at
    marks = [_done("Asked", f"{subscription.requested_by}, {asked:%-d %b %Y, %H:%M} UTC")]
    waits_for_governance = review is not None and review.state == UseReview.State.OPEN
    if review is not None:
        role = " or ".join(name.replace("_", " ") for name in review.roles)
        if waits_for_governance:
            detail = f"The use is of {review.tier} risk, the model of {review.model_tier}: a {role} decides"
            marks.append(_now("Governance decides", detail))
        else:
            marks.append(
                _done("Governance decided", f"{review.decided_by}: {review.decision_reason}")
            )
    if subscription.plan.approval == Plan.Approval.OWNER:
        owner = str(subscription.model.owner_team)
        contact = f"{owner}, {subscription.model.support_contact}"
        mark = _later if waits_for_governance else _now
        marks.append(mark("The owner decides", contact))
    marks += _late(subscription)
    marks.append(_later("Access", "Then you make a key"))
    return marks


def _late(subscription: Subscription) -> list[Mark]:
    """What the sweep does when nobody answers, done and to come."""
    now, asked = timezone.now(), subscription.requested_at
    steps = (
        ("Reminded", business_days_after(asked, REMINDED_AFTER)),
        ("Escalated to the marketplace manager", asked + WAITS_AT_MOST),
    )
    done = [_done(label, f"{at:%-d %b %Y}") for label, at in steps if at <= now]
    coming = [(label, at) for label, at in steps if at > now]
    if coming:
        label, at = coming[0]
        day = f"{at:%-d %b %Y}"
        done.append(_later(label, f"on {day}, if nobody has answered"))
    return done


def _done(label: str, detail: str) -> Mark:
    return Mark(label, detail, "good", "check-circle")


def _now(label: str, detail: str) -> Mark:
    return Mark(label, detail, "info", "clock")


def _later(label: str, detail: str) -> Mark:
    return Mark(label, detail, "neutral", "minus-circle")
