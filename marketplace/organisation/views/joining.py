"""Pages of requests to join a team: ask, look, answer, withdraw."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.organisation.actions import joining
from marketplace.organisation.forms import JoinForm, RequestForm
from marketplace.organisation.models import JoinRequest, JoinRequestState
from marketplace.organisation.permissions import can_decide_request


def join(request: PageRequest) -> HttpResponse:
    """Ask to join a team; its lead is told. `?team=` chooses one already."""
    form = JoinForm(request.POST or None, initial={"team": request.GET.get("team")})
    done, asked = submitted(
        request, form, lambda **given: joining.ask_to_join(request.user, **given)
    )
    if done:
        names = ", ".join(str(person) for person in joining.who_answers(asked.team)[:3])
        messages.success(request, f"Asked: it is among the notices of {names}.")
        return redirect("home")
    own = JoinRequest.objects.open().for_page().filter(person=request.user)
    return show(
        request,
        "organisation/join.html",
        form,
        asked=own,
        has_team=bool(request.user.team_ids()),
    )


def join_request(request: PageRequest, pk: int) -> HttpResponse:
    """Who asks, and the answer for who may give it."""
    asked = get_object_or_404(JoinRequest.objects.visible_to(request.user).for_page(), pk=pk)
    form = RequestForm(request.POST or None)
    done, decided = submitted(
        request, form, lambda **given: joining.decide_request(request.user, asked, **given)
    )
    if done:
        messages.success(request, f"{decided.get_state_display()}: {decided}.")
        return redirect(decided.team)
    is_open = asked.state == JoinRequestState.OPEN
    return show(
        request,
        "organisation/join_request.html",
        form,
        asked=asked,
        is_open=is_open,
        is_own=asked.person_id == request.user.pk,
        may_decide=is_open and can_decide_request(request.user, asked),
    )


@require_POST
def withdraw(request: PageRequest, pk: int) -> HttpResponse:
    """Take one's own request back."""
    asked = get_object_or_404(JoinRequest.objects.visible_to(request.user).for_page(), pk=pk)
    joining.withdraw_request(request.user, asked)
    messages.success(request, "Withdrawn.")
    return redirect("organisation:join")
