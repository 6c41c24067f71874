"""Pages of teams: the directory, a team, its settings, a move to another unit."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from marketplace.accounts.models import Team
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show_page, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.organisation import pages
from marketplace.organisation.actions import moves, teams
from marketplace.organisation.filters import TeamPageFilter
from marketplace.organisation.forms import MemberForm, MoveForm, NewTeamForm, TeamForm
from marketplace.organisation.models import UnitMove
from marketplace.organisation.permissions import (
    ADMINISTRATORS,
    LEADS,
    can_administer,
    can_lead,
    can_move_team,
)

PAGE_SIZE = 50


def directory(request: PageRequest) -> HttpResponse:
    """Every team of the company; the address holds the filters."""
    filterset = TeamPageFilter(
        request.GET, queryset=Team.objects.visible_to(request.user).for_directory()
    )
    page = Paginator(filterset.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "rows": pages.directory(list(page.object_list), request.user),
        "form": filterset.form,
        "problems": filterset.sentences,
        "is_filtered": any(request.GET.get(name) for name in filterset.base_filters),
        "tabs": pages.administration(request.user, "teams"),
        "may_add": can_administer(request.user),
    }
    status = 400 if filterset.sentences else 200
    return render(request, "organisation/teams.html", context, status=status)


def team(request: PageRequest, slug: str) -> HttpResponse:
    """What a team publishes, who is on it, how to reach it."""
    shown = get_team_or_404(request, slug)
    context = {
        "page": pages.team_page(shown, request.user),
        "form": MemberForm(),
        "trail": [Link("Teams", "/teams/")],
    }
    return render(request, "organisation/team.html", context)


def new_team(request: PageRequest) -> HttpResponse:
    """Add a team."""
    require(can_administer(request.user), *ADMINISTRATORS)
    form = NewTeamForm(request.POST or None, administers=True)
    done, made = submitted(request, form, lambda **given: teams.add_team(request.user, **given))
    if done:
        messages.success(request, f"Added: {made}.")
        return redirect(made)
    return show_page(
        request,
        form,
        title="Add a team",
        lead="Rights hang on teams: its people publish, need and use models together.",
        act="Add",
        back="/teams/",
    )


def settings(request: PageRequest, slug: str) -> HttpResponse:
    """What is said of a team."""
    changed = get_team_or_404(request, slug)
    require(can_lead(request.user, changed), LEADS, ask=f"a lead of {changed}")
    names = (*teams.SETTINGS, *teams.OF_ADMINISTRATORS)
    form = TeamForm(
        request.POST or None,
        administers=can_administer(request.user),
        initial={name: getattr(changed, name) for name in names},
    )
    done, _ = submitted(
        request, form, lambda **given: teams.change_team(request.user, changed, **given)
    )
    if done:
        messages.success(request, "Saved.")
        return redirect(changed)
    return show_page(
        request,
        form,
        title=f"Settings of {changed}",
        lead="Everybody in the company reads these. The address of the page stays, whatever the team is called.",
        act="Save",
        back=changed.get_absolute_url(),
    )


def move(request: PageRequest, slug: str) -> HttpResponse:
    """Schedule a move to another business unit."""
    moved = get_team_or_404(request, slug)
    require(can_move_team(request.user, moved), *moves.WHO)
    form = MoveForm(request.POST or None)
    done, made = submitted(
        request, form, lambda **given: moves.schedule_move(request.user, moved, **given)
    )
    if done:
        messages.success(request, f"{made.get_state_display()}: {made}.")
        return redirect(moved)
    return show_page(
        request,
        form,
        title=f"Move {moved} to another unit",
        lead=f"It belongs to {moved.business_unit}. From the day of the move on its calls are booked to the other unit;"
        " figures and statements of before stay as they are.",
        act="Schedule the move",
        back=moved.get_absolute_url(),
    )


@require_POST
def withdraw_move(request: PageRequest, slug: str, pk: int) -> HttpResponse:
    """The team stays where it is."""
    planned = get_object_or_404(
        UnitMove.objects.visible_to(request.user).for_page(), pk=pk, team__slug=slug
    )
    moves.withdraw_move(request.user, planned)
    messages.success(request, f"{planned.team} stays in {planned.from_unit}.")
    return redirect(planned.team)


def get_team_or_404(request: PageRequest, slug: str) -> Team:
    teams_seen = Team.objects.visible_to(request.user).select_related("business_unit")
    return get_object_or_404(teams_seen, slug=slug)
