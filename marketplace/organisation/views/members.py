"""Pages of who is on a team: add, make lead, step down, leave or be taken off."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from marketplace.accounts.models import Membership, User
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.organisation import following, pages
from marketplace.organisation.actions import members
from marketplace.organisation.forms import LeavingForm, MemberForm
from marketplace.organisation.permissions import LEADS, can_end, can_lead
from marketplace.organisation.views.teams import get_team_or_404


@require_POST
def add(request: PageRequest, slug: str) -> HttpResponse:
    """Put somebody on the team; a refusal comes back on the team's page."""
    team = get_team_or_404(request, slug)
    require(can_lead(request.user, team), LEADS, ask=f"a lead of {team}")
    form = MemberForm(request.POST)

    def put_on(user: User, is_lead: bool) -> Membership:
        role = members.Role.LEAD if is_lead else members.Role.MEMBER
        return members.add_member(request.user, team, user, role)

    done, membership = submitted(request, form, put_on)
    if done:
        messages.success(request, f"{membership.user} is on {team} now.")
        return redirect(team)
    context = {
        "page": pages.team_page(team, request.user),
        "form": form,
        "trail": [Link("Teams", "/teams/")],
    }
    return render(request, "organisation/team.html", context, status=422)


@require_POST
def make_lead(request: PageRequest, slug: str, pk: int) -> HttpResponse:
    membership = members.make_lead(request.user, _membership(request, slug, pk))
    messages.success(request, f"{membership.user} is a lead of {membership.team}.")
    return redirect(membership.team)


@require_POST
def step_down(request: PageRequest, slug: str, pk: int) -> HttpResponse:
    membership = members.step_down(request.user, _membership(request, slug, pk))
    messages.success(request, f"{membership.user} is a member of {membership.team} now.")
    return redirect(membership.team)


def end(request: PageRequest, slug: str, pk: int) -> HttpResponse:
    """What follows, then the end of the membership: one's own, or by a lead."""
    membership = _membership(request, slug, pk)
    team = membership.team
    is_own = membership.user_id == request.user.pk
    require(can_end(request.user, membership), LEADS, ask=f"a lead of {team}")
    form = LeavingForm(request.POST if request.method == "POST" else None)
    done, _ = submitted(
        request, form, lambda **given: members.end_membership(request.user, membership, **given)
    )
    if done:
        messages.success(
            request,
            f"You are no longer on {team}." if is_own else f"{membership.user} is off {team}.",
        )
        return redirect(team)
    return show(
        request,
        "organisation/end_membership.html",
        form,
        membership=membership,
        is_own=is_own,
        consequences=following.of_leaving(membership, request.user),
        trail=[Link("Teams", "/teams/"), Link(team.name, team.get_absolute_url())],
    )


def _membership(request: PageRequest, slug: str, pk: int) -> Membership:
    current = Membership.objects.visible_to(request.user).select_related("user", "team")
    return get_object_or_404(current, pk=pk, team__slug=slug, left_at=None)
