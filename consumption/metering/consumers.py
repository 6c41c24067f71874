"""Who calls a model: teams by name where the reader may know, by business unit and number where not (docs/model-page.md, "Who uses it")."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from django.db.models import QuerySet, Sum
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import UsageDay
from consumption.permissions import can_see_model_usage
from marketplace.accounts.models import User

DAYS = 30
SHOWN = 5


@dataclass(frozen=True)
class Consumer:
    """A team, or the teams of a unit that are not named: which versions they call, and how often."""

    name: str
    whose: str
    versions: str
    calls: int


@dataclass(frozen=True)
class Consumers:
    """Who called a model in DAYS, busiest first. `daily`: calls of each complete day of them, oldest first.

    teams, units  all of them; outside counts the teams that are not the owner.
    more          how many of them are not among `shown`.
    """

    calls: int
    daily: list[int]
    teams: int
    units: int
    outside: int
    shown: list[Consumer]
    more: int


class _Called(NamedTuple):
    """How often one team, then of one unit, called one version."""

    team_id: int
    team: str
    unit_id: int
    unit: str
    version: str
    calls: int


def consumers(user: User, model: RegisteredModel) -> Consumers:
    """The Consumers of a model as a person may know them: own teams, and for its owner and those who oversee all, by name."""
    since = timezone.now().date() - timedelta(days=DAYS - 1)
    days = UsageDay.objects.filter(version__model=model, day__gte=since).order_by()
    columns = (
        "team_id",
        "team__name",
        "business_unit_id",
        "business_unit__name",
        "version__number",
    )
    rows = [_Called(*row) for row in days.values_list(*columns).annotate(Sum("calls"))]
    shows_all = bool(rows) and can_see_model_usage(user, model)
    own = user.team_ids() if rows and not shows_all else set()
    found = [
        *_named([row for row in rows if shows_all or row.team_id in own]),
        *_unnamed([row for row in rows if not shows_all and row.team_id not in own]),
    ]
    found.sort(key=lambda one: (-one.calls, one.name))
    return Consumers(
        calls=sum(row.calls for row in rows),
        daily=_daily(days, since) if rows else [],
        teams=len({row.team_id for row in rows}),
        units=len({row.unit_id for row in rows}),
        outside=len({row.team_id for row in rows} - {model.owner_team_id}),
        shown=found[:SHOWN],
        more=max(0, len(found) - SHOWN),
    )


def _daily(days: QuerySet[UsageDay], since: date) -> list[int]:
    """Calls of each complete day: today is left out, because it has not ended."""
    by_day: dict[date, int] = dict(days.values_list("day").annotate(Sum("calls")))
    return [by_day.get(since + timedelta(days=place), 0) for place in range(DAYS - 1)]


def _named(rows: list[_Called]) -> Iterator[Consumer]:
    """A Consumer for each team, in the unit that paid."""
    by_team: dict[tuple[int, int], list[_Called]] = defaultdict(list)
    for row in rows:
        by_team[row.team_id, row.unit_id].append(row)
    for calls in by_team.values():
        yield _consumer(calls[0].team, calls)


def _unnamed(rows: list[_Called]) -> Iterator[Consumer]:
    """A Consumer for each unit: how many of its teams call."""
    by_unit: dict[int, list[_Called]] = defaultdict(list)
    for row in rows:
        by_unit[row.unit_id].append(row)
    for calls in by_unit.values():
        teams = len({row.team_id for row in calls})
        yield _consumer("One team" if teams == 1 else f"{teams} teams", calls)


def _consumer(name: str, calls: list[_Called]) -> Consumer:
    versions = ", ".join(sorted({row.version for row in calls}, reverse=True))
    return Consumer(name, calls[0].unit, versions, sum(row.calls for row in calls))
