"""Campaigns: these models are to be published by a day (docs/inventory.md, "Campaigns").

A beat reminds owners and closes campaigns; the key of a notice names campaign, occasion and day, so that a beat that comes
twice tells nobody twice. `today` is given, so that tests choose the day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import RoleGrant, User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.templatetags.formatting import quantity
from marketplace.core.transitions import StaleState, transition
from marketplace.insights.inventory import actions
from marketplace.insights.inventory.permissions import can_keep
from marketplace.insights.models import (
    ProductionModel,
    ProductionState,
    PublicationCampaign,
    Standing,
)
from marketplace.notices.actions import notify

MOST_MODELS = 200  # of one campaign
MOST_RUNNING = 20
LONGEST = timedelta(days=366)
DAYS_BEFORE = (14, 7, 1)


@dataclass(frozen=True)
class Progress:
    """How far a campaign is: `wanted` models (with `standing`), of which `done` are published; excepted and retired ones do not count."""

    wanted: list[ProductionModel]
    done: int
    of: int

    @property
    def left(self) -> list[ProductionModel]:
        return [entry for entry in self.wanted if _is_left(entry)]


@transaction.atomic
def start(
    by: User, *, title: str, until: date, models: Iterable[ProductionModel], text: str = ""
) -> PublicationCampaign:
    """Ask for these models to be published by a day; their owners are told. Raises NotAllowed, Invalid, RuleError."""
    require(can_keep(by), *actions.KEEPERS)
    today = timezone.localdate()
    if not today < until <= today + LONGEST:
        raise Invalid("A campaign ends after today and within a year.", field="until")
    wanted = sorted(set(models), key=lambda entry: entry.pk)
    if not 1 <= len(wanted) <= MOST_MODELS:
        raise Invalid(f"Choose 1 to {MOST_MODELS} models.", field="models")
    if PublicationCampaign.objects.running().count() >= MOST_RUNNING:
        raise RuleError(f"{MOST_RUNNING} campaigns run.", remedy="Call one off first.")
    require_fields(PublicationCampaign, title=title, text=text)
    _require_missing(wanted, today)
    campaign = PublicationCampaign.objects.create(
        title=title.strip(), text=text.strip(), until=until, started_by=by
    )
    campaign.models_wanted.set(wanted)
    record(by, "publication_campaign.start", campaign, models=len(wanted), until=until.isoformat())
    _tell_owners(campaign, wanted, "start", f"{campaign}: please publish by {_day(until)}")
    return campaign


@transaction.atomic
def cancel(by: User, campaign: PublicationCampaign, reason: str) -> PublicationCampaign:
    """Call it off; owners are told. Raises NotAllowed, Invalid, StaleState."""
    require(can_keep(by), *actions.KEEPERS)
    actions.require_reason(reason, "the owners read it")
    progress = progress_of(campaign, RegisteredModel.objects.published(), timezone.localdate())
    _close(campaign, PublicationCampaign.State.CANCELLED, progress)
    record(by, "publication_campaign.cancel", campaign, reason=reason.strip())
    _tell_owners(campaign, progress.wanted, "cancelled", f"{campaign} is called off")
    return campaign


def progress_of(
    campaign: PublicationCampaign, seen: "QuerySet[RegisteredModel]", on: date
) -> Progress:
    """The Progress of a campaign. seen: the published models that the reader sees. A closed one keeps the figures it closed with."""
    wanted = list(campaign.models_wanted.with_standing(seen, on).for_list())
    if campaign.done_at_close is not None and campaign.of_at_close is not None:
        return Progress(wanted, campaign.done_at_close, campaign.of_at_close)
    counted = [entry for entry in wanted if _counts(entry)]
    done = sum(entry.standing == Standing.PUBLISHED for entry in counted)
    return Progress(wanted, done, len(counted))


def sweep(today: date) -> int:
    """Remind owners, and close what is reached or over. Returns how many campaigns were looked at. Safe to run twice."""
    running = list(PublicationCampaign.objects.running())
    for campaign in running:
        with transaction.atomic():
            progress = progress_of(campaign, RegisteredModel.objects.published(), today)
            try:
                _move_on(campaign, progress, today)
            except StaleState:
                continue
    return len(running)


def _move_on(campaign: PublicationCampaign, progress: Progress, today: date) -> None:
    if not progress.left:
        _end(campaign, PublicationCampaign.State.REACHED, progress)
    elif today > campaign.until:
        _end(campaign, PublicationCampaign.State.ENDED, progress)
    else:
        days = (campaign.until - today).days
        due = [before for before in DAYS_BEFORE if days <= before]
        began = (campaign.until - campaign.started_at.date()).days
        if due and min(due) < began:
            _remind(campaign, progress.left, min(due), days)


def _remind(
    campaign: PublicationCampaign, left: list[ProductionModel], step: int, days: int
) -> None:
    _tell_owners(
        campaign,
        left,
        f"{step}-days:{campaign.until:%Y%m%d}",
        f"{campaign}: {quantity(days, 'day,days')} left",
    )


def _end(campaign: PublicationCampaign, state: str, progress: Progress) -> None:
    _close(campaign, state, progress)
    record(
        User.objects.system("insights"),
        f"publication_campaign.{state}",
        campaign,
        done=progress.done,
        of=progress.of,
    )
    curators = User.objects.holding(RoleGrant.Role.CURATOR)
    notify(
        {*curators, *actions.owners_of(progress.wanted)},
        "inventory",
        f"{campaign}: {progress.done} of {progress.of} published",
        body="The campaign is closed.",
        url=campaign.get_absolute_url(),
        key=f"campaign-closed:{campaign.pk}",
    )


def _close(campaign: PublicationCampaign, state: str, progress: Progress) -> None:
    transition(campaign, state, done_at_close=progress.done, of_at_close=progress.of)


def _tell_owners(
    campaign: PublicationCampaign, wanted: list[ProductionModel], occasion: str, title: str
) -> None:
    names = ", ".join(entry.name for entry in wanted[:20])
    notify(
        actions.owners_of(wanted),
        "inventory",
        title,
        body=f"{campaign.text}\n\nModels: {names}".strip(),
        url=campaign.get_absolute_url(),
        key=f"campaign-told:{campaign.pk}:{occasion}",
    )


def _require_missing(wanted: list[ProductionModel], today: date) -> None:
    published = RegisteredModel.objects.published()
    missing = ProductionModel.objects.missing(published, today)
    found = set(missing.filter(pk__in=[entry.pk for entry in wanted]).values_list("pk", flat=True))
    other = [entry.name for entry in wanted if entry.pk not in found]
    if other:
        raise Invalid(
            f"Not missing: {', '.join(other[:5])}.",
            field="models",
            remedy="Choose models that run and are not published.",
        )


def _counts(entry: ProductionModel) -> bool:
    """Is it asked for? What was retired or excepted meanwhile is not."""
    return entry.state == ProductionState.RUNNING and entry.standing != Standing.EXCEPTED


def _is_left(entry: ProductionModel) -> bool:
    return _counts(entry) and entry.standing == Standing.MISSING


def _day(day: date) -> str:
    return f"{day:%-d %B %Y}"
