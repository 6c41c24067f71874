"""Where a request for access is: asked, with governance, with the owner, reminded, escalated (docs/access.md, "A request")."""

from django.utils import timezone

from consumption.models import Plan, Subscription, UseReview
from consumption.stations import Station, done, going_on, to_come
from consumption.subscribing.actions.reminders import REMINDED_AFTER
from consumption.subscribing.answering import WAITS_AT_MOST
from governance.calendar import business_days_after


def of(subscription: Subscription, review: UseReview | None) -> list[Station]:
    """The stations of a request that waits; review: the newest about its use, or None. No query."""
    asked = subscription.requested_at
    stations = [done("Asked", f"{subscription.requested_by}, {asked:%-d %b %Y, %H:%M} UTC")]
    waits_for_governance = review is not None and review.state == UseReview.State.OPEN
    if review is not None:
        role = " or ".join(name.replace("_", " ") for name in review.roles)
        if waits_for_governance:
            detail = f"The use is of {review.tier} risk, the model of {review.model_tier}: a {role} decides"
            stations.append(going_on("Governance decides", detail))
        else:
            stations.append(
                done("Governance decided", f"{review.decided_by}: {review.decision_reason}")
            )
    if subscription.plan.approval == Plan.Approval.OWNER:
        owner = str(subscription.model.owner_team)
        contact = f"{owner}, {subscription.model.support_contact}"
        station = to_come if waits_for_governance else going_on
        stations.append(station("The owner decides", contact))
    stations += _late(subscription)
    stations.append(to_come("Access", "Then you make a key"))
    return stations


def _late(subscription: Subscription) -> list[Station]:
    """What the sweep does when nobody answers, done and to come."""
    now, asked = timezone.now(), subscription.requested_at
    steps = (
        ("Reminded", business_days_after(asked, REMINDED_AFTER)),
        ("Escalated to the marketplace manager", asked + WAITS_AT_MOST),
    )
    late = [done(label, f"{at:%-d %b %Y}") for label, at in steps if at <= now]
    coming = [(label, at) for label, at in steps if at > now]
    if coming:
        label, at = coming[0]
        day = f"{at:%-d %b %Y}"
        late.append(to_come(label, f"on {day}, if nobody has answered"))
    return late
