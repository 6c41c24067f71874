"""Time to value of projects that reused against projects that built, as the metric counts it (docs/metrics.md)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import reverse

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.insights.metrics import board
from marketplace.insights.metrics.scope import COMPANY, sight_of
from marketplace.insights.metrics.value_time import BUILD, REUSE, TIME_TO_VALUE

MOST_WEEKS = 26


@dataclass(frozen=True)
class Cohort:
    """So many projects in production within a year, and their median in days; None where they are too few for a claim."""

    count: int
    median: float | None


@dataclass(frozen=True)
class Cohorts:
    """Reuse and build, from the newest count."""

    reuse: Cohort
    build: Cohort
    url: str

    @property
    def rows(self) -> list[tuple[str, Cohort]]:
        return [("Reuse", self.reuse), ("Build", self.build)]


def cohorts(user: User) -> Cohorts:
    """Over the models that the person's metrics are counted over."""
    values = board.latest(sight_of(user), TIME_TO_VALUE.name)
    details = values[0].details if values else {}
    url = reverse("insights:metric", args=[TIME_TO_VALUE.name])
    return Cohorts(_cohort(details.get(REUSE, {})), _cohort(details.get(BUILD, {})), url)


def _cohort(details: dict[str, Any]) -> Cohort:
    return Cohort(details.get("n", 0), details.get("median"))


def weeks_saved(team: Team, model: RegisteredModel) -> Decimal:
    """The median build less what this reuse took, in weeks, at least 0, at most MOST_WEEKS.

    0 while the builds are too few for a claim, and where the project of the reuse is not in production.
    """
    values = board.latest(COMPANY, TIME_TO_VALUE.name)
    median = _cohort(values[0].details.get(BUILD, {})).median if values else None
    url = reverse("catalog:model", args=[model.slug])
    row = board.rows_of(values).filter(team=team.name, url=url).first()
    if median is None or row is None or row.facts[-1] != REUSE:
        return Decimal()
    weeks = Decimal(str(median - row.numerator)) / 7
    return max(Decimal(), min(weeks, Decimal(MOST_WEEKS))).quantize(Decimal("0.01"))
