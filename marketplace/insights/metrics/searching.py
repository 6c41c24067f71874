"""Metrics of search and of search before build."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q
from django.urls import reverse

from catalog.models import SearchLog, SearchRecord
from marketplace.insights.metrics.metric import (
    Above,
    AtLeastShare,
    Below,
    Metric,
    Row,
    share,
)
from marketplace.insights.metrics.scope import COMPANY, Scope

NO_TEAM = "People without a team"


def click_rows(scope: Scope) -> list[Row]:
    """One for each team: its searches, and those of which a result was opened."""
    return _search_rows(scope, Q(was_clicked=True))


def zero_rows(scope: Scope) -> list[Row]:
    """One for each team: its searches, and those that found nothing."""
    return _search_rows(scope, Q(results=0))


def _search_rows(scope: Scope, counted: Q) -> list[Row]:
    logged = SearchLog.objects.filter(day__gte=scope.quarter.start, day__lte=scope.last_day)
    by_team = logged.order_by().values_list("team_id")
    rows = []
    for team, above, below in by_team.annotate(above=Count("pk", counted), below=Count("pk")):
        place = scope.places[team] if team else None
        label, unit = (place.team, place.unit) if place else (NO_TEAM, "")
        rows.append(Row(label, label, unit, above, below))
    return sorted(rows, key=lambda row: row.label)


def record_rows(scope: Scope) -> list[Row]:
    """Models whose first version was submitted in the quarter; 1 with a record that was decided before."""
    first = scope.versions().filter(submitted_at__lt=scope.until)
    models = first.values_list(
        "model__slug",
        "model__name",
        "model__owner_team_id",
        "model__search_record_id",
        "model__search_record__decided_at",
    ).annotate(at=Min("submitted_at"))
    found = models.filter(at__gte=scope.quarter.begins_at).order_by("at", "model__slug")
    return [_record_row(scope, *row) for row in found]


def _record_row(
    scope: Scope,
    slug: str,
    name: str,
    team: int,
    record: int | None,
    decided: datetime | None,
    submitted: datetime,
) -> Row:
    place = scope.places[team]
    has_one = decided is not None and decided <= submitted
    facts = (f"{submitted:%Y-%m-%d}", f"SBR-{record}" if record else "none")
    url = reverse("catalog:model", args=[slug])
    return Row(name, place.team, place.unit, int(has_one), 1, url, facts)


def missing_records(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    """The teams whose new models have no record."""
    return {"missing": sorted({row.team for row in rows if not row.numerator})}


def records_decided(scope: Scope) -> "list[SearchRecord]":
    """Records that were decided before the end of the scope and still hold, with what they chose or what was built."""
    decided = SearchRecord.objects.filter(
        state=SearchRecord.State.DECIDED, decided_at__lt=scope.until
    )
    if scope.sight != COMPANY:
        seen = scope.models()
        decided = decided.filter(Q(chosen=None) | Q(chosen__in=seen))
    return list(decided.select_related("chosen").order_by("pk"))


SEARCH_SUCCESS = Metric(
    name="search-success",
    title="Searches that led to a model",
    definition="Searches on the catalog's page of which a result was opened, of all searches with words. The same words of one team on one day are one search.",
    definition_version="1.0",
    numerator="Searches of which a result was opened",
    denominator="Searches",
    unit="percent",
    target="over 60 %",
    columns=(),
    rows=click_rows,
    summary=share,
    judge=Above(60),
)
ZERO_RESULTS = Metric(
    name="zero-results",
    title="Searches that found nothing",
    definition="Searches on the catalog's page that found no model, of all searches with words. The same words of one team on one day are one search.",
    definition_version="1.0",
    numerator="Searches without a result",
    denominator="Searches",
    unit="percent",
    target="under 10 %",
    columns=(),
    rows=zero_rows,
    summary=share,
    judge=Below(10, "point,points"),
)
SEARCH_BEFORE_BUILD = Metric(
    name="search-before-build",
    title="New models with a search record",
    definition="Models whose first version was submitted in the quarter and that name a search record which was decided before, of all models whose first version was submitted in the quarter.",
    definition_version="1.0",
    numerator="Such models with a record",
    denominator="Models submitted for the first time",
    unit="percent",
    target="100 %",
    columns=("First submitted", "Record"),
    rows=record_rows,
    summary=share,
    judge=AtLeastShare(100, "model,models"),
    details=missing_records,
)
