"""How far each consumer of a version that ends has moved, from what really happened (docs/governance.md, "Migration board").

    not started   the version answers its calls, and nobody of its team has tried the successor since the announcement
    testing       the version answers its calls; the team has called the successor: in the sandbox, with rows of its own, from a
                  test application, or by name
    migrated      another version answers its calls, and this one has answered none since; or its subscription ended
    waiver        it has not moved, and governance lets the version retire all the same

Hours are those of the roll-ups: an hour in which both versions answered counts as the hour of the move.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, QuerySet, Sum, TextChoices
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from consumption.models import (
    AcceptanceRun,
    BatchEvaluation,
    Outcome,
    SandboxCall,
    ScheduledChange,
    Subscription,
    UsageHour,
)
from marketplace.accounts.models import Membership
from marketplace.core.templatetags.formatting import quantity
from publishing.models import Campaign, MigrationMessage, RetirementWaiver

QUIET = timedelta(hours=24)  # who still calls it beside the successor has not moved
PERIOD = timedelta(days=affected.DAYS)


class MigrationState(TextChoices):
    """How far one consumer is; the table above."""

    NOT_STARTED = "not_started", "Not started"
    TESTING = "testing", "Testing"
    MIGRATED = "migrated", "Migrated"
    WAIVER = "waiver", "Waiver"


WAITED_FOR = (MigrationState.NOT_STARTED, MigrationState.TESTING)


@dataclass(frozen=True)
class Calls:
    """What one subscription called of one version in thirty days: count, first and last hour."""

    count: int = 0
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True)
class Migration:
    """One subscription on the board. calls: of the version that ends, in 30 days; tried_at: when its team last tried the successor."""

    subscription: Subscription
    state: MigrationState
    calls: int
    last_call: datetime | None
    tried_at: datetime | None
    answered_by: ModelVersion | None
    blockers: list[str] = field(default_factory=list)
    waiver: RetirementWaiver | None = None
    message: MigrationMessage | None = None
    answer: MigrationMessage | None = None

    @property
    def label(self) -> str:
        return str(self.state.label)

    @property
    def is_blocking(self) -> bool:
        """Does the version have to wait for it? A request that was never granted keeps nobody waiting."""
        is_granted = self.subscription.state in (
            Subscription.State.ACTIVE,
            Subscription.State.PAUSED,
        )
        return is_granted and self.state in WAITED_FOR


@dataclass(frozen=True)
class _Facts:
    """What the board asks of the database, once for all rows."""

    version: ModelVersion
    versions: Sequence[ModelVersion]
    old: Mapping[int, Calls]  # by subscription
    new: Mapping[
        int, Calls
    ]  # by subscription, of the successor or of any other version of the model
    moved_to: Mapping[int, Calls]  # by application, where the successor is of another model
    tried: Mapping[int, datetime]  # by team
    waivers: Mapping[int, RetirementWaiver]
    failed: Mapping[int, AcceptanceRun]  # by subscription, the newest run on the successor
    messages: Mapping[tuple[int, bool], MigrationMessage]


def of(version: ModelVersion) -> list[Migration]:
    """The board of a version: who was told of its end or is answered by it now. Most calls first. A fixed number of queries."""
    rows = list(concerned(version).for_list())
    facts = _facts(version, rows)
    board = [_migration(subscription, facts) for subscription in rows]
    return sorted(board, key=lambda row: (not row.is_blocking, -row.calls, row.subscription.pk))


def concerned(version: ModelVersion) -> Any:  # consumption's querysets are not typed yet
    """The subscriptions of the board: granted or once granted ones that it answered when the end was announced, or answers now."""
    changes = ScheduledChange.objects.filter(
        version=version,
        kind=ScheduledChange.Kind.DEPRECATION,
        state__in=(*ScheduledChange.OPEN, ScheduledChange.State.IN_FORCE),
    )
    told = {row["subscription"] for change in changes for row in change.affected}
    now = affected.following(version).open().values("pk")
    return Subscription.objects.filter(Q(pk__in=told) | Q(pk__in=now))


def _migration(subscription: Subscription, facts: _Facts) -> Migration:
    answered_by = affected.resolve_for(subscription, facts.versions)
    old = facts.old.get(subscription.pk, Calls())
    team = subscription.application.team_id
    tried_at = facts.tried.get(team)
    waiver = facts.waivers.get(subscription.pk)
    state = _state(subscription, answered_by, facts)
    if state in WAITED_FOR and waiver and waiver.state == RetirementWaiver.State.GRANTED:
        state = MigrationState.WAIVER
    row = Migration(
        subscription,
        state,
        old.count,
        old.last,
        tried_at,
        answered_by,
        waiver=waiver,
        message=facts.messages.get((subscription.pk, True)),
        answer=facts.messages.get((subscription.pk, False)),
    )
    row.blockers.extend(_blockers(row, facts))
    return row


def _state(subscription: Subscription, answered_by: ModelVersion, facts: _Facts) -> MigrationState:
    if subscription.state not in Subscription.OPEN or _has_moved(subscription, answered_by, facts):
        return MigrationState.MIGRATED
    has_called = subscription.pk in facts.new or subscription.application_id in facts.moved_to
    is_testing = has_called or subscription.application.team_id in facts.tried
    return MigrationState.TESTING if is_testing else MigrationState.NOT_STARTED


def _has_moved(subscription: Subscription, answered_by: ModelVersion, facts: _Facts) -> bool:
    """Does something else answer it, and has the old version answered nothing since?"""
    old = facts.old.get(subscription.pk, Calls())
    new = facts.new.get(subscription.pk, Calls())
    is_elsewhere = answered_by.pk != facts.version.pk
    if subscription.application_id in facts.moved_to:
        is_elsewhere, new = True, facts.moved_to[subscription.application_id]
    if not is_elsewhere:
        return False
    if old.last is None or old.last < timezone.now() - QUIET:
        return True
    return new.first is not None and old.last <= new.first


def _blockers(row: Migration, facts: _Facts) -> list[str]:
    """What stands between this subscription and the successor, as far as the product knows."""
    if row.state == MigrationState.MIGRATED:
        return []
    found = []
    subscription, version = row.subscription, facts.version
    stays = row.answered_by is not None and row.answered_by.pk == version.pk
    if subscription.state == Subscription.State.PAUSED:
        found.append("The subscription is paused.")
    if stays and subscription.held_version_id == version.pk:
        found.append(f"It holds its updates at {version.number}.")
    elif stays and subscription.version_policy == Subscription.Policy.PIN_EXACT:
        found.append(f"Pinned to exactly {version.number}.")
    elif stays:
        found.append(f"Its policy leads no further than {version.number}.")
    elif row.calls:
        found.append(f"Its calls name {version.number} in the address.")
    if (run := facts.failed.get(subscription.pk)) and version.successor is not None:
        these = quantity(run.failed, "example,examples")
        found.append(f"{these} of its {run.examples} failed on {version.successor.number}.")
    if version.successor is not None and row.state == MigrationState.NOT_STARTED:
        found.append(f"Nobody of its team has tried {version.successor.number} yet.")
    return found


def _facts(version: ModelVersion, rows: Sequence[Subscription]) -> _Facts:
    since = _since(version)
    successor = version.successor
    is_other_model = successor is not None and successor.model_id != version.model_id
    used = UsageHour.objects.filter(hour__gte=timezone.now() - PERIOD, ok__gt=0)
    mine = used.filter(subscription__in=[row.pk for row in rows])
    new = mine.exclude(version=version).filter(hour__gte=since)
    waivers = RetirementWaiver.objects.for_page().filter(version=version)
    in_force = Q(pk__in=waivers.in_force()) | Q(state=RetirementWaiver.State.OPEN)
    return _Facts(
        version,
        list(version.model.versions.filter(state__in=ModelVersion.LISTED)),
        _calls(mine.filter(version=version), "subscription"),
        _calls(new, "subscription"),
        _moved_to(successor, rows, used.filter(hour__gte=since))
        if successor and is_other_model
        else {},
        _tried(successor, {row.application.team_id for row in rows}, since) if successor else {},
        {waiver.subscription_id: waiver for waiver in waivers.filter(in_force)},
        _failed(successor, rows) if successor else {},
        _newest_messages(version),
    )


def _since(version: ModelVersion) -> datetime:
    """What was tried before the announcement is no sign of a move."""
    campaign = Campaign.objects.filter(version=version, ended_at=None).first()
    begun = campaign.announced_at if campaign else version.deprecated_at
    return begun or timezone.now() - PERIOD


def _calls(hours: QuerySet[UsageHour], by: str) -> dict[int, Calls]:
    rows = hours.values(by).annotate(n=Sum("calls"), first=Min("hour"), last=Max("hour"))
    return {row[by]: Calls(row["n"], row["first"], row["last"]) for row in rows}


def _moved_to(
    successor: ModelVersion, rows: Sequence[Subscription], used: QuerySet[UsageHour]
) -> dict[int, Calls]:
    """What the same applications call of the other model."""
    applications = [row.application_id for row in rows]
    granted = Subscription.objects.granted().filter(
        model=successor.model_id, application__in=applications
    )
    return _calls(used.filter(subscription__in=granted), "subscription__application")


def _tried(successor: ModelVersion, teams: set[int], since: datetime) -> dict[int, datetime]:
    """{team: when its people or its test applications last called the successor}."""
    members = Membership.objects.filter(team__in=teams, left_at=None).values_list("user", "team")
    team_of: dict[int, list[int]] = {}
    for user, team in members:
        team_of.setdefault(user, []).append(team)
    by_person = SandboxCall.objects.filter(
        model_id=successor.model_id,
        version_id=successor.pk,
        user_id__in=team_of,
        at__gte=since,
        outcome=Outcome.OK,
    )
    found = [
        (team, at)
        for user, at in by_person.values_list("user_id").annotate(Max("at"))
        for team in team_of[user]
    ]
    found += (
        BatchEvaluation.objects.filter(
            team__in=teams, entries__version=successor, state_since__gte=since
        )
        .values_list("team")
        .annotate(Max("state_since"))
    )
    hours = UsageHour.objects.filter(version=successor, team__in=teams, hour__gte=since, ok__gt=0)
    found += hours.values_list("team").annotate(Max("hour"))
    newest: dict[int, datetime] = {}
    for team, at in found:
        newest[team] = max(at, newest.get(team, at))
    return newest


def _failed(successor: ModelVersion, rows: Sequence[Subscription]) -> dict[int, AcceptanceRun]:
    """{subscription: its newest run of acceptance examples on the successor}, where one failed and is not accepted."""
    runs = AcceptanceRun.objects.filter(
        version=successor, subscription__in=[row.pk for row in rows]
    ).order_by("subscription_id", "-asked_at")
    newest = runs.distinct("subscription_id")
    return {run.subscription_id: run for run in newest if run.failed}


def _newest_messages(version: ModelVersion) -> dict[tuple[int, bool], MigrationMessage]:
    """{(subscription, is it from the owner team?): the newest message}."""
    newest = (
        version.migration_messages.order_by("subscription_id", "is_from_owner", "-at", "-id")
        .distinct("subscription_id", "is_from_owner")
        .select_related("by")
    )
    return {(message.subscription_id, message.is_from_owner): message for message in newest}
