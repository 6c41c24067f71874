"""What an executive needs on one page: targets met and missed, units with AI, coverage of the inventory, and what is stuck.

Figures are those of the adoption page (marketplace.insights.metrics.board); what is stuck is read as it is now.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from consumption.models import Subscription
from governance.models import Review
from marketplace.accounts.models import User
from marketplace.insights.ledger.headline import Headline, headline, running_year
from marketplace.insights.metrics import adoption, board
from marketplace.insights.metrics.adoption import Late, UnitsOverTime
from marketplace.insights.metrics.board import Board, Line
from marketplace.insights.metrics.scope import SIGHTS, Scope, sight_of
from marketplace.insights.quarters import Quarter
from marketplace.insights.start_page import figures
from marketplace.insights.start_page.figures import Inventory

ROLE = "executive"
WAITED = timedelta(days=7)  # a request for access that nobody has decided


@dataclass(frozen=True)
class Stuck:
    """What waits for too long: integrations, requests for access, reviews."""

    late: list[Late]
    late_count: int
    requests: int
    reviews: int

    @property
    def is_nothing(self) -> bool:
        return not (self.late_count or self.requests or self.reviews)


@dataclass(frozen=True)
class Overview:
    """The executive's page. `value` is the year's, of what the person may see; `sight`: the models that all other figures are about, in
    words; `units_line` is None before the first count."""

    value: Headline
    sight: str
    board: Board
    units: UnitsOverTime
    units_line: Line | None
    inventory: Inventory
    stuck: Stuck


def overview(reader: User) -> Overview:
    """The Overview over the models that the person may read figures of."""
    sight = sight_of(reader)
    shown = board.board(sight)
    return Overview(
        headline(reader, running_year()),
        SIGHTS[sight],
        shown,
        adoption.units_over_time(sight),
        shown.line("units-with-ai"),
        figures.inventory(reader),
        stuck(sight),
    )


def stuck(sight: str) -> Stuck:
    now = timezone.now()
    seen = Scope(Quarter.of(now.date()), now, sight)
    late, late_count = adoption.late_integrations(sight)
    waiting = Subscription.objects.filter(
        state=Subscription.State.PENDING, requested_at__lt=now - WAITED, model__in=seen.models()
    )
    overdue = Review.objects.open().filter(due_at__lt=now, version__in=seen.versions())
    return Stuck(late, late_count, waiting.count(), overdue.count())
