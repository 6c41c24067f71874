"""Verbs between the announcement of an end and the end: give more time, call off brownouts, write to a team, retire.

What was announced changes in favour of consumers alone. A version is retired when its sunset has passed and nobody has to be
waited for; from then on the gateway answers 410 (docs/governance.md, "Retirement").
"""

import logging
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.actions import point_alias
from catalog.models import Alias, ModelVersion, RegisteredModel
from consumption.models import ScheduledChange, Subscription
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.templatetags.formatting import listed, quantity
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify
from publishing import brownouts, campaigns, migration_board
from publishing.actions.publication import refresh_tier
from publishing.migration_board import MigrationState
from publishing.models import MigrationGuide, MigrationMessage
from publishing.permissions import can_deprecate, can_retire, can_write_about_move

log = logging.getLogger(__name__)
STATE = ModelVersion.State
LATEST = timedelta(days=5 * 365)  # from now: an end that is further away is none
MESSAGES_A_DAY = 5  # of one side about one subscription
NAMED = 3  # applications in a refusal


@transaction.atomic
def postpone(by: User, version: ModelVersion, sunset_at: datetime, reason: str) -> ModelVersion:
    """Let a deprecated version end later than announced; who was told is told again. Returns the version.

    Brownouts that have not begun move with it. Raises NotAllowed, Invalid, RuleError.
    """
    version = _held(version)
    require(
        can_deprecate(by, version),
        f"{version.model.owner_team} or the marketplace manager gives more time.",
        ask=str(version.model.owner_team),
    )
    announced = _require_announced(version)
    if sunset_at <= announced:
        raise Invalid(
            f"What was announced changes in favour of consumers only: {_day(announced)} or later.",
            field="sunset_at",
            remedy="To end it earlier, take the announcement back and announce it anew.",
        )
    if not timezone.now() < sunset_at < timezone.now() + LATEST:
        raise Invalid("Choose a day to come, within five years.", field="sunset_at")
    require_reason(reason, "consumers read it")
    version.brownouts = brownouts.moved(version.brownouts, sunset_at)
    version.sunset_at = sunset_at
    version.save(update_fields=["sunset_at", "brownouts"])
    scheduled = ScheduledChange.objects.filter(
        version=version, state=ScheduledChange.State.SCHEDULED
    )
    scheduled.filter(kind=ScheduledChange.Kind.DEPRECATION).update(effective_from=sunset_at)
    campaigns.adjust(version)
    record(
        by,
        "version.postpone",
        version,
        reason=reason.strip(),
        before=announced.isoformat(),
        after=sunset_at.isoformat(),
    )
    invalidate("version", version=version.pk)
    title = f"{version} ends later: on {_day(sunset_at)}"
    _tell_concerned(
        version, title, reason.strip(), f"end-postponed:{version.pk}:{sunset_at:%Y%m%d}"
    )
    return version


@transaction.atomic
def call_off_brownouts(by: User, version: ModelVersion, reason: str) -> ModelVersion:
    """Answer calls also in the brownouts that were announced and are not over. Raises NotAllowed, Invalid, RuleError."""
    version = _held(version)
    require(
        can_deprecate(by, version),
        f"{version.model.owner_team} or the marketplace manager calls them off.",
        ask=str(version.model.owner_team),
    )
    _require_announced(version)
    if not brownouts.coming(version):
        raise RuleError(
            f"{version} has no brownout to come.", remedy="Reload the page and look again."
        )
    require_reason(reason, "consumers read it")
    called_off = [span for span in version.brownouts if not _is_over(span)]
    version.brownouts = [span for span in version.brownouts if _is_over(span)]
    version.save(update_fields=["brownouts"])
    campaigns.adjust(version)
    record(by, "version.call_off_brownouts", version, reason=reason.strip(), brownouts=called_off)
    invalidate("version", version=version.pk)
    title = f"{version}: no short refusals before its end"
    _tell_concerned(
        version, title, reason.strip(), f"end-brownouts:{version.pk}:{called_off[0][0]}"
    )
    return version


@transaction.atomic
def write_about_move(
    by: User, version: ModelVersion, subscription: Subscription, text: str
) -> MigrationMessage:
    """Write to the other side about one subscription: the owner team asks, the consumer's team says what keeps it.

    Raises NotAllowed, Invalid, RuleError.
    """
    is_from_owner = by.is_on(version.model.owner_team)
    require(
        can_write_about_move(by, version, subscription),
        f"{version.model.owner_team} and {subscription.application.team} write here.",
        ask=str(version.model.owner_team),
    )
    _require_announced(version)
    if not migration_board.concerned(version).filter(pk=subscription.pk).exists():
        raise RuleError(
            f"{version} does not answer {subscription.application}.",
            field="subscription",
            remedy="Choose an application that it answers.",
        )
    require_reason(text, "the other team acts on it")
    earlier = MigrationMessage.objects.filter(
        version=version,
        subscription=subscription,
        is_from_owner=is_from_owner,
        at__gte=timezone.now() - timedelta(days=1),
    )
    if earlier.count() >= MESSAGES_A_DAY:
        raise RuleError(
            f"{MESSAGES_A_DAY} messages went out within a day.",
            remedy=f"Talk to them: {version.model.support_contact}.",
        )
    message = MigrationMessage.objects.create(
        version=version,
        subscription=subscription,
        by=by,
        is_from_owner=is_from_owner,
        text=text.strip(),
    )
    record(by, "migration.message", subscription, version=version.pk, text=message.text)
    _tell_other_side(message)
    return message


@transaction.atomic
def retire(by: User, version: ModelVersion) -> ModelVersion:
    """End a version for good: the gateway answers 410 with the successor, its page stays. Returns the version.

    Raises NotAllowed; RuleError before the sunset, without a migration guide where consumers had to move, and while consumers
    without a waiver have not moved.
    """
    version = _held(version)
    require(
        can_retire(by, version),
        f"{version.model.owner_team} or the marketplace manager retires it.",
        ask=str(version.model.owner_team),
    )
    sunset = _require_announced(version)
    if sunset > timezone.now():
        raise RuleError(
            f"{version} was announced to answer until {_day(sunset)}.",
            remedy="Retire it then, or announce another end.",
        )
    board = migration_board.of(version)
    _require_guide(version, board)
    _require_nobody_waits(version, board)
    transition(version, STATE.RETIRED, retired_at=timezone.now())
    ModelVersion.objects.filter(successor=version).exclude(pk=version.pk).update(
        successor=version.successor
    )
    _begin_change(by, version)
    campaigns.end(version)
    waived = [row.subscription.pk for row in board if row.state == MigrationState.WAIVER]
    record(by, "version.retire", version, successor=str(version.successor or ""), waived=waived)
    invalidate("version", version=version.pk)
    _follow_up(by, version)
    _tell_retired(version, [row.subscription.application.team for row in board])
    return version


def retire_what_is_due() -> int:
    """The sweep: deprecated versions whose sunset has passed and for whom nobody is waited for. Returns how many it retired."""
    system, retired = User.objects.system("publisher"), 0
    due = ModelVersion.objects.filter(state=STATE.DEPRECATED, sunset_at__lte=timezone.now())
    for version in list(due.order_by("sunset_at")):
        try:
            retire(system, version)
            retired += 1
        except RuleError as refusal:  # consumers are waited for, or another sweep was first
            log.info("%s", refusal)
    return retired


def _held(version: ModelVersion) -> ModelVersion:
    """The version as it is now, locked with its model: no other verb of its versions runs at the same time."""
    RegisteredModel.objects.select_for_update().get(pk=version.model_id)
    held = ModelVersion.objects.select_for_update(of=("self",))
    return held.select_related("model__owner_team", "successor__model").get(pk=version.pk)


def _require_announced(version: ModelVersion) -> datetime:
    """The announced sunset. Raises RuleError."""
    if version.state != STATE.DEPRECATED or version.sunset_at is None:
        state = version.get_state_display().lower()
        raise RuleError(
            f"{version} is {state}: no end is announced that is to come.",
            remedy="Reload the page and look again.",
        )
    return version.sunset_at


def _require_guide(version: ModelVersion, board: list[migration_board.Migration]) -> None:
    if board and not MigrationGuide.objects.filter(version=version).exists():
        raise RuleError(
            f"{version} has no migration guide, and {quantity(len(board), 'application,applications')} had to move.",
            remedy=f"Write it: {campaigns.guide_url(version)}",
        )


def _require_nobody_waits(version: ModelVersion, board: list[migration_board.Migration]) -> None:
    blocking = [row for row in board if row.is_blocking]
    if not blocking:
        return
    names = [str(row.subscription.application) for row in blocking[:NAMED]]
    more = len(blocking) - len(names)
    named = listed([*names, f"{more} more"] if more else names)
    raise RuleError(
        f"{quantity(len(blocking), 'application,applications')} still {'relies' if len(blocking) == 1 else 'rely'} on "
        f"{version}: {named}.",
        remedy=f"Help them to move, or ask governance for a waiver: {campaigns.board_url(version)}",
    )


def _begin_change(by: User, version: ModelVersion) -> None:
    scheduled = ScheduledChange.objects.filter(
        version=version,
        kind=ScheduledChange.Kind.DEPRECATION,
        state=ScheduledChange.State.SCHEDULED,
    )
    for change in scheduled:
        transition(change, ScheduledChange.State.IN_FORCE)
        record(by, "change.begin", change, reason=change.reason, after=change.after)


def _follow_up(by: User, version: ModelVersion) -> None:
    """What else showed the version: the alias moves to what is left, and a model without versions leaves the catalog."""
    model = version.model
    refresh_tier(model)
    left = model.versions.filter(state__in=(*ModelVersion.LIVE, *ModelVersion.UNDER_REVIEW))
    published = next(iter(model.versions.filter(state=STATE.PUBLISHED).newest_first()), None)
    if published and model.aliases.filter(name=Alias.STABLE, version=version).exists():
        point_alias(by, published)
    if not left.exists() and model.state == RegisteredModel.State.PUBLISHED:
        try:
            transition(model, RegisteredModel.State.ARCHIVED)
        except StaleState:
            return
        record(by, "model.archive", model, reason="Its last version was retired.")


def _tell_retired(version: ModelVersion, teams: list[Team]) -> None:
    notify(
        User.objects.on_teams([version.model.owner_team, *teams]),
        "version.retired",
        f"{version} is retired",
        body=f"Calls of it are answered with 410. {campaigns.successor_sentence(version)}",
        url=version.get_absolute_url(),
        key=f"version.retired:{version.pk}",
        model=version.model.slug,
        teams=[version.model.owner_team, *teams],
    )


def _tell_concerned(version: ModelVersion, title: str, body: str, key: str) -> None:
    teams = migration_board.concerned(version).values("application__team")
    notify(
        User.objects.on_teams(teams),
        campaigns.KIND,
        title,
        body=body,
        url=campaigns.guide_url(version),
        key=key,
        model=version.model.slug,
        teams=teams.values_list("application__team", flat=True),
    )


def _tell_other_side(message: MigrationMessage) -> None:
    version, application = message.version, message.subscription.application
    asks = f"{application}: {version.model.owner_team} asks about the move from {version}"
    team = application.team if message.is_from_owner else version.model.owner_team
    notify(
        User.objects.on_teams([team]),
        "migration",
        asks if message.is_from_owner else f"{application} about the move from {version}",
        body=message.text,
        url=campaigns.board_url(version),
        key=f"migration-message:{message.pk}",
        model=version.model.slug,
        application=application.slug,
        teams=[team],
    )


def _is_over(span: list[str]) -> bool:
    return datetime.fromisoformat(span[1]) <= timezone.now()


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %B %Y}"
