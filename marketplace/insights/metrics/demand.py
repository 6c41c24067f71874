"""Metrics of use: teams that consume, their growth, and how much they call."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count, Min, Sum
from django.db.models.functions import TruncWeek
from django.urls import reverse

from consumption.models import BatchEvaluation
from marketplace.insights.metrics.metric import AtLeastShare, Metric, Row, Trend, count, share
from marketplace.insights.metrics.scope import Scope

ACTIVE_DAYS = 3  # distinct days in the quarter


def active_teams(scope: Scope) -> dict[int, tuple[int, int]]:
    """{team id: (days with calls, answered calls)} of the teams that are active consumers."""
    found = scope.calls().order_by().values_list("team_id")
    counted = found.annotate(days=Count("day", distinct=True), calls=Sum("ok"))
    active: Iterable[tuple[int, int, int]] = counted.filter(days__gte=ACTIVE_DAYS)
    return {team: (days, int(calls)) for team, days, calls in active}


def consumer_rows(scope: Scope) -> list[Row]:
    rows = []
    for pk, (days, calls) in active_teams(scope).items():
        place = scope.places[pk]
        rows.append(Row(place.team, place.team, place.unit, 1, 1, "", (days, calls)))
    return sorted(rows, key=lambda row: row.label)


def growth_rows(scope: Scope) -> list[Row]:
    """Teams that are or were active: one more or one fewer above, one below for each that was."""
    now, then = active_teams(scope), active_teams(scope.before)
    rows = []
    for pk in now.keys() | then.keys():
        place, is_now, was = scope.places[pk], int(pk in now), int(pk in then)
        change = "came" if is_now > was else "left" if was > is_now else "stayed"
        rows.append(Row(place.team, place.team, place.unit, is_now - was, was, "", (change,)))
    return sorted(rows, key=lambda row: row.label)


def volume_rows(scope: Scope) -> list[Row]:
    """One for each team and model, most calls first."""
    pairs = scope.calls().order_by().values_list("team_id", "version__model__slug")
    counted = pairs.annotate(
        name=Min("version__model__name"), calls=Sum("ok"), days=Count("day", distinct=True)
    )
    rows = []
    for team, slug, name, calls, days in counted.order_by("-calls", "team_id", "name"):
        place, url = scope.places[team], reverse("catalog:model", args=[slug])
        rows.append(Row(name, place.team, place.unit, int(calls), 0, url, (int(days),)))
    return rows


def volume_details(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    """`weeks`: [Monday, calls]; `batch_rows`: what batch evaluations of the whole company answered, never in the sum of calls."""
    by_week = scope.calls().order_by().annotate(week=TruncWeek("day")).values_list("week")
    weeks = [
        [f"{week:%Y-%m-%d}", int(calls)]
        for week, calls in by_week.annotate(calls=Sum("ok")).order_by("week")
    ]
    done = BatchEvaluation.objects.filter(
        finished_at__gte=scope.quarter.begins_at, finished_at__lt=scope.until
    )
    return {"weeks": weeks, "batch_rows": int(done.aggregate(n=Sum("answers_done"))["n"] or 0)}


ACTIVE_CONSUMERS = Metric(
    name="active-consumers",
    title="Active consumer teams",
    definition="Teams with an answered production call on at least three distinct days of the quarter, calls to their own models left out.",
    definition_version="1.0",
    numerator="Such teams",
    denominator="",
    unit="count",
    target="growing",
    columns=("Days with calls", "Answered calls"),
    rows=consumer_rows,
    summary=count,
    judge=Trend(still_grows=True),
)
CONSUMER_GROWTH = Metric(
    name="consumer-growth",
    title="Growth of active consumer teams",
    definition="Active consumer teams of the quarter less those of the quarter before, divided by those of the quarter before. Not given where fewer than three teams were active before. A running quarter is compared with the whole one before.",
    definition_version="1.0",
    numerator="Active consumer teams, less those of the quarter before",
    denominator="Active consumer teams of the quarter before",
    unit="percent",
    target="+50 % on the quarter before",
    columns=("Change",),
    rows=growth_rows,
    summary=share,
    judge=AtLeastShare(50, "team,teams", still_grows=True),
)
CONSUMPTION_VOLUME = Metric(
    name="consumption-volume",
    title="Answered production calls",
    definition="Answered calls (status 2xx) of production applications in the quarter, calls to a team's own models, tests and the sandbox left out. Rows of batch evaluations are shown apart.",
    definition_version="1.0",
    numerator="Answered production calls",
    denominator="",
    unit="calls",
    target="growing",
    columns=("Days with calls",),
    rows=volume_rows,
    summary=count,
    judge=Trend(still_grows=True),
    details=volume_details,
)
