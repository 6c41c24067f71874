"""What the marketplace is worth, each figure from rows that really happened, over the models that the reader may see (docs/names.md)."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from catalog import counts
from catalog.models import ModelVersion, RegisteredModel, sees_everything
from consumption.models import Subscription, UsageDay
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.core.canonical import digest
from marketplace.insights.models import ProductionModel

PUBLISHED_TARGET = 10  # H1: 10+ in the first year
FRESH_DAYS = 182  # H3: updated in the last six months
KEPT_S = 60


@dataclass(frozen=True)
class Calls:
    """Who called what one may see: `teams` in 30 days, `units` that were answered in 90 days, how many calls in 30 days."""

    teams: int
    units: frozenset[int]
    number: int


@dataclass(frozen=True)
class Story:
    """The figures of the start page: published models, teams that call them, units with AI, calls in 30 days."""

    models: int
    teams: int
    units: int
    calls_30d: int


@dataclass(frozen=True)
class ReusePair:
    """One unit uses another one's models: how many, and how many of its teams."""

    publisher: str
    consumer: str
    models: int
    teams: int


@dataclass(frozen=True)
class DailyCalls:
    """Answered calls, a label and a number for each day."""

    labels: list[str]
    values: list[int]


@dataclass(frozen=True)
class Reuse:
    """What is counted from versions, subscriptions and days of usage.

    fresh_percent  of the published models, those that were updated in FRESH_DAYS; None without a model.
    matrix         who reuses whose, most models first.
    volume         90 days.
    """

    fresh_percent: float | None
    cross_unit_models: int
    matrix: list[ReusePair]
    volume: DailyCalls


@dataclass(frozen=True)
class Inventory:
    """Production models for each unit (annotated with `known` and `listed`), and those that are not published."""

    units: QuerySet[BusinessUnit]
    missing: QuerySet[ProductionModel]

    @property
    def known(self) -> int:
        return sum(unit.known for unit in self.units)

    @property
    def listed(self) -> int:
        return sum(unit.listed for unit in self.units)


@dataclass(frozen=True)
class Overview:
    """The insights page: supply, demand, reuse across units, the inventory's gap."""

    story: Story
    reuse: Reuse
    inventory: Inventory
    publishing_teams: int
    ai_teams: int
    units_before: int
    units_total: int
    published_target: int = PUBLISHED_TARGET


def story(user):
    """The Story of the models that a person may see. What is counted from usage is at most KEPT_S seconds old."""
    counted, calls = counts.seen_by(user), _shared("calls", user, _count_calls)
    publishing = counted.by["owner_team__business_unit_id"].keys()
    return Story(counted.total, calls.teams, len(publishing | calls.units), calls.number)


def overview(user):
    """The Overview of the models that a person may see."""
    ai_teams = Team.objects.filter(is_ai_team=True)
    publishing = list(counts.seen_by(user).by["owner_team_id"])
    return Overview(
        story=story(user),
        reuse=_shared("reuse", user, _reuse),
        inventory=_inventory(RegisteredModel.objects.visible_to(user).published()),
        publishing_teams=ai_teams.filter(pk__in=publishing).count(),
        ai_teams=ai_teams.count(),
        units_before=BusinessUnit.objects.filter(has_ai=True).count(),
        units_total=BusinessUnit.objects.count(),
    )


def _reuse(seen):
    cross_unit = _cross_unit(seen)
    return Reuse(
        _fresh_percent(seen.published()),
        cross_unit.values("model").distinct().count(),
        _matrix(cross_unit),
        _volume(seen),
    )


def _shared(name, user, count):
    """`count(models that the person may see)`, shared by all who see the same, and at most KEPT_S seconds old."""
    seen = RegisteredModel.objects.visible_to(user)
    sight = (
        "everything"
        if sees_everything(user)
        else digest(sorted(seen.not_open().order_by().values_list("pk", flat=True)))
    )
    key = f"insights:{name}:{sight}:{counts.last_written()}".replace(" ", "T")
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


def _fresh_percent(models):
    """Of the models with a published version, those with one that is at most FRESH_DAYS old; None when there are none."""
    live = ModelVersion.objects.filter(model=OuterRef("pk"), state=ModelVersion.State.PUBLISHED)
    since = timezone.now() - timedelta(days=FRESH_DAYS)
    counted = models.filter(Exists(live)).aggregate(
        all=Count("pk"), fresh=Count("pk", Exists(live.filter(published_at__gte=since)))
    )
    return 100 * counted["fresh"] / counted["all"] if counted["all"] else None


def _cross_unit(seen):
    """Active subscriptions whose consumer is in another unit than the publisher."""
    active = Subscription.objects.filter(state=Subscription.State.ACTIVE, model__in=seen)
    return active.exclude(application__team__business_unit=F("model__owner_team__business_unit"))


def _matrix(cross_unit):
    """A ReusePair for each two units, most models first."""
    publisher, consumer = "model__owner_team__business_unit", "application__team__business_unit"
    rows = cross_unit.values(
        publisher,
        consumer,
        publisher_name=F(f"{publisher}__name"),
        consumer_name=F(f"{consumer}__name"),
    ).annotate(
        models=Count("model", distinct=True), teams=Count("application__team", distinct=True)
    )
    return [
        ReusePair(row["publisher_name"], row["consumer_name"], row["models"], row["teams"])
        for row in rows.order_by("-models", "publisher_name", "consumer_name")
    ]


def _inventory(published):
    """Which production models are published: the mandate's gap. A hidden model counts as not published."""
    units = BusinessUnit.objects.annotate(
        known=Count("production_models"),
        listed=Count("production_models", Q(production_models__published_as__in=published)),
    ).filter(known__gt=0)
    entries = ProductionModel.objects.select_related("business_unit")
    return Inventory(units, entries.filter(Q(published_as=None) | ~Q(published_as__in=published)))


def _volume(seen):
    rows = _usage(seen, 90).values("day").annotate(n=Sum("ok")).order_by("day")
    return DailyCalls([f"{row['day']:%d %b}" for row in rows], [row["n"] for row in rows])


def _days_ago(days):
    return timezone.now().date() - timedelta(days=days)
