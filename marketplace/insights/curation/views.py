"""Pages of curation: the desk, acts on one finding, and what publishers see and answer about their own models."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_model_or_404
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link, Tab
from marketplace.insights.curation import actions, acts, desk, kinds
from marketplace.insights.curation.forms import (
    AnswerForm,
    AskForm,
    AssignForm,
    DismissForm,
    NothingForm,
    StrategicForm,
)
from marketplace.insights.curation.permissions import can_act, can_answer, can_use_desk
from marketplace.insights.demand import board
from marketplace.insights.models import CurationItem, HealthScore

PAGE_SIZE = 25
Verb = Callable[..., Any]
# verb → (its form, what is done, what is said then)
VERBS: dict[str, tuple[type[forms.Form], Verb, str]] = {
    "ask": (AskForm, actions.ask, "Asked. The answer comes here."),
    "accept": (NothingForm, actions.accept, "Settled until its day."),
    "dismiss": (
        DismissForm,
        actions.dismiss,
        "Dismissed. It returns on its day if it is still so.",
    ),
    "strategic": (StrategicForm, actions.keep_strategic, "Kept as strategic."),
    "assign": (AssignForm, actions.assign, "Assigned."),
}
TITLES = {
    "ask": "Ask the publisher",
    "dismiss": "Dismiss with reason",
    "strategic": "Keep as strategic",
    "assign": "Assign",
}


def curation(request: PageRequest) -> HttpResponse:
    """The desk: what is due in the catalog. 404 for who does not curate."""
    if not can_use_desk(request.user):
        raise Http404
    return _desk(request)


def curation_item(request: PageRequest, pk: int) -> HttpResponse:
    """The desk with one finding open; publishers are sent to their own page of it."""
    item = get_object_or_404(CurationItem.objects.visible_to(request.user).for_list(), pk=pk)
    if not can_use_desk(request.user):
        if can_answer(request.user, item):
            return redirect("insights:finding", pk=pk)
        raise Http404
    verb = request.GET.get("act", "")
    form = (
        VERBS[verb][0]() if verb in TITLES and item.is_open and _may(request, item, verb) else None
    )
    return _desk(request, item, verb, form)


@require_POST
def change_finding(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Ask, accept, dismiss, keep as strategic or assign; a refused one comes back open, with what was typed."""
    if not can_use_desk(request.user) or verb not in VERBS:
        raise Http404
    item = get_object_or_404(CurationItem.objects.for_list(), pk=pk)
    form_class, act, said = VERBS[verb]
    require(_may(request, item, verb), *actions.OTHERS)
    form = form_class(request.POST)
    done, _ = submitted(request, form, lambda **given: act(request.user, item, **given))
    if done:
        messages.success(request, said)
        return redirect(_after(request, item))
    return _desk(request, CurationItem.objects.for_list().get(pk=pk), verb, form, status=422)


def _may(request: PageRequest, item: CurationItem, verb: str) -> bool:
    return verb == "assign" or can_act(request.user, item)


def _after(request: PageRequest, item: CurationItem) -> str:
    """The next finding opens, so that the list is cleared from one place."""
    if CurationItem.objects.open().filter(pk=item.pk).exists():
        return item.get_absolute_url()
    following = CurationItem.objects.open().filter(due_on__gte=item.due_on).for_list().first()
    return following.get_absolute_url() if following else reverse("insights:curation")


def _desk(
    request: PageRequest,
    item: CurationItem | None = None,
    verb: str = "",
    form: forms.Form | None = None,
    status: int = 200,
) -> HttpResponse:
    whose, kind = request.GET.get("whose", ""), request.GET.get("kind", "")
    page = desk.desk(
        request.user, whose=whose, kind=kind, page=request.GET.get("page"), opened=item
    )
    columns = board.board(request.user)
    context = {
        "gaps": columns,
        "gap_count": sum(len(column.entries) for column in columns),
        "may_take_up": True,
        "desk": page,
        "page_obj": page.page,
        "whose": _whose(page.counts, whose, kind),
        "chosen": {"whose": whose, "kind": kind},
        "kinds": CurationItem.Kind.choices,
        "form": form,
        "verb": verb,
        "verb_title": TITLES.get(verb, ""),
    }
    return render(request, "insights/curation.html", context, status=status)


def _whose(counts: dict[str, int], whose: str, kind: str) -> list[Tab]:
    also = f"&kind={kind}" if kind else ""
    labels = {"": ("All", "all"), "mine": ("Mine", "mine"), "overdue": ("Overdue", "overdue")}
    return [
        Tab(label, f"{reverse('insights:curation')}?whose={name}{also}", name == whose, counts[key])
        for name, (label, key) in labels.items()
    ]


# ── The publisher's side ──────────────────────────────────────────────────


def my_findings(request: PageRequest) -> HttpResponse:
    """What was found about the models of one's teams, open ones first."""
    items = CurationItem.objects.filter(model__owner_team__in=request.user.teams()).open()
    page = Paginator(items.for_list(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "rows": [desk.row_of(item) for item in page]}
    return render(request, "insights/my_findings.html", context)


def finding(request: PageRequest, pk: int) -> HttpResponse:
    """One finding as its publisher sees it: what is known, and the form to answer."""
    own = CurationItem.objects.filter(model__owner_team__in=request.user.teams())
    item = get_object_or_404(own.for_list(), pk=pk)
    form = AnswerForm(request.POST or None)
    done, _ = submitted(request, form, lambda **given: actions.answer(request.user, item, **given))
    if done:
        messages.success(request, "Answered. A marketplace manager decides.")
        return redirect("insights:finding", pk=pk)
    return show(
        request,
        "insights/finding.html",
        form,
        item=item,
        row=desk.row_of(item),
        rule=kinds.of(item).rule,
        known=desk.known(item),
        health=HealthScore.objects.filter(model=item.model_id).first(),
        version=acts.version_of(item),
        may_answer=item.is_open and kinds.of(item).asks,
        trail=[Link("Findings about your models", reverse("insights:my_findings"))],
    )


def model_health(request: PageRequest, slug: str) -> HttpResponse:
    """How healthy a model is, part by part with the facts."""
    model = get_visible_model_or_404(request, slug)
    context = {
        "model": model,
        "health": HealthScore.objects.filter(model=model).first(),
        "trail": [Link(model.name, model.get_absolute_url())],
    }
    return render(request, "insights/health.html", context)


urlpatterns = [
    path("models/<slug:slug>/health/", model_health, name="model_health"),
    path("curation/", curation, name="curation"),
    path("curation/<int:pk>/", curation_item, name="curation_item"),
    path("curation/<int:pk>/<slug:verb>/", change_finding, name="change_finding"),
    path("findings/", my_findings, name="my_findings"),
    path("findings/<int:pk>/", finding, name="finding"),
]
