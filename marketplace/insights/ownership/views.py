"""The page of a model's succession: name a successor, or decide about the one that is named."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_model_or_404
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.insights.models import Succession
from marketplace.insights.ownership import actions
from marketplace.insights.ownership.forms import SuccessionDecisionForm, SuccessionForm
from marketplace.insights.ownership.permissions import can_name, reasons_against_agreeing


def succession(request: PageRequest, slug: str) -> HttpResponse:
    """Name who keeps a model, or decide about who was named; 404 for who has no part in it."""
    model = get_visible_model_or_404(request, slug)
    seen = Succession.objects.visible_to(request.user).filter(model=model).for_page()
    waiting = seen.filter(state=Succession.State.OPEN).first()
    may_name = can_name(request.user, model)
    if not may_name and waiting is None:
        raise Http404
    form = (
        SuccessionDecisionForm(request.POST or None)
        if waiting
        else SuccessionForm(request.POST or None, model=model)
    )
    refusal = reasons_against_agreeing(request.user, waiting) if waiting else ""
    if request.method == "POST" and waiting:
        require(not refusal, refusal, ask="the marketplace managers")
    done, _ = submitted(
        request,
        form,
        lambda **given: (
            actions.decide_succession(request.user, waiting, **given)
            if waiting
            else actions.name_successor(request.user, model, **given)
        ),
    )
    if done:
        messages.success(request, "Saved." if waiting else "Named. A second person agrees to it.")
        return redirect(model) if waiting else redirect("insights:succession", slug=slug)
    return show(
        request,
        "insights/succession.html",
        form,
        model=model,
        waiting=waiting,
        refusal=refusal,
        may_take_back=bool(waiting and waiting.proposed_by_id == request.user.pk),
        earlier=seen.exclude(state=Succession.State.OPEN)[:10],
        trail=[Link(model.name, model.get_absolute_url())],
    )


@require_POST
def take_back(request: PageRequest, slug: str, pk: int) -> HttpResponse:
    """Whoever named the successor takes it back."""
    seen = Succession.objects.visible_to(request.user).filter(model__slug=slug)
    actions.take_back(request.user, get_object_or_404(seen, pk=pk))
    messages.success(request, "Taken back.")
    return redirect("insights:succession", slug=slug)


urlpatterns = [
    path("models/<slug:slug>/succession/", succession, name="succession"),
    path("models/<slug:slug>/succession/<int:pk>/withdraw/", take_back, name="withdraw_succession"),
]
