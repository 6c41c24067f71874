"""Metrics of reuse across business units, and of units that have AI."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Count, F, Min, Sum
from django.urls import reverse

from marketplace.accounts.models import BusinessUnit
from marketplace.insights.metrics.demand import ACTIVE_DAYS
from marketplace.insights.metrics.metric import (
    AtLeast,
    Fact,
    Metric,
    Row,
    Trend,
    counted_of,
    share,
)
from marketplace.insights.metrics.scope import Scope, not_before
from marketplace.insights.metrics.supply import MODEL

UNITS_TARGET = 9
MATRIX = 60  # pairs of units that are drawn


def cross_unit_rows(scope: Scope) -> list[Row]:
    """Published models, and how many teams of other units were active on them."""
    others = Counter(model for model, _ in _foreign_consumers(scope))
    found = scope.live().values_list(*MODEL).distinct().order_by("model__name")
    rows = []
    for pk, slug, name, team in found:
        place, url = scope.places[team], reverse("catalog:model", args=[slug])
        rows.append(Row(name, place.team, place.unit, int(others[pk] > 0), 1, url, (others[pk],)))
    return rows


def _foreign_consumers(scope: Scope) -> set[tuple[int, int]]:
    """(model id, team id) of teams that called a model of another unit on ACTIVE_DAYS days, in the unit that they belonged to then."""
    foreign = scope.calls().exclude(business_unit=F("version__model__owner_team__business_unit"))
    pairs = foreign.order_by().values_list("version__model_id", "team_id")
    counted = pairs.annotate(days=Count("day", distinct=True)).filter(days__gte=ACTIVE_DAYS)
    return {(model, team) for model, team, _ in counted}


def cross_unit_call_rows(scope: Scope) -> list[Row]:
    """One for each two units: calls of the consumer's to models of the publisher's."""
    publisher = "version__model__owner_team__business_unit__name"
    pairs = scope.calls().order_by().values_list(publisher, "business_unit__name")
    counted = pairs.annotate(
        calls=Sum("ok"),
        models=Count("version__model", distinct=True),
        teams=Count("team", distinct=True),
    )
    rows = []
    for of, by, calls, models, teams in counted.order_by(publisher, "business_unit__name"):
        crosses = int(calls) if of != by else 0
        label = f"{by} calls {of}" if of != by else f"Within {of}"
        rows.append(Row(label, "", by, crosses, int(calls), "", (of, by, models, teams)))
    return rows


def pairs(rows: Sequence[Row]) -> dict[str, Any]:
    """`pairs`: [calls, publisher, consumer, models, teams] of two units each, most calls first."""
    crossing = sorted((row for row in rows if row.numerator), key=lambda row: -row.numerator)
    return {"pairs": [[row.numerator, *row.facts] for row in crossing[:MATRIX]]}


def unit_rows(scope: Scope) -> list[Row]:
    """The units that are not archived: whether they publish or consume, and the first production use of another's model, ever."""
    published = _published_by_unit(scope)
    consumed = dict(
        scope.calls().order_by().values_list("business_unit_id").annotate(calls=Sum("ok"))
    )
    rows = []
    for unit in BusinessUnit.objects.filter(not_before(scope.until, "archived_at")).order_by(
        "name"
    ):
        publishes, calls = len(published[unit.name]), int(consumed.get(unit.pk, 0))
        before = "yes" if unit.has_ai else "no"
        facts: tuple[Fact, ...] = (publishes, calls, before)
        has_ai = int(publishes > 0 or calls > 0)
        rows.append(Row(unit.name, "", unit.name, has_ai, 1, "", facts))
    return rows


def _published_by_unit(scope: Scope) -> dict[str, set[int]]:
    """{unit: ids of its published models}, by the unit of the owner team at the end."""
    units: dict[str, set[int]] = defaultdict(set)
    for team, model in scope.live().values_list("model__owner_team_id", "model_id").distinct():
        units[scope.places[team].unit].add(model)
    return units


def first_uses(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    """`before`: units that had AI before the marketplace; `joined`: [unit, day, model] of others' first production use or publication."""
    before = [row.label for row in rows if row.facts[-1] == "yes"]
    first = _first_calls(scope)
    for unit, (day, model) in _first_publications(scope).items():
        if unit not in first or day < first[unit][0]:
            first[unit] = (day, model)
    joined = sorted(
        [f"{day:%Y-%m-%d}", unit, model]
        for unit, (day, model) in first.items()
        if unit not in before
    )
    return {"before": before, "joined": joined}


def _first_calls(scope: Scope) -> dict[str, tuple[date, str]]:
    """{unit: (the day of its first production call of another team's model, that model)}."""
    by_unit = (
        scope.calls_so_far().order_by().values_list("business_unit__name", "version__model__name")
    )
    found: dict[str, tuple[date, str]] = {}
    for unit, model, day in by_unit.annotate(first=Min("day")).order_by("first"):
        found.setdefault(unit, (day, model))
    return found


def _first_publications(scope: Scope) -> dict[str, tuple[date, str]]:
    """{unit: (the day of its first publication, that model)}."""
    versions = scope.versions().filter(published_at__lte=scope.until).order_by("published_at")
    found: dict[str, tuple[date, str]] = {}
    for team, model, at in versions.values_list(
        "model__owner_team_id", "model__name", "published_at"
    ):
        if at:
            found.setdefault(scope.places[team].unit, (at.date(), model))
    return found


CROSS_UNIT_MODELS = Metric(
    name="cross-unit-models",
    title="Models used outside their unit",
    definition="Published models that a team of another business unit than the owner's called in production on at least three distinct days of the quarter.",
    definition_version="1.0",
    numerator="Such models",
    denominator="Published models",
    unit="count",
    target="rising",
    columns=("Teams of other units",),
    rows=cross_unit_rows,
    summary=counted_of,
    judge=Trend(still_grows=True),
)
CROSS_UNIT_CALLS = Metric(
    name="cross-unit-calls",
    title="Calls across units",
    definition="Answered production calls to models of another business unit, of all answered production calls to models of other teams. A team's unit is that of the time of the call.",
    definition_version="1.0",
    numerator="Calls to models of another unit",
    denominator="Calls to models of other teams",
    unit="percent",
    target="rising",
    columns=("Publisher", "Consumer", "Models", "Teams"),
    rows=cross_unit_call_rows,
    summary=share,
    judge=Trend(unit="percent"),
    drawn=pairs,
)
UNITS_WITH_AI = Metric(
    name="units-with-ai",
    title="Units with AI",
    definition="Business units with a published model at the end of the quarter, or with an answered production call to another team's model in it. Units that were archived by then do not count.",
    definition_version="1.1",
    numerator="Units that publish or consume",
    denominator="Business units",
    unit="count",
    target=f"{UNITS_TARGET} units",
    columns=("Published models", "Answered calls", "AI before the marketplace"),
    rows=unit_rows,
    summary=counted_of,
    judge=AtLeast(UNITS_TARGET, "unit,units", still_grows=True),
    details=first_uses,
)
