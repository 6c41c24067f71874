"""The comparison page: what the tray or an address names, side by side."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from catalog import recent_searches, tray
from catalog.models import ModelVersion
from catalog.tray import Pick
from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Link, Tab
from marketplace.core.query import whole_number
from marketplace.insights import comparison
from marketplace.insights.comparison import csv_file
from marketplace.insights.comparison.access import MOST_CALLS, USUAL_CALLS
from marketplace.insights.comparison.table import Column


@dataclass(frozen=True)
class Head:
    """The head of a column: what is compared, and the addresses of this page without it and with it as the reference."""

    column: Column
    without_url: str
    first_url: str


def compare(request: PageRequest) -> HttpResponse:
    """Two to four models or versions; what is compared is what the tray holds afterwards. `?as=csv` is the same as a table."""
    named = tray.picks_of(request.GET.getlist("model"))
    picks = (named or tray.kept(request.session))[: tray.MOST]
    asked = whole_number(request.GET.get("calls", ""))
    calls = asked if asked is not None and 1 <= asked <= MOST_CALLS else USUAL_CALLS
    compared = comparison.compare(request.user, picks, calls)
    if request.GET.get("as") == "csv" and compared.is_enough:
        return HttpResponse(
            csv_file.written(compared),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": "attachment; filename=comparison.csv"},
        )
    tray.keep(request.session, [column.pick for column in compared.columns])
    shows_all = request.GET.get("rows") == "all"
    asked_for = recent_searches.newest(request.session)
    catalog_url = reverse("catalog:models")
    back = (
        Link(f"Results for “{asked_for}”", f"{catalog_url}?{urlencode({'q': asked_for})}")
        if asked_for
        else Link("Catalog", catalog_url)
    )
    order = [column.pick for column in compared.columns]
    context = {
        "comparison": compared,
        "heads": [_head(column, order, request) for column in compared.columns],
        "too_many": len(named) > tray.MOST,
        "calls": calls,
        "most_calls": MOST_CALLS,
        "shows_all": shows_all,
        "rows": [
            Tab("Differences", _address(request, order, rows=""), not shows_all),
            Tab("All rows", _address(request, order, rows="all"), shows_all),
        ],
        "run_url": _run_url([column.version for column in compared.columns]),
        "csv_url": _address(request, order, **{"as": "csv"}),
        "asked_for": asked_for,
        "trail": [back],
    }
    return render(request, "insights/compare.html", context)


def _run_url(versions: list[ModelVersion]) -> str:
    """A batch evaluation of these versions, the reference first."""
    named = [f"{version.model.slug}/{version.number}" for version in versions]
    return f"{reverse('consumption:new_evaluation')}?{urlencode({'version': named}, doseq=True)}"


def _head(column: Column, order: list[Pick], request: PageRequest) -> Head:
    others = [pick for pick in order if pick != column.pick]
    return Head(column, _address(request, others), _address(request, [column.pick, *others]))


def _address(request: PageRequest, picks: list[Pick], **changed: str) -> str:
    """This page about these picks; what else the address says stays, unless it is `changed`."""
    kept = {name: request.GET[name] for name in ("rows", "calls") if name in request.GET}
    rest = {name: value for name, value in (kept | changed).items() if value}
    return f"{reverse('insights:compare')}?{urlencode({'model': list(map(str, picks)), **rest}, doseq=True)}"
