"""Stop a version at once, and let it run again."""

from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from governance.permissions import can_resume, can_suspend
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.decisions import require_reason
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.notices.actions import notify, resolve


@transaction.atomic
def suspend(by: User, version: ModelVersion, reason: str) -> ModelVersion:
    """Stop a version now: the gateway drops it with its next snapshot. One person suffices."""
    require(
        can_suspend(by, version),
        "Security, the manager, model risk or the accountable owner stop a version.",
        ask="security or the marketplace managers",
    )
    require_reason(reason, "consumers read it")
    if version.suspended_at:
        raise RuleError(
            f"{version} is suspended already.", remedy="Reload the page and look again."
        )
    return stop(by, version, reason)


def stop(by: User, version: ModelVersion, reason: str) -> ModelVersion:
    """Suspend without asking who may: for `suspend`, and for rules that stop a version by the clock."""
    version.suspended_at, version.suspension_reason = timezone.now(), reason.strip()
    version.save(update_fields=["suspended_at", "suspension_reason"])
    record(by, "version.suspend", version, reason=reason)
    invalidate("version", version=version.pk)
    enqueue("hosting.reconcile")
    _notify_of(version, "version.suspended", "is suspended: calls are refused", reason)
    return version


@transaction.atomic
def resume(by: User, version: ModelVersion, reason: str) -> ModelVersion:
    """Let a suspended version run again."""
    require(
        can_resume(by, version),
        "The governance lead or the model risk officer lets a version run again: never its team, nor who stopped it.",
        ask="the governance lead or the model risk officer",
    )
    if not version.suspended_at:
        raise RuleError(f"{version} is not suspended.", remedy="Reload the page and look again.")
    if version.is_stopped_unreviewed:
        raise RuleError(
            f"The approval of {version} ended on {version.approved_until:%-d %B %Y}.",
            remedy="Have the model risk officer review it again first.",
        )
    _notify_of(version, "version.resumed", "answers again", reason)
    resolve(f"resume-open:{version.pk}:{version.suspended_at:%s}")
    version.suspended_at, version.suspension_reason = None, ""
    version.save(update_fields=["suspended_at", "suspension_reason"])
    record(by, "version.resume", version, reason=reason)
    invalidate("version", version=version.pk)
    enqueue("hosting.reconcile")
    return version


def _notify_of(version: ModelVersion, kind: str, what: str, reason: str) -> None:
    """Its team and everybody who subscribes to its model, also of an external endpoint, which no reconciler stops.

    The key is that of the reconciler's notice (hosting.reconcile), so that nobody is notified twice.
    """
    model = version.model
    teams = model.subscriptions.granted().values("application__team")
    people = User.objects.on_teams(teams) | User.objects.on_teams([model.owner_team])
    occasion = f"{kind.partition('.')[2]}:{version.pk}:{version.suspended_at:%s}"
    url = version.get_absolute_url()
    notify(
        people,
        kind,
        f"{version} {what}",
        body=reason.strip(),
        url=url,
        key=occasion,
        model=model.slug,
        teams=[model.owner_team_id, *teams.values_list("application__team", flat=True)],
    )
