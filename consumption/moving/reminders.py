"""Reminders of plans that consumers asked for and nobody answered: as of requests for access (docs/access.md, "A request")."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from consumption.models import Move
from consumption.subscribing.actions.requests import REMINDED_AFTER
from consumption.subscribing.answering import WAITS_AT_MOST
from governance.calendar import business_days_after
from marketplace.accounts.models import User
from marketplace.notices.actions import notify, resolve
from marketplace.notices.models import Notice

REMINDED, ESCALATED = "move-reminded", "move-escalated"


def remind_of_moves(now: datetime | None = None) -> int:
    """The sweep: whoever grants a plan is reminded, then it is escalated; each once a move. Returns how many were told about."""
    now = now or timezone.now()
    asked_by_then = now - timedelta(days=REMINDED_AFTER)
    waiting = Move.objects.filter(state=Move.State.REQUESTED, asked_at__lte=asked_by_then)
    steps: dict[str, tuple[Move, str]] = {}
    for move in waiting.for_list():
        if business_days_after(move.asked_at, REMINDED_AFTER) <= now:
            steps[f"{REMINDED}:{move.pk}"] = move, REMINDED
        if move.asked_at + WAITS_AT_MOST <= now:
            steps[f"{ESCALATED}:{move.pk}"] = move, ESCALATED
    told = set(Notice.objects.filter(key__in=steps).values_list("key", flat=True))
    for key in steps.keys() - told:
        _remind(*steps[key], key)
    return len(steps.keys() - told)


def settle_reminders(move: Move) -> None:
    """It was answered, or taken back: nobody needs to act any more."""
    for occasion in ("move-requested", REMINDED, ESCALATED):
        resolve(f"{occasion}:{move.pk}")


def _remind(move: Move, step: str, key: str) -> None:
    subscription, since = move.subscription, f"{move.asked_at:%-d %B}"
    application, model = subscription.application, subscription.model
    people = set(User.objects.on_teams([model.owner_team]).exclude(pk=move.asked_by_id))
    if step == ESCALATED:
        people |= set(User.objects.holding("curator"))
        notify(
            [move.asked_by],
            "move",
            f"Your request for {move.target} of {model} was escalated",
            body=f"Nobody answered since {since}: the marketplace manager was told.",
            url=move.get_absolute_url(),
            key=f"{key}:asker",
            model=model.slug,
            application=application.slug,
        )
    notify(
        people,
        "move",
        f"{application.team} waits since {since} for {move.target} of {model}",
        body=move.reason,
        url=reverse("consumption:decide_move", args=[move.pk]),
        key=key,
        model=model.slug,
        application=application.slug,
    )
