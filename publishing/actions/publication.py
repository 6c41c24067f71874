"""Verbs of what consumers see: publish, deprecate."""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from catalog.actions import list_model, point_alias
from catalog.models import ModelVersion, RegisteredModel
from catalog.watches import watchers
from consumption import affected
from consumption.actions import announce_rollout, announce_version
from consumption.changes import actions as changes
from consumption.changes.kinds import first_start
from consumption.models import ScheduledChange
from governance import tiering
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify
from publishing import contract_diff, deprecation
from publishing.actions.guides import GuideText, write_guide
from publishing.permissions import can_deprecate, can_publish

log = logging.getLogger(__name__)


@transaction.atomic
def publish(by: User, version: ModelVersion) -> ModelVersion:
    """Make an approved and hosted version visible and callable. Raises RuleError while hosting is not ready."""
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    require(
        can_publish(by, version),
        f"Only {version.model.owner_team} publishes it.",
        ask=str(version.model.owner_team),
    )
    if not is_hosted(version):
        raise RuleError(
            f"{version} is not running yet; it is published as soon as it is.",
            remedy="Wait until it runs; nothing else is to be done.",
        )
    _require_unbroken_contract(version)
    transition(version, ModelVersion.State.PUBLISHED, published_at=timezone.now())
    list_model(by, version.model)
    if _is_newest_published(version):
        point_alias(by, version)
    refresh_tier(version.model)
    record(by, "version.publish", version)
    announce_rollout(by, version)
    invalidate("version", version=version.pk)
    _tell_watchers(version, announce_version(version))
    _compare_what_follows(version)
    return version


def _require_unbroken_contract(version: ModelVersion) -> None:
    """Between submission and publication another version may have come out below it, which consumers rely on since."""
    diff = contract_diff.of(version)
    if diff and not diff.is_allowed:
        raise RuleError(
            diff.sentence, remedy=f"Withdraw it, and submit what it is as {diff.least}."
        )


def _compare_what_follows(version: ModelVersion) -> None:
    """Versions on their way that follow `version` from now on are compared again, and their team hears of what they break."""
    for other in version.model.versions.filter(state__in=ModelVersion.IN_PROGRESS):
        if other.predecessor() != version:
            continue
        result = contract_diff.record_for_submission(other)
        if result.blocks:
            notify(
                User.objects.on_teams([other.model.owner_team]),
                "review",
                f"{other} follows {version.number} now, and breaks its contract",
                body=result.summary,
                url=other.get_absolute_url(),
                key=f"version-overtaken:{other.pk}:{version.pk}",
                model=other.model.slug,
                teams=[other.model.owner_team],
            )


def publish_what_is_ready() -> int:
    """The sweep: approved versions that hosting has brought up become published. Returns how many."""
    system = User.objects.system("publisher")
    ready = list(
        ModelVersion.objects.filter(state=ModelVersion.State.APPROVED, upstream__is_ready=True)
    )
    for version in ready:
        try:
            publish(system, version)
        except RuleError as refusal:  # another sweep was first
            log.info("%s", refusal)
    return len(ready)


@transaction.atomic
def deprecate(
    by: User,
    version: ModelVersion,
    *,
    sunset_at: datetime,
    reason: str,
    successor: ModelVersion | None = None,
    guide: GuideText | None = None,
    with_brownouts: bool = False,
) -> ScheduledChange | None:
    """Deprecate a version: it answers until `sunset_at`, with warning headers, and then until those who call it have moved.

    A version that consumers call is deprecated when a second person has confirmed it: returns that ScheduledChange. One that
    nobody calls is deprecated at once: returns None.
    successor       a version that answers calls, of this model or of another one.
    guide           how to move to it; consumers read it from the announcement on.
    with_brownouts  announce short refusals before the end (publishing/brownouts.py).
    Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_deprecate(by, version),
        f"{version.model.owner_team} or the marketplace manager deprecates it.",
        ask=str(version.model.owner_team),
    )
    RegisteredModel.objects.select_for_update().get(pk=version.model_id)
    if successor is not None:
        deprecation.check_successor(version, successor)
    deprecation.check_sunset(version, sunset_at)
    if guide is not None:
        write_guide(by, version, guide, successor=successor)
    if not affected.following(version).open().exists():
        deprecation.announce(
            by,
            version,
            sunset_at=sunset_at,
            reason=reason,
            successor=successor,
            with_brownouts=with_brownouts,
        )
        return None
    return changes.propose(
        by,
        ScheduledChange.Kind.DEPRECATION,
        model=version.model,
        version=version,
        after={
            "successor": successor.number if successor else "",
            "successor_model": successor.model.slug if successor else "",
            "brownouts": with_brownouts,
        },
        reason=reason,
        effective_from=max(sunset_at, first_start(deprecation.notice_days(version))),
    )


def is_hosted(version: ModelVersion) -> bool:
    """True when the version's upstream answered its last end-to-end probe. Hosting writes that row."""
    upstream = getattr(version, "upstream", None)
    return bool(upstream and upstream.is_ready)


def refresh_tier(model: RegisteredModel) -> None:
    """The listing shows the highest tier among live versions (a projection of governance's answers)."""
    live = model.versions.filter(state__in=ModelVersion.LIVE).exclude(risk_tier="")
    tiers = list(live.values_list("risk_tier", flat=True))
    model.risk_tier = tiering.highest(tiers) if tiers else ""
    model.save(update_fields=["risk_tier"])


def _is_newest_published(version: ModelVersion) -> bool:
    alias = version.model.aliases.filter(name="stable").select_related("version").first()
    return alias is None or version.precedence > alias.version.precedence


def _tell_watchers(version: ModelVersion, told: set[User]) -> None:
    """Who watches the model without being on the version's path."""
    notify(
        set(watchers(version.model)) - told,
        "version.published",
        f"{version} is published",
        body=version.changelog,
        url=version.get_absolute_url(),
        key=f"version.published:{version.pk}",
        model=version.model.slug,
    )
