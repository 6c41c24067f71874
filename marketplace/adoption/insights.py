"""What the marketplace is worth: counts that anyone may see, each from rows that really happened."""

from datetime import timedelta

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Subscription, UsageDay
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.adoption.models import ProductionModel

PUBLISHED_TARGET = 10  # H1: 10+ in the first year
FRESH_DAYS = 182  # H3: updated in the last six months


def story():
    """The figures of the start page: published models, calling teams, units with AI, calls in 30 days."""
    days = UsageDay.objects.filter(day__gt=_days_ago(30))
    return {
        "models": RegisteredModel.objects.published().count(),
        "teams": days.values("team").distinct().count(),
        "units": _units_with_ai().count(),
        "calls_30d": days.aggregate(n=Sum("calls"))["n"] or 0,
    }


def overview():
    """The insights page: supply, demand, reuse across units, the inventory's gap."""
    return {
        **story(),
        "published_target": PUBLISHED_TARGET,
        "publishing_teams": Team.objects.filter(is_ai_team=True, models__state="published").distinct().count(),
        "ai_teams": Team.objects.filter(is_ai_team=True).count(),
        "fresh_percent": _fresh_percent(),
        "cross_unit_models": _cross_unit().values("model").distinct().count(),
        "matrix": _matrix(),
        "inventory": _inventory(),
        "units_before": BusinessUnit.objects.filter(has_ai=True).count(),
        "units_now": _units_with_ai().count(),
        "units_total": BusinessUnit.objects.count(),
        "volume": _volume(),
    }


def _units_with_ai():
    """Units that publish, or that called somebody's model in production in 90 days."""
    consuming = UsageDay.objects.filter(day__gt=_days_ago(90), ok__gt=0).values("business_unit")
    publishing = Q(teams__models__state="published")
    return BusinessUnit.objects.filter(publishing | Q(pk__in=consuming)).distinct()


def _fresh_percent():
    models = RegisteredModel.objects.published().filter(versions__state="published").distinct()
    fresh = models.filter(
        versions__in=ModelVersion.objects.filter(state="published", published_at__gte=timezone.now() - timedelta(days=FRESH_DAYS))
    )
    return 100 * fresh.count() / models.count() if models.exists() else None


def _cross_unit():
    """Active subscriptions whose consumer is in another unit than the publisher."""
    active = Subscription.objects.filter(state="active")
    return active.exclude(application__team__business_unit=F("model__owner_team__business_unit"))


def _matrix():
    """Who reuses whose: [{"publisher", "consumer", "models", "teams"}], most first."""
    rows = _cross_unit().values(
        publisher=F("model__owner_team__business_unit__name"), consumer=F("application__team__business_unit__name")
    )
    counted = rows.annotate(models=Count("model", distinct=True), teams=Count("application__team", distinct=True))
    return list(counted.order_by("-models", "publisher"))


def _inventory():
    """Production models per unit and how many of them are published: the mandate's gap."""
    published = Q(production_models__published_as__state="published")
    units = BusinessUnit.objects.annotate(
        known=Count("production_models"), listed=Count("production_models", published)
    ).filter(known__gt=0)
    missing = ProductionModel.objects.exclude(published_as__state="published").select_related("business_unit")
    return {"units": units, "known": sum(u.known for u in units), "listed": sum(u.listed for u in units), "missing": missing}


def _volume():
    """Answered calls a day over 90 days: {"labels", "values"}."""
    rows = UsageDay.objects.filter(day__gt=_days_ago(90)).values("day").annotate(n=Sum("ok")).order_by("day")
    return {"labels": [f"{row['day']:%d %b}" for row in rows], "values": [row["n"] for row in rows]}


def _days_ago(days):
    return timezone.now().date() - timedelta(days=days)
