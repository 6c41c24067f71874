"""Reminders of plans that consumers asked for and nobody answered: as of requests for access (docs/access.md, "A request")."""

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

from consumption.models import Move
from consumption.subscribing.actions.reminders import Unanswered, asked_before, remind
from marketplace.accounts.models import User
from marketplace.notices.actions import resolve

REMINDED, ESCALATED = "move-reminded", "move-escalated"


def remind_of_moves(now: datetime | None = None) -> int:
    """The sweep: whoever grants a plan is reminded, then it is escalated. Returns how many steps were taken."""
    now = now or timezone.now()
    waiting = Move.objects.filter(state=Move.State.REQUESTED, asked_at__lte=asked_before(now))
    these = list(waiting.values_list("pk", flat=True))  # mostly none: nothing is joined for them
    return remind(map(_unanswered, Move.objects.filter(pk__in=these).for_list()), now)


def settle_reminders(move: Move) -> None:
    """It was answered, or taken back: nobody needs to act any more."""
    for occasion in ("move-requested", REMINDED, ESCALATED):
        resolve(f"{occasion}:{move.pk}")


def _unanswered(move: Move) -> Unanswered:
    model = move.subscription.model

    def whose_turn() -> tuple[Iterable[User], str]:
        owners = User.objects.on_teams([model.owner_team]).exclude(pk=move.asked_by_id)
        return owners, reverse("consumption:decide_move", args=[move.pk])

    return Unanswered(
        application=move.subscription.application,
        model=model.slug,
        what=f"{move.target} of {model}",
        why=move.reason,
        asked_by=move.asked_by,
        asked_at=move.asked_at,
        url=move.get_absolute_url(),
        kind="move",
        keys=(f"{REMINDED}:{move.pk}", f"{ESCALATED}:{move.pk}"),
        whose_turn=whose_turn,
    )
