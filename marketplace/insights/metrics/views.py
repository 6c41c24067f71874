"""Pages of the success metrics: the adoption page with all of them, and one page for each."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse

from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Link, Tab
from marketplace.core.query import chosen
from marketplace.insights.metrics import BY_NAME, adoption, board, csv_file
from marketplace.insights.metrics.board import Line
from marketplace.insights.metrics.metric import Metric
from marketplace.insights.metrics.scope import SIGHTS, sight_of
from marketplace.insights.start_page import figures

PAGE = 50  # rows
SPLIT = 100  # parts that the page shows; the CSV has all
SPLITS = {"unit": "By business unit", "team": "By team"}


def overview(request: PageRequest) -> HttpResponse:
    """Adoption: how each metric stands to its target, and the drawings. `?as=csv` is the table of targets."""
    sight = sight_of(request.user)
    shown = board.board(sight)
    if request.GET.get("as") == "csv":
        return csv_file.download("metrics", csv_file.of_board(shown))
    context = {
        "board": shown,
        "sight": SIGHTS[sight],
        "units": adoption.units_over_time(sight),
        "strip": adoption.strip(sight),
        "integrate": shown.line("time-to-integrate"),
        "value_time": shown.line("time-to-value"),
        "units_line": shown.line("units-with-ai"),
        "matrix": adoption.matrix(sight),
        "volume": adoption.volume(sight),
        "inventory": figures.inventory(request.user),
    }
    return render(request, "insights/insights.html", context)


def metric(request: PageRequest, name: str) -> HttpResponse:
    """One metric in one quarter: definition, trend, splits, and the rows that it was counted from. `?as=csv`: all rows."""
    about = BY_NAME.get(name)
    if about is None:
        raise Http404
    sight = sight_of(request.user)
    line = board.line(about, sight, request.GET.get("quarter"))
    if line is None:
        return render(request, "insights/metric.html", _frame(about, sight))
    by = chosen("split", request.GET.get("by"), {one: one for one in SPLITS}, "unit")
    if request.GET.get("as") == "csv":
        return csv_file.download(f"{name}-{line.value.quarter}", csv_file.of_metric(line))
    pages = Paginator(board.rows_of([line.value]), PAGE)
    return render(
        request,
        "insights/metric.html",
        _frame(about, sight)
        | {
            "line": line,
            "quarters": _quarter_tabs(about, sight, line),
            "splits": _split_tabs(line, by),
            "split": board.split_of(line, by)[:SPLIT],
            "split_count": len(line.value.splits.get(by, [])),
            "by": by,
            "trend": _trend(line),
            "page": pages.get_page(request.GET.get("page")),
        },
    )


def _frame(about: Metric, sight: str) -> dict[str, Any]:
    trail = [Link("Adoption", reverse("insights:insights"))]
    return {"metric": about, "sight": SIGHTS[sight], "trail": trail}


def _trend(line: Line) -> dict[str, Any]:
    """Labels and values of the chart of the quarters that have a value; drawn around zero where one is below it."""
    known = [one for one in line.trend if one.value is not None]
    values = [round(one.value or 0, 1) for one in known]
    return {
        "labels": [str(board.Quarter(one.quarter)) for one in known],
        "values": values,
        "is_drawn": len(known) > 1,
        "has_negative": min(values, default=0) < 0,
    }


def _quarter_tabs(about: Metric, sight: str, line: Line) -> list[Tab]:
    return [
        Tab(str(quarter), f"?quarter={quarter.start}", quarter == line.quarter)
        for quarter in board.quarters(about, sight)[: board.TREND]
    ]


def _split_tabs(line: Line, by: str) -> list[Tab]:
    """Of the splits that the metric has."""
    return [
        Tab(label, f"?quarter={line.value.quarter}&by={one}", one == by)
        for one, label in SPLITS.items()
        if line.value.splits.get(one)
    ]


urlpatterns = [
    path("insights/", overview, name="insights"),
    path("insights/metrics/<slug:name>/", metric, name="metric"),
]
