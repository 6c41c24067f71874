"""The figures of the start page and of the inventory, from rows that really happened, over the models that the reader may see (docs/names.md)."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Max, Q, Sum
from django.utils import timezone

from catalog import counts
from catalog.models import RegisteredModel, sees_everything
from consumption.models import UsageDay
from marketplace.accounts.models import BusinessUnit
from marketplace.core.canonical import digest
from marketplace.insights.models import ProductionState

KEPT_S = 60


@dataclass(frozen=True)
class Calls:
    """Who called what one may see: `teams` in 30 days, `units` that were answered in 90 days, how many calls in 30 days."""

    teams: int
    units: frozenset[int]
    number: int


@dataclass(frozen=True)
class Story:
    """The figures of the start page: the published models, teams that call them, units with AI, calls in 30 days."""

    counts: counts.Counts
    teams: int
    units: int
    calls_30d: int

    @property
    def models(self):
        return self.counts.total


@dataclass(frozen=True)
class Inventory:
    """Production models for each unit, annotated with `known` and `listed` (published)."""

    units: list[BusinessUnit]

    @property
    def known(self):
        return sum(unit.known for unit in self.units)

    @property
    def listed(self):
        return sum(unit.listed for unit in self.units)


def story(user):
    """The Story of the models that a person may see. What is counted from usage is at most KEPT_S seconds old."""
    counted = counts.seen_by(user)
    calls = _shared("calls", user, counted.written_at, _count_calls)
    publishing = counted.by["owner_team__business_unit_id"].keys()
    return Story(counted, calls.teams, len(publishing | calls.units), calls.number)


def _shared(name, user, written_at, count):
    """`count(models that the person may see)`, shared by all who see the same until a listing is written, and at most KEPT_S seconds old."""
    seen = RegisteredModel.objects.visible_to(user)
    sight = (
        "everything"
        if sees_everything(user)
        else digest(sorted(seen.not_open().order_by().values_list("pk", flat=True)))
    )
    key = f"insights:{name}:{sight}:{written_at}".replace(" ", "T")
    return cache.get_or_set(key, lambda: count(seen), KEPT_S)


def _count_calls(seen):
    recent = Q(day__gt=_days_ago(30))
    rows = _usage(seen, 90).values("team_id", "business_unit_id")
    rows = list(
        rows.annotate(
            last=Max("day"), answered=Sum("ok"), recent=Sum("calls", filter=recent, default=0)
        )
    )
    teams = {row["team_id"] for row in rows if row["last"] > _days_ago(30)}
    units = frozenset(row["business_unit_id"] for row in rows if row["answered"])
    return Calls(len(teams), units, sum(row["recent"] for row in rows))


def _usage(seen, days):
    """Days of the last so many on which a model that the person may see was called."""
    return UsageDay.objects.filter(day__gt=_days_ago(days), version__model__in=seen)


def inventory(user):
    """Which production models are published: the mandate's gap. A model that the person may not see counts as not published."""
    published = RegisteredModel.objects.visible_to(user).published()
    runs = Q(production_models__state=ProductionState.RUNNING)
    units = BusinessUnit.objects.annotate(
        known=Count("production_models", runs),
        listed=Count("production_models", runs & Q(production_models__published_as__in=published)),
    ).filter(known__gt=0)
    return Inventory(list(units))


def _days_ago(days):
    return timezone.now().date() - timedelta(days=days)
