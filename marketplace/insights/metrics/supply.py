"""Metrics of what is on offer: published models, teams that publish, and how fresh models are."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Max, Min
from django.urls import reverse

from catalog.models import ModelVersion
from marketplace.accounts.models import Team
from marketplace.audit.models import AuditEvent
from marketplace.insights.metrics.metric import (
    AtLeast,
    AtLeastShare,
    Metric,
    Row,
    count,
    share,
)
from marketplace.insights.metrics.scope import Scope, not_deprecated

FRESH = timedelta(days=182)
MODEL = ("model_id", "model__slug", "model__name", "model__owner_team_id")


def published_rows(scope: Scope) -> list[Row]:
    found = scope.live().values_list(*MODEL).annotate(first=Min("published_at"))
    return [
        _row(scope, model, 1, 1, (f"{first:%Y-%m-%d}",))
        for *model, first in found.order_by("model__name")
    ]


def publisher_rows(scope: Scope) -> list[Row]:
    published = Counter(scope.live().values_list("model__owner_team_id", "model_id").distinct())
    models = Counter(team for team, _ in published)
    teams = Team.objects.filter(is_ai_team=True).order_by("name").values_list("pk", "name")
    return [
        Row(name, name, scope.places[pk].unit, int(models[pk] > 0), 1, "", (models[pk],))
        for pk, name in teams
    ]


def freshness_rows(scope: Scope) -> list[Row]:
    """Models with a published version that is not deprecated; `reviewed`: attested again lately, or approved."""
    live = scope.live().filter(not_deprecated(scope))
    newest = live.values_list(*MODEL).annotate(newest=Max("published_at")).order_by("model__name")
    reviewed = _reviewed(scope)
    since = scope.until - FRESH
    rows = []
    for *model, at in newest:
        is_reviewed = "yes" if model[0] in reviewed else "no"
        rows.append(_row(scope, model, int(at >= since), 1, (f"{at:%Y-%m-%d}", is_reviewed)))
    return rows


def _reviewed(scope: Scope) -> set[int]:
    """Ids of models of which a live version was attested again in FRESH, without a new version."""
    renewals = AuditEvent.objects.filter(
        action="version.renew",
        object_type="catalog.modelversion",
        at__gte=scope.until - FRESH,
        at__lte=scope.until,
    )
    versions = [int(pk) for pk in renewals.values_list("object_id", flat=True)]
    return set(scope.live().filter(pk__in=versions).values_list("model_id", flat=True))


def reviewed_apart(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    """How many were reviewed again; they are not counted as fresh for that."""
    return {"reviewed": sum(row.facts[-1] == "yes" for row in rows)}


def _row(
    scope: Scope, model: list[Any], above: int, below: int, facts: tuple[str | int, ...]
) -> Row:
    """A Row about one of MODEL."""
    _, slug, name, team = model
    place = scope.places[team]
    url = reverse("catalog:model", args=[slug])
    return Row(name, place.team, place.unit, above, below, url, facts)


def high_tier_rows(scope: Scope) -> list[Row]:
    """Live versions of high risk, and whether the approval still held."""
    versions = scope.live().filter(risk_tier="high").select_related("model").order_by("pk")
    return [_reviewed_row(scope, version) for version in versions]


def _reviewed_row(scope: Scope, version: ModelVersion) -> Row:
    until = version.approved_until
    place = scope.places[version.model.owner_team_id]
    holds = until is None or until > scope.until
    facts = (f"{until:%Y-%m-%d}" if until else "no end",)
    return Row(
        str(version), place.team, place.unit, int(holds), 1, version.get_absolute_url(), facts
    )


PUBLISHED_MODELS = Metric(
    name="published-models",
    title="Published models",
    definition="Models with at least one version that was published or deprecated for a day or longer, and not retired, at the end of the quarter.",
    definition_version="1.0",
    numerator="Models with such a version",
    denominator="",
    unit="count",
    target="10 in the first year",
    columns=("First published",),
    rows=published_rows,
    summary=count,
    judge=AtLeast(10, "model,models", months=12),
)
PUBLISHER_ADOPTION = Metric(
    name="publisher-adoption",
    title="AI teams that publish",
    definition="Teams that build models and have at least one published model, of all teams that build models, at the end of the quarter.",
    definition_version="1.0",
    numerator="AI teams with a published model",
    denominator="AI teams",
    unit="percent",
    target="50 % by month 24",
    columns=("Published models",),
    rows=publisher_rows,
    summary=share,
    judge=AtLeastShare(50, "team,teams", months=24),
)
FRESHNESS = Metric(
    name="freshness",
    title="Updated in the last six months",
    definition="Published models that are not deprecated and whose newest published version is at most 182 days old. A review without a new version is counted apart, as reviewed.",
    definition_version="1.0",
    numerator="Models with a version of at most 182 days",
    denominator="Published models that are not deprecated",
    unit="percent",
    target="80 %",
    columns=("Newest version", "Reviewed again"),
    rows=freshness_rows,
    summary=share,
    judge=AtLeastShare(80, "model,models"),
    details=reviewed_apart,
)
HIGH_TIER_REVIEWED = Metric(
    name="high-tier-reviewed",
    title="High-risk versions with a current review",
    definition="Live versions of risk tier high whose approval had not ended at the end of the quarter.",
    definition_version="1.0",
    numerator="Such versions with an approval in force",
    denominator="Live versions of risk tier high",
    unit="percent",
    target="100 %",
    columns=("Approved until",),
    rows=high_tier_rows,
    summary=share,
    judge=AtLeastShare(100, "version,versions"),
)
