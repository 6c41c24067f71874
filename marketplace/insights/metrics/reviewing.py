"""Metrics of reviews: how long a round takes, how many decisions come in time, how much is reviewed again."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Count, Max, Min, Q

from governance.models import Decision, Review
from marketplace.insights.metrics.durations import median, percentile
from marketplace.insights.metrics.metric import (
    BASE,
    NOTHING,
    TOO_FEW,
    Figure,
    Metric,
    NoTarget,
    Row,
    Trend,
    share,
)
from marketplace.insights.metrics.scope import COMPANY, Scope

COLUMNS = ("Round", "Tier", "Opened", "Decided", "Days")


def rounds(scope: Scope) -> list[tuple[Any, ...]]:
    """(version, tier, owner team, round, opened, decided) of rounds whose last decision was made in the quarter."""
    reviews = Review.objects.order_by()
    if scope.sight != COMPANY:
        reviews = reviews.filter(version__in=scope.versions())
    by_round = reviews.values_list(
        "version__model__name",
        "version__number",
        "version__risk_tier",
        "version__model__owner_team_id",
        "version_id",
        "round",
    ).annotate(
        opened=Min("opened_at"),
        decided=Max("decision__at"),
        waiting=Count("pk", Q(state=Review.State.OPEN)),
    )
    ended = by_round.filter(
        decided__gte=scope.quarter.begins_at, decided__lt=scope.until, waiting=0
    )
    return list(ended.order_by("decided", "version_id", "round"))


def cycle_rows(scope: Scope) -> list[Row]:
    """Days of each round."""
    return [_round_row(scope, *one[:-1]) for one in rounds(scope)]


def rework_rows(scope: Scope) -> list[Row]:
    """1 for each round that was not the first of its version."""
    return [
        Row(row.label, row.team, row.unit, int(int(row.facts[0] or 1) > 1), 1, row.url, row.facts)
        for row in cycle_rows(scope)
    ]


def _round_row(
    scope: Scope,
    name: str,
    number: str,
    tier: str,
    team: int,
    version: int,
    round_: int,
    opened: Any,
    decided: Any,
) -> Row:
    place, begun, ended = scope.places[team], opened.date(), decided.date()
    days = (ended - begun).days
    facts = (round_, tier, _iso(begun), _iso(ended), days)
    return Row(f"{name} {number}", place.team, place.unit, days, 1, "", facts)


def _iso(day: date) -> str:
    return f"{day:%Y-%m-%d}"


def cycle_summary(rows: Sequence[Row]) -> Figure:
    """The median; median and 90th percentile by tier."""
    days = [row.numerator for row in rows]
    by_tier: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_tier[str(row.facts[1])].append(row.numerator)
    details = {
        "tiers": [
            [tier, len(found), median(found), percentile(found, 0.9)]
            for tier, found in sorted(by_tier.items())
            if len(found) >= BASE
        ]
    }
    reason = "" if len(days) >= BASE else TOO_FEW if days else NOTHING
    value = None if reason else median(days)
    return Figure(sum(days), len(days), value, reason, details)


def decision_rows(scope: Scope) -> list[Row]:
    """1 for each decision of the quarter that was made before its review was due."""
    decisions = Decision.objects.filter(at__gte=scope.quarter.begins_at, at__lt=scope.until)
    if scope.sight != COMPANY:
        decisions = decisions.filter(review__version__in=scope.versions())
    found = decisions.select_related("review__version__model").order_by("at", "pk")
    rows = []
    for one in found.iterator():
        review = one.review
        place = scope.places[review.version.model.owner_team_id]
        facts = (_iso(review.due_at.date()), _iso(one.at.date()))
        in_time = int(one.at <= review.due_at)
        rows.append(Row(str(review), place.team, place.unit, in_time, 1, "", facts))
    return rows


REVIEW_CYCLE = Metric(
    name="review-cycle",
    title="Review cycle, median",
    definition="Days from the opening of a review round to its last decision, of rounds that ended in the quarter; beside it median and 90th percentile by risk tier.",
    definition_version="1.0",
    numerator="Days of the rounds that ended",
    denominator="Rounds that ended",
    unit="days",
    target="",
    columns=COLUMNS,
    rows=cycle_rows,
    summary=cycle_summary,
    judge=NoTarget("days"),
)
REVIEWS_IN_TIME = Metric(
    name="reviews-in-time",
    title="Reviews decided in time",
    definition="Decisions of the quarter that were made before their review was due, of all decisions of the quarter.",
    definition_version="1.0",
    numerator="Decisions in time",
    denominator="Decisions",
    unit="percent",
    target="rising",
    columns=("Due", "Decided"),
    rows=decision_rows,
    summary=share,
    judge=Trend(unit="percent"),
)
REWORK = Metric(
    name="rework",
    title="Review rounds that were repeated",
    definition="Review rounds after the first of their version, of all rounds that ended in the quarter.",
    definition_version="1.0",
    numerator="Second and later rounds",
    denominator="Rounds that ended",
    unit="percent",
    target="",
    columns=COLUMNS,
    rows=rework_rows,
    summary=share,
    judge=NoTarget("percent"),
)
