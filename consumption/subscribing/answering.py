"""How soon a model's owner answers those who ask for access, from the requests themselves (docs/model-page.md, "Trust")."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import Plan, Subscription
from marketplace.accounts.models import Team

DAYS = 180
READ = 200  # requests, newest first
WAITS_AT_MOST = timedelta(days=5)  # longer than this a request should not wait


@dataclass(frozen=True)
class Answering:
    """Requests of DAYS that a person of the owner's team decides: their median time, how many, how long the oldest open one waits."""

    median: timedelta | None
    decided: int
    waiting: timedelta | None

    @property
    def is_late(self) -> bool:
        return self.waiting is not None and self.waiting > WAITS_AT_MOST


def answering(model: RegisteredModel) -> Answering:
    """The Answering of a model's owner. One query."""
    return _answering(Subscription.objects.filter(model=model))


def answering_of_team(team: Team) -> Answering:
    """The Answering of a team, over all models that it owns. One query."""
    return _answering(Subscription.objects.filter(model__owner_team=team))


def _answering(subscriptions: "QuerySet[Subscription]") -> Answering:
    now = timezone.now()
    asked = subscriptions.filter(
        plan__approval=Plan.Approval.OWNER,
        requested_at__gte=now - timedelta(days=DAYS),
    ).order_by("-requested_at")
    rows = list(asked.values_list("requested_at", "decided_at", "state")[:READ])
    took = [(decided - requested).total_seconds() for requested, decided, _ in rows if decided]
    open_since = [at for at, _, state in rows if state == Subscription.State.PENDING]
    return Answering(
        timedelta(seconds=median(took)) if took else None,
        len(took),
        now - min(open_since) if open_since else None,
    )


def in_words(time: timedelta) -> str:
    """A time that somebody waits: minutes, hours or days."""
    minutes = max(1, round(time.total_seconds() / 60))
    if minutes < 90:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 36 * 60 else f"{round(minutes / 1440)} days"
