"""The contribution board, and the rows behind a team's points."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone

from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Link, Tab
from marketplace.insights.contributions import actions
from marketplace.insights.contributions.board import board, name_of, quarter_of, quarters
from marketplace.insights.models import NamedContributor
from marketplace.insights.quarters import Quarter

TEAMS = 50  # on a page


def contributions(request: PageRequest) -> HttpResponse:
    """The board of a quarter (`?quarter=2026-Q3`). POST: be named, or not."""
    if request.method == "POST":
        actions.be_named(request.user, request.POST.get("named") == "yes")
        messages.success(request, "Saved.")
        return redirect("insights:contributions")
    running = Quarter.of(timezone.localdate())
    quarter = quarter_of(request.GET.get("quarter", "")[:20], running)
    shown = board(request.user, quarter)
    context = {
        "board": shown,
        "page_obj": Paginator(shown.teams, TEAMS).get_page(request.GET.get("page")),
        "quarter": name_of(quarter),
        "quarters": [
            Tab(str(one), f"?quarter={name_of(one)}", one == quarter) for one in quarters(running)
        ],
        "is_named": NamedContributor.objects.visible_to(request.user).exists(),
    }
    return render(request, "insights/contributions/contributions.html", context)


def team_contributions(request: PageRequest, quarter: str, slug: str) -> HttpResponse:
    """What earned a team its points in a quarter, each with a link. Raises Http404 for a team without any."""
    chosen = quarter_of(quarter, Quarter.of(timezone.localdate()))
    found = board(request.user, chosen)
    one = next((team for team in found.teams if team.team.slug == slug), None)
    if one is None:
        raise Http404
    back = f"{reverse('insights:contributions')}?quarter={name_of(chosen)}"
    context = {
        "one": one,
        "board": found,
        "terms": [
            (term, [row for row in one.rows if row.term == term.name]) for term in found.formula
        ],
        "trail": [Link(f"Contributions, {chosen}", back)],
    }
    return render(request, "insights/contributions/team.html", context)


urlpatterns = [
    path("insights/contributions/", contributions, name="contributions"),
    path(
        "insights/contributions/<str:quarter>/<slug:slug>/",
        team_contributions,
        name="team_contributions",
    ),
]
