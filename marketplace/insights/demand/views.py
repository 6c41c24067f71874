"""Pages of demand: the board, and one gap with what becomes of it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.insights.demand import actions, board
from marketplace.insights.demand.forms import JoinNeedForm, NoGapForm, TakeUpForm
from marketplace.insights.demand.permissions import can_take_up
from marketplace.insights.models import DemandGap


def demand(request: PageRequest) -> HttpResponse:
    """What is looked for and not there, from the search to the published model."""
    context = {
        "columns": board.board(request.user),
        "may_take_up": can_take_up(request.user),
    }
    return render(request, "insights/demand.html", context)


def gap(request: PageRequest, pk: int) -> HttpResponse:
    """One gap: what was searched for and by how many; make it a need, let it join one, or say that it is none."""
    found = get_object_or_404(DemandGap.objects.visible_to(request.user).for_list(), pk=pk)
    if found.need is not None:
        return redirect(found.need)
    verb = request.POST.get("verb", "")
    if request.method == "POST" and verb not in VERBS:
        raise Http404
    bound = _forms(request, found, verb)
    if request.method == "POST":
        require(can_take_up(request.user), *actions.MANAGERS)
        done, result = submitted(request, bound[verb], _verb(request, found, verb))
        if done:
            messages.success(request, VERBS[verb])
            return redirect(result if verb != "dismiss" else reverse("insights:demand"))
    return show(
        request,
        "insights/gap.html",
        bound[verb or "take_up"],
        gap=found,
        forms=bound,
        may_take_up=can_take_up(request.user),
        trail=[Link("Demand", reverse("insights:demand"))],
    )


VERBS = {
    "take_up": "It is a need now. Those who searched are told.",
    "join": "It is counted with that need. Those who searched are told what becomes of it.",
    "dismiss": "Saved.",
}


def _forms(request: PageRequest, found: DemandGap, verb: str) -> dict[str, forms.Form]:
    def data(name: str) -> Any:
        return request.POST if verb == name else None

    return {
        "take_up": TakeUpForm(data("take_up"), gap=found),
        "join": JoinNeedForm(data("join"), prefix="join"),
        "dismiss": NoGapForm(data("dismiss"), prefix="dismiss"),
    }


def _verb(request: PageRequest, found: DemandGap, verb: str) -> Any:
    acts: dict[str, Callable[..., Any]] = {
        "take_up": actions.take_up,
        "join": actions.join,
        "dismiss": actions.dismiss,
    }
    act = acts[verb]
    return lambda **given: act(request.user, found, **given)


urlpatterns = [
    path("demand/", demand, name="demand"),
    path("demand/<int:pk>/", gap, name="gap"),
]
