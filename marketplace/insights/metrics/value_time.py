"""Time to value: from the beginning of a project to production, where a model was reused and where one was built."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Min
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel, ReuseDecision, SearchRecord
from marketplace.insights.metrics.durations import median
from marketplace.insights.metrics.integration import DOTS
from marketplace.insights.metrics.metric import Figure, Metric, NoTarget, Row
from marketplace.insights.metrics.scope import Scope
from marketplace.insights.metrics.searching import records_decided

COHORT = 5  # fewer projects are no cohort
QUARTERS = 4  # projects in production in the year that ends with the quarter
REUSE, BUILD = "reuse", "build"


@dataclass(frozen=True)
class Project:
    """A search record whose project is in production: from when to when, with which model."""

    record: SearchRecord
    model: RegisteredModel
    cohort: str
    done: date

    @property
    def days(self) -> int:
        return max(0, (self.done - self.record.opened_at.date()).days)


def projects(scope: Scope) -> list[Project]:
    """Those that reached production in the year up to the end of the scope."""
    records = records_decided(scope)
    since = scope.quarter
    for _ in range(QUARTERS - 1):
        since = since.previous
    found = [*_reused(scope, records), *_built(scope, records)]
    return [one for one in found if since.start <= one.done <= scope.last_day]


def _reused(scope: Scope, records: Sequence[SearchRecord]) -> list[Project]:
    """Production is the first answered production call of the record's team to the chosen model since the project began."""
    chosen = [one for one in records if one.decision == ReuseDecision.REUSE and one.chosen]
    days = scope.calls_so_far().filter(version__model__in=[one.chosen_id for one in chosen])
    called: dict[tuple[int, int | None], list[date]] = defaultdict(list)
    for team, model, day in days.order_by("day").values_list("team_id", "version__model_id", "day"):
        called[team, model].append(day)
    found = []
    for one in chosen:
        began = one.opened_at.date()
        first = next((day for day in called[one.team_id, one.chosen_id] if day >= began), None)
        if first and one.chosen:
            found.append(Project(one, one.chosen, REUSE, first))
    return found


def _built(scope: Scope, records: Sequence[SearchRecord]) -> list[Project]:
    """Production is the first publication of the model that names the record."""
    built = {one.pk: one for one in records if one.decision == ReuseDecision.BUILD}
    models = list(scope.models().filter(search_record__in=built))
    versions = ModelVersion.objects.filter(model__in=models, published_at__lt=scope.until)
    first = dict(versions.order_by().values_list("model_id").annotate(Min("published_at")))
    return [
        Project(built[one.search_record_id], one, BUILD, first[one.pk].date())
        for one in models
        if one.pk in first and one.search_record_id
    ]


def rows(scope: Scope) -> list[Row]:
    return [_row(scope, one) for one in projects(scope)]


def _row(scope: Scope, one: Project) -> Row:
    place = scope.places[one.record.team_id]
    facts = (f"{one.record.opened_at:%Y-%m-%d}", f"{one.done:%Y-%m-%d}", one.days, one.cohort)
    url = reverse("catalog:model", args=[one.model.slug])
    return Row(one.model.name, place.team, place.unit, one.days, 1, url, facts)


def summary(rows: Sequence[Row]) -> Figure:
    """The median of projects that reuse; that of the others beside it. No claim where a cohort has fewer than COHORT."""
    days = {cohort: _days(rows, cohort) for cohort in (REUSE, BUILD)}
    details: dict[str, Any] = {
        cohort: {"n": len(found), "median": median(found) if len(found) >= COHORT else None}
        for cohort, found in days.items()
    }
    value = details[REUSE]["median"]
    reason = "" if value is not None else f"fewer than {COHORT} projects that reuse"
    total = sum(row.numerator for row in rows)
    return Figure(total, len(rows), value, reason, details)


def drawn(rows: Sequence[Row]) -> dict[str, Any]:
    """`built`: [days, team, model] of projects that built."""
    built = [row for row in rows if row.facts[-1] == BUILD]
    return {"built": [[row.numerator, row.team, row.label] for row in built[:DOTS]]}


def _days(rows: Sequence[Row], cohort: str) -> list[int]:
    return [row.numerator for row in rows if row.facts[-1] == cohort]


TIME_TO_VALUE = Metric(
    name="time-to-value",
    title="Time to value of reuse, median",
    definition="Days from the opening of a search record to production: of projects that reuse, the team's first answered production call to the chosen model; of projects that build, the first publication of the model that names the record. Projects in production in the four quarters that end with this one; no claim where fewer than five.",
    definition_version="1.0",
    numerator="Days of the projects in production",
    denominator="Projects in production",
    unit="days",
    target="",
    columns=("Project began", "In production", "Days", "Cohort"),
    rows=rows,
    summary=summary,
    judge=NoTarget("days"),
    drawn=drawn,
)
