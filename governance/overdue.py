"""The announced suspension of high-risk versions that nobody reviews again (docs/governance.md, "After the end of an approval").

`ModelVersion.suspends_at` is the announcement: pages, the API and the gateway read it. `now` is given so that tests choose it.
"""

from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import ModelVersion
from governance import policies
from governance.actions.suspension import stop
from governance.calendar import end_of_day
from governance.matrix import roles_for
from governance.models import Review
from governance.permissions import can_renew, reasons_against_renewal
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify, resolve

TIER = "high"
REMINDER_DAYS = (30, 14, 7, 1)  # before the suspension
SHORTEST = timedelta(days=7)  # of an announcement, also after the sweep stood still


def announce(now: datetime) -> int:
    """Set the day of suspension of high-risk versions whose approval has ended. Returns of how many."""
    ended = ModelVersion.objects.filter(
        state__in=ModelVersion.LIVE,
        approved_until__lte=now,
        risk_tier=TIER,
        suspends_at=None,
        suspended_at=None,
    )
    grace, announced = timedelta(days=policies.in_force(now).days("suspension_days")), 0
    for version in list(ended):
        with transaction.atomic():
            at = max(version.approved_until + grace, now + SHORTEST)
            if ended.filter(pk=version.pk).update(suspends_at=at):  # not reviewed again meanwhile
                record(_system(), "version.announce_suspension", version, at=at.isoformat())
                announced += 1
    return announced


def remind(now: datetime) -> int:
    """Tell consumers, the owner team and who reviews again, once for each of REMINDER_DAYS. Returns of how many versions."""
    versions = list(_announced().filter(suspends_at__gt=now))
    for version in versions:
        assert version.suspends_at is not None
        left = version.suspends_at - now
        stage = next(
            (days for days in sorted(REMINDER_DAYS) if left <= timedelta(days=days)),
            max(REMINDER_DAYS),
        )
        _notify_of(version, stage)
    return len(versions)


def suspend(now: datetime) -> int:
    """Stop the versions whose announced day has come. Returns how many."""
    stopped = 0
    for pk in list(_announced().filter(suspends_at__lte=now).values_list("pk", flat=True)):
        with transaction.atomic():
            version = (
                _announced()
                .select_for_update(of=("self",))
                .filter(pk=pk, suspends_at__lte=now)
                .first()
            )
            if version is not None:
                stop(_system(), version, _why_stopped(version))
                stopped += 1
    return stopped


@transaction.atomic
def extend(
    by: User, version: ModelVersion, until: date, reason: str, no_conflict: bool
) -> ModelVersion:
    """Put an announced suspension off, once. until: its last day without. Returns the version.

    Raises NotAllowed (as for a re-review), Invalid naming the field, RuleError.
    """
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    require(can_renew(by, version), reasons_against_renewal(by, version), ask="the governance lead")
    if version.suspends_at is None or version.suspended_at:
        raise RuleError(
            f"No suspension of {version} is announced.", remedy="Reload the page and look again."
        )
    if version.extended_at:
        raise RuleError(
            f"The suspension of {version} was put off on {version.extended_at:%-d %B %Y}, which is done once.",
            remedy="Review it again.",
        )
    _require_fitting(version, until)
    require_reason(reason, "it stays on the record, and consumers rely on it")
    if not no_conflict:
        raise Invalid("Declare that you have no conflict of interest.", field="no_conflict")
    settle(version)
    before, version.suspends_at = version.suspends_at, end_of_day(until)
    version.extended_at = timezone.now()
    version.save(update_fields=["suspends_at", "extended_at"])
    record(
        by,
        "version.extend",
        version,
        reason=reason.strip(),
        before=before.isoformat(),
        after=version.suspends_at.isoformat(),
    )
    return version


def latest(version: ModelVersion) -> date:
    """The latest day (UTC) to which an announced suspension may be put off."""
    assert version.suspends_at is not None
    days = policies.in_force().days("extension_days")
    return version.suspends_at.astimezone(UTC).date() + timedelta(days=days)


def settle(version: ModelVersion) -> None:
    """The reminders of the announced suspension, if there is one, say nothing more."""
    for stage in REMINDER_DAYS if version.suspends_at else ():
        resolve(_occasion(version, stage))


def _require_fitting(version: ModelVersion, until: date) -> None:
    assert version.suspends_at is not None
    last = latest(version)
    if not version.suspends_at < end_of_day(until) <= end_of_day(last):
        raise Invalid(
            f"Choose a day after {version.suspends_at:%-d %B %Y} and at the latest {last:%-d %B %Y}.",
            field="until",
        )


def _announced() -> QuerySet[ModelVersion]:
    """Live versions with a suspension to come."""
    return ModelVersion.objects.filter(
        state__in=ModelVersion.LIVE, suspends_at__isnull=False, suspended_at=None
    ).select_related("model__owner_team")


def _why_stopped(version: ModelVersion) -> str:
    assert version.approved_until is not None
    return (
        f"Its approval ended on {version.approved_until:%-d %B %Y}, and it was not reviewed again."
    )


def _notify_of(version: ModelVersion, stage: int) -> None:
    assert version.suspends_at is not None and version.approved_until is not None
    model = version.model
    teams = model.subscriptions.granted().values("application__team")
    people = User.objects.on_teams(teams) | User.objects.on_teams([model.owner_team])
    deciders = User.objects.holding(*roles_for(Review.Kind.FINAL, version.risk_tier))
    notify(
        people | deciders,
        "version.suspended",
        f"{version} is suspended on {version.suspends_at:%-d %B %Y} unless it is reviewed again",
        body=f"Its approval ended on {version.approved_until:%-d %B %Y}. From that day on its calls are refused. "
        f"{model.owner_team} has it reviewed: {model.support_contact}.",
        url=version.get_absolute_url(),
        key=_occasion(version, stage),
        model=model.slug,
        teams=[model.owner_team_id, *teams.values_list("application__team", flat=True)],
    )


def _occasion(version: ModelVersion, stage: int) -> str:
    return f"suspension-due-{stage}:{version.pk}:{version.suspends_at:%Y%m%d}"


def _system() -> User:
    return User.objects.system("renewals")
