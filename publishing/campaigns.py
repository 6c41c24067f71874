"""The notices of an announced end: when each is due, to whom it goes and what it says (docs/governance.md, "Deprecation").

A Campaign row is the queue: `next_at` says when somebody is to be told again. One transaction sends what is due and moves the
row on; the key of a notice names version, occasion and end, so that a beat that comes twice, or a worker that died, tells
nobody twice and leaves nobody out. `now` is given, so that tests choose the moment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import quantity
from marketplace.notices.actions import notify
from publishing import brownouts, migration_board
from publishing.migration_board import Migration
from publishing.models import Campaign

DAYS_BEFORE = (30, 14, 7, 1)
WEEK = timedelta(days=7)  # after the sunset, as long as somebody has not moved
EVE = timedelta(days=1)  # before a brownout
KIND = "version.deprecated"


@dataclass(frozen=True)
class Step:
    """An occasion to tell those who have not moved: name of the key, when, and the headline after the application's name."""

    name: str
    at: datetime
    headline: str


def steps(
    version: ModelVersion, announced_at: datetime, until: datetime | None = None
) -> list[Step]:
    """All occasions after the announcement, oldest first; those of after the sunset up to `until` and one more."""
    sunset = version.sunset_at
    if sunset is None:
        return []
    ends = f"{version} ends on {_day(sunset)}"
    half = announced_at + (sunset - announced_at) / 2
    found = [Step("half", half, f"{ends}: half of the notice is over")]
    found += [
        Step(
            f"{days}-days",
            sunset - timedelta(days=days),
            f"{ends}: {quantity(days, 'day,days')} left",
        )
        for days in DAYS_BEFORE
    ]
    found += [
        Step(
            f"brownout-{brownout.since:%Y%m%d}",
            brownout.since - EVE,
            f"{version} refuses calls for {_minutes(brownout.minutes)} on {_moment(brownout.since)}",
        )
        for brownout in brownouts.of(version)
    ]
    found += _after(version, sunset, until or sunset)
    return sorted((step for step in found if step.at > announced_at), key=lambda step: step.at)


def begin(version: ModelVersion) -> Campaign:
    """From the announcement on. The announcement itself is told by who announces."""
    now = timezone.now()
    campaign = Campaign(version=version, announced_at=now, reached_at=now)
    campaign.next_at = _next(campaign, now)
    campaign.save()
    return campaign


def adjust(version: ModelVersion) -> None:
    """The end became later: its occasions begin anew from now on."""
    for campaign in _open(version).select_for_update():
        campaign.next_at = _next(campaign, timezone.now())
        campaign.reached_at = timezone.now()
        campaign.save(update_fields=["next_at", "reached_at"])


def end(version: ModelVersion) -> None:
    """The version is retired, or goes on after all: nobody is told any more."""
    _open(version).update(ended_at=timezone.now())


def tell_what_is_due(now: datetime) -> int:
    """Send the notices that are due. Returns how many campaigns were looked at. Any number of beats do no harm."""
    due = Campaign.objects.filter(ended_at=None, next_at__lte=now).order_by("next_at")
    looked_at = 0
    for pk in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            held = Campaign.objects.select_for_update(of=["self"], skip_locked=True)
            campaign = held.filter(pk=pk, ended_at=None, next_at__lte=now).first()
            if campaign is not None:
                _tell(campaign, now)
                looked_at += 1
    return looked_at


def _tell(campaign: Campaign, now: datetime) -> None:
    """The newest occasion alone where a stopped beat passed several, and the newest brownout's."""
    version = ModelVersion.objects.select_related("model__owner_team", "successor__model").get(
        pk=campaign.version_id
    )
    all_steps = steps(version, campaign.announced_at, now)
    due = [step for step in all_steps if campaign.reached_at < step.at <= now]
    newest = {step.name.startswith("brownout"): step for step in due}
    if newest:
        board = migration_board.of(version)
        for step in newest.values():
            _tell_teams(version, step, [row for row in board if row.is_blocking])
            _tell_owners(version, step, board)
    campaign.reached_at = now
    campaign.next_at = _next(campaign, now)
    campaign.save(update_fields=["reached_at", "next_at"])


def _tell_teams(version: ModelVersion, step: Step, blocking: list[Migration]) -> None:
    for row in blocking:
        application = row.subscription.application
        notify(
            User.objects.on_teams([application.team]),
            KIND,
            f"{application}: {step.headline}",
            body=what_to_do(version, row),
            url=guide_url(version),
            key=f"version-end:{version.pk}:{step.name}:{_key_day(version)}:{row.subscription.pk}",
            model=version.model.slug,
            application=application.slug,
            teams=[application.team],
        )


def _tell_owners(version: ModelVersion, step: Step, board: list[Migration]) -> None:
    left = sum(row.is_blocking for row in board)
    notify(
        User.objects.on_teams([version.model.owner_team]),
        KIND,
        f"{version}: {left} of {quantity(len(board), 'application,applications')} to move",
        body=f"{step.headline}. Who has not moved, and why, is on the migration board.",
        url=board_url(version),
        key=f"version-end:{version.pk}:{step.name}:{_key_day(version)}:owner",
        model=version.model.slug,
        teams=[version.model.owner_team],
    )


def what_to_do(version: ModelVersion, row: Migration) -> str:
    """For the people of one application: what it calls, where to move, and what happens then."""
    calls = f"It made {quantity(row.calls, 'call,calls')} of it in 30 days."
    return f"{calls} {successor_sentence(version)} The migration guide says what to change: {guide_url(version)}"


def successor_sentence(version: ModelVersion) -> str:
    """Who takes over, said plainly: a version of this model, a version of another one, or nobody."""
    successor = version.successor
    if successor is None:
        return "No version takes over."
    if successor.model_id == version.model_id:
        return f"Version {successor.number} takes over: the keys stay the same."
    return f"{successor} takes over. It is another model: subscribe to it; the keys of {version.model} do not work there."


def successor_name(version: ModelVersion) -> str:
    """Its number, or its model's name and number where it is of another model; "" without one."""
    successor = version.successor
    if successor is None:
        return ""
    return successor.number if successor.model_id == version.model_id else str(successor)


def guide_url(version: ModelVersion) -> str:
    return reverse("publishing:migration_guide", args=[version.model.slug, version.number])


def board_url(version: ModelVersion) -> str:
    return reverse("publishing:migration_board", args=[version.model.slug, version.number])


def _after(version: ModelVersion, sunset: datetime, until: datetime) -> list[Step]:
    weeks = max(0, (until - sunset) // WEEK) + 1
    text = f"{version} was to end on {_day(sunset)} and waits for you to move"
    return [Step(f"after-{week}-weeks", sunset + week * WEEK, text) for week in range(weeks + 1)]


def _next(campaign: Campaign, now: datetime) -> datetime:
    version = campaign.version
    ahead = [step.at for step in steps(version, campaign.announced_at, now) if step.at > now]
    return min(ahead, default=now + WEEK)


def _open(version: ModelVersion) -> QuerySet[Campaign]:
    return Campaign.objects.filter(version=version, ended_at=None)


def _key_day(version: ModelVersion) -> str:
    """Of the sunset: when it becomes later, each occasion comes again."""
    return f"{version.sunset_at:%Y%m%d}"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %B %Y}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


def _minutes(minutes: int) -> str:
    return (
        quantity(minutes, "minute,minutes")
        if minutes < 60
        else quantity(minutes // 60, "hour,hours")
    )
