"""What depends on a business unit, so that it cannot be archived yet (docs/people.md, "Business units")."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.metering.quota import period_start
from consumption.models import Budget
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.core.templatetags.formatting import quantity
from marketplace.organisation.models import UnitMove

SHOWN = 3  # that a sentence names


@dataclass(frozen=True)
class Dependent:
    """Things of one kind: `what` with their number ("2 teams"), and the names of the first SHOWN."""

    what: str
    names: tuple[str, ...]
    count: int

    @property
    def sentence(self) -> str:
        more = self.count - len(self.names)
        return f"{self.what} ({', '.join(self.names)}{f' and {more} more' if more else ''})"


def of_unit(unit: BusinessUnit) -> list[Dependent]:
    """What would be left without the unit; nothing of the past. A query for each kind, one more for those that are there."""
    return [
        Dependent(quantity(count, what), tuple(str(row) for row in rows[:SHOWN]), count)
        for what, rows in _kinds(unit)
        if (count := rows.count())
    ]


def _kinds(unit: BusinessUnit) -> Iterator[tuple[str, QuerySet[Any]]]:
    month = period_start(timezone.now())
    going_on = Q(until_month=None) | Q(until_month__gt=month)
    moves = UnitMove.objects.scheduled().filter(to_unit=unit)
    yield "team,teams", Team.objects.filter(business_unit=unit)
    yield "planned move of a team,planned moves of teams", moves.select_related("team", "to_unit")
    yield "budget,budgets", Budget.objects.filter(going_on, unit=unit).for_list()
    shown = RegisteredModel.objects.filter(visible_units=unit).exclude(state="archived")
    yield "model that chosen units see,models that chosen units see", shown
