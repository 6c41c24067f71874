"""The end of an approval, and what a late review causes: reminders, escalation, re-review (docs/governance.md, "Re-review").

`now` is given to the sweeps so that tests choose the moment. Both may run any number of times.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance import overdue, policies
from governance.matrix import FINAL_ROLES, roles_for
from governance.models import Review
from governance.permissions import can_renew, reasons_against_renewal
from marketplace.accounts.models import RoleGrant, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify, resolve

# Days before the end of an approval (docs/governance.md, "Re-review").
REMINDER_DAYS = (60, 30, 7)
LEAD, RISK = RoleGrant.Role.GOVERNANCE_LEAD, RoleGrant.Role.MODEL_RISK_OFFICER
# Share of a review's time in percent → marketplace roles that are told beside the reviewers.
ESCALATION: dict[int, tuple[str, ...]] = dict(
    zip(Review.REMINDERS, ((), (LEAD,), (LEAD, RISK)), strict=True)
)


def is_closed_to_subscribers(version: ModelVersion, now: datetime | None = None) -> bool:
    """True when the approval ended, and its tier gives no more days for new subscriptions."""
    if version.approved_until is None:
        return False
    grace = timedelta(days=policies.in_force().days("grace_days", version.risk_tier))
    return version.approved_until + grace <= (now or timezone.now())


def due_for_renewal(now: datetime | None = None) -> QuerySet[ModelVersion]:
    """Live versions whose approval ended or ends within the first reminder, the most urgent first."""
    now = now or timezone.now()
    first = now + timedelta(days=max(REMINDER_DAYS))
    return (
        ModelVersion.objects.filter(state__in=ModelVersion.LIVE, approved_until__lte=first)
        .exclude(  # an approval that outlives the version is not renewed
            state=ModelVersion.State.DEPRECATED,
            sunset_at__gt=now,
            sunset_at__lte=F("approved_until"),
        )
        .select_related("model__owner_team__business_unit")
        .order_by("approved_until", "pk")
    )


def waiting_for(user: User) -> QuerySet[ModelVersion]:
    """The versions due for a re-review that this person's roles decide, those of the person's own teams left out."""
    roles = user.roles()
    tiers = [tier for tier, deciders in FINAL_ROLES.items() if roles & set(deciders)]
    return (
        due_for_renewal().filter(risk_tier__in=tiers).exclude(model__owner_team__in=user.team_ids())
    )


@transaction.atomic
def renew(by: User, version: ModelVersion, reason: str, no_conflict: bool) -> ModelVersion:
    """Attest that a live version is still fit for use: its approval holds for its tier's days from now. Returns the version.

    Raises NotAllowed (separation of duties), Invalid, RuleError (not live, suspended, or earlier than the first reminder).
    """
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    require(can_renew(by, version), reasons_against_renewal(by, version), ask="the governance lead")
    if not due_for_renewal().filter(pk=version.pk).exists():
        raise RuleError(
            f"{version} is not due: a live version is reviewed again from {max(REMINDER_DAYS)} days before its approval ends.",
            remedy="Come back when it is due.",
        )
    if version.suspended_at and not version.is_stopped_unreviewed:
        raise RuleError(f"{version} is suspended.", remedy="Let it run again first.")
    require_reason(reason, "it stays on the record, and consumers rely on it")
    if not no_conflict:
        raise Invalid("Declare that you have no conflict of interest.", field="no_conflict")
    before = version.approved_until
    days = policies.in_force().days("valid_days", version.risk_tier)
    renewed = timezone.now() + timedelta(days=days)
    if version.state == ModelVersion.State.DEPRECATED and version.sunset_at > timezone.now():
        renewed = min(renewed, version.sunset_at)  # not longer than it is announced to answer
    overdue.settle(version)
    version.approved_until, version.suspends_at, version.extended_at = renewed, None, None
    version.save(update_fields=["approved_until", "suspends_at", "extended_at"])
    record(
        by,
        "version.renew",
        version,
        reason=reason.strip(),
        before=before.isoformat(),
        after=version.approved_until.isoformat(),
    )
    for stage in (*REMINDER_DAYS, 0):
        resolve(_occasion(version.pk, before, stage))
    if version.suspended_at:
        _tell_who_resumes(version, reason)
    return version


def _tell_who_resumes(version: ModelVersion, reason: str) -> None:
    notify(
        User.objects.holding(LEAD),
        "review",
        f"{version} was reviewed again: let it answer",
        body=reason.strip(),
        url=reverse("governance:suspend", args=[version.model.slug, version.number]),
        key=f"resume-open:{version.pk}:{version.suspended_at:%s}",
        model=version.model.slug,
    )


def remind_of_ends(now: datetime) -> int:
    """Notify the owner team and who reviews again, once for each of T-60, T-30, T-7 and the end. Returns how many versions."""
    versions = list(due_for_renewal(now))
    for version in versions:
        left = version.approved_until - now
        stage = min(days for days in (*REMINDER_DAYS, 0) if left <= timedelta(days=days))
        team = User.objects.on_teams([version.model.owner_team])
        deciders = User.objects.holding(*roles_for(Review.Kind.FINAL, version.risk_tier))
        ends = f"{version.approved_until:%-d %B %Y}"
        notify(
            team | deciders,
            "re-review",
            f"{version}: approval ended on {ends}"
            if stage == 0
            else f"{version}: approval ends on {ends}",
            body="It is to be reviewed again by somebody outside the owner team.",
            url=version.get_absolute_url(),
            key=_occasion(version.pk, version.approved_until, stage),
            model=version.model.slug,
            teams=[version.model.owner_team],
        )
    return len(versions)


def remind_of_reviews(now: datetime) -> int:
    """Notify reviewers at 75 %, and who is above them at 100 and 150 %, of a review's time. Returns how many reviews."""
    others = (
        Review.objects.open()
        .filter(version=OuterRef("version"), round=OuterRef("round"))
        .exclude(kind=Review.Kind.FINAL)
    )
    due = Review.objects.open().filter(remind_at__lte=now)
    late = due.exclude(Exists(others), kind=Review.Kind.FINAL)
    reviews = list(late.select_related("version__model"))
    for review in reviews:
        share = 100 * (now - review.opened_at) / (review.due_at - review.opened_at)
        reached = max(percent for percent in ESCALATION if share >= percent)
        roles = {*roles_for(review.kind, review.version.risk_tier), *ESCALATION[reached]}
        notify(
            User.objects.holding(*roles),
            "review",
            f"{'Overdue' if now >= review.due_at else 'Soon due'}: {review}",
            body=f"Due {review.due_at:%d %B %Y}.",
            url=review.get_absolute_url(),
            key=f"review-{reached}:{review.pk}",
            model=review.version.model.slug,
        )
        Review.objects.filter(pk=review.pk).update(remind_at=review.next_reminder(now))
    return len(reviews)


def _occasion(version_id: int, end: datetime, stage: int) -> str:
    return f"re-review-{stage}:{version_id}:{end:%Y%m%d}"
