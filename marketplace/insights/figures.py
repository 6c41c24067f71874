"""What the marketplace is worth, each figure from rows that really happened, over the models that the reader may see (docs/names.md)."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum
from django.utils import timezone

from catalog import counts, vocabulary
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


def story(user):
    """The figures of the start page: published models, calling teams, units with AI, calls in 30 days.

    What is counted from usage is at most KEPT_S seconds old.
    """
    counted, calls = counts.seen_by(user), _shared("calls", user, _count_calls)
    publishing = counted.by["owner_team__business_unit_id"].keys()
    return {
        "models": counted.total,
        "teams": calls.teams,
        "units": len(publishing | calls.units),
        "calls_30d": calls.number,
    }


def overview(user):
    """The insights page: supply, demand, reuse across units, the inventory's gap."""
    seen = RegisteredModel.objects.visible_to(user)
    figures = story(user)
    ai_teams = Team.objects.filter(is_ai_team=True)
    return {
        **figures,
        "published_target": PUBLISHED_TARGET,
        "publishing_teams": ai_teams.filter(
            pk__in=list(counts.seen_by(user).by["owner_team_id"])
        ).count(),
        "ai_teams": ai_teams.count(),
        **_shared("reuse", user, _reuse),
        "inventory": _inventory(seen.published()),
        "units_before": BusinessUnit.objects.filter(has_ai=True).count(),
        "units_now": figures["units"],
        "units_total": BusinessUnit.objects.count(),
    }


def _reuse(seen):
    """What the insights page counts from versions, subscriptions and days of usage."""
    cross_unit = _cross_unit(seen)
    return {
        "fresh_percent": _fresh_percent(seen.published()),
        "cross_unit_models": cross_unit.values("model").distinct().count(),
        "matrix": _matrix(cross_unit),
        "volume": _volume(seen),
    }


def _shared(name, user, count):
    """`count(models that the person may see)`, shared by all who see the same, and at most KEPT_S seconds old."""
    seen = RegisteredModel.objects.visible_to(user)
    sight = (
        "everything"
        if sees_everything(user)
        else digest(sorted(seen.not_open().order_by().values_list("pk", flat=True)))
    )
    key = f"insights:{name}:{sight}:{vocabulary.last_written()}".replace(" ", "T")
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
    """Who reuses whose: [{"publisher", "consumer", "models", "teams"}], most first. One row for a pair of units."""
    publisher, consumer = "model__owner_team__business_unit", "application__team__business_unit"
    rows = cross_unit.values(
        publisher,
        consumer,
        publisher_name=F(f"{publisher}__name"),
        consumer_name=F(f"{consumer}__name"),
    )
    counted = rows.annotate(
        models=Count("model", distinct=True), teams=Count("application__team", distinct=True)
    )
    return [
        {
            "publisher": row["publisher_name"],
            "consumer": row["consumer_name"],
            "models": row["models"],
            "teams": row["teams"],
        }
        for row in counted.order_by("-models", "publisher_name", "consumer_name")
    ]


def _inventory(published):
    """Production models per unit and how many of them are published: the mandate's gap. A hidden model counts as not published."""
    units = BusinessUnit.objects.annotate(
        known=Count("production_models"),
        listed=Count("production_models", Q(production_models__published_as__in=published)),
    ).filter(known__gt=0)
    entries = ProductionModel.objects.select_related("business_unit")
    missing = entries.filter(Q(published_as=None) | ~Q(published_as__in=published))
    return {
        "units": units,
        "known": sum(u.known for u in units),
        "listed": sum(u.listed for u in units),
        "missing": missing,
    }


def _volume(seen):
    """Answered calls a day over 90 days: {"labels", "values"}."""
    rows = _usage(seen, 90).values("day").annotate(n=Sum("ok")).order_by("day")
    return {"labels": [f"{row['day']:%d %b}" for row in rows], "values": [row["n"] for row in rows]}


def _days_ago(days):
    return timezone.now().date() - timedelta(days=days)
