"""Pages of the inventory: the list, one production model, coverage with whom to chase."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from catalog.models import RegisteredModel
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show_page, submitted
from marketplace.core.links import Link
from marketplace.insights.inventory import actions, coverage, csv_file, suggestions
from marketplace.insights.inventory.filters import ProductionModelPageFilter
from marketplace.insights.inventory.forms import (
    ExceptionForm,
    MatchForm,
    ProductionModelForm,
    ReasonForm,
)
from marketplace.insights.inventory.permissions import can_edit, can_keep, can_release
from marketplace.insights.models import ProductionModel, ProductionState, PublicationCampaign
from marketplace.insights.models.inventory import live_exceptions

LIST = "insights:inventory"
PAGE_SIZE = 50


def listed(request: PageRequest) -> "QuerySet[RegisteredModel]":
    """The published models that the reader sees."""
    return RegisteredModel.objects.visible_to(request.user).published()


def inventory(request: PageRequest) -> HttpResponse:
    """The production models with filters; `?as=csv` is the same as a table."""
    rows = ProductionModel.objects.visible_to(request.user).for_list()
    rows = rows.with_standing(listed(request), timezone.localdate())
    filterset = ProductionModelPageFilter(request.GET, queryset=rows)
    if request.GET.get("as") == "csv" and not filterset.sentences:
        return HttpResponse(
            csv_file.written(filterset.qs.iterator(chunk_size=500)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": "attachment; filename=inventory.csv"},
        )
    units = coverage.by_unit(listed(request), timezone.localdate())
    context = {
        "page_obj": Paginator(filterset.qs, PAGE_SIZE).get_page(request.GET.get("page")),
        "form": filterset.form,
        "problems": filterset.sentences,
        "is_filtered": any(request.GET.get(name) for name in filterset.base_filters),
        "total": coverage.total(units),
        "may_keep": can_keep(request.user),
    }
    status = 400 if filterset.sentences else 200
    return render(request, "insights/inventory/inventory.html", context, status=status)


def coverage_page(request: PageRequest) -> HttpResponse:
    """By unit what is published, excepted and missing; whom to chase; campaigns that run."""
    today = timezone.localdate()
    units = coverage.by_unit(listed(request), today)
    context = {
        "units": units,
        "total": coverage.total(units),
        "owners": coverage.owners_to_chase(listed(request), today),
        "campaigns": PublicationCampaign.objects.visible_to(request.user)
        .running()
        .with_progress(listed(request), today),
        "may_keep": can_keep(request.user),
        "trail": _trail(),
    }
    return render(request, "insights/inventory/coverage.html", context)


def production_model(request: PageRequest, pk: int) -> HttpResponse:
    """One production model: its facts, whether it is published, what may be its listing, and what a person may do."""
    entry = _entry(request, pk)
    may_release = can_release(request.user, entry)
    is_running = entry.state == ProductionState.RUNNING
    context = {
        "entry": entry,
        "exception": live_exceptions(timezone.localdate()).filter(production_model=entry).first(),
        "past": entry.exceptions.select_related("granted_by"),
        "suggestions": suggestions.for_entry(request.user, entry) if is_running else [],
        "campaigns": entry.campaigns.all(),
        "may_keep": can_keep(request.user),
        "may_edit": can_edit(request.user, entry),
        "may_release": may_release,
        "match_form": MatchForm(user=request.user),
        "reason_form": ReasonForm(auto_id="retire_%s"),
        "unmatch_form": ReasonForm(auto_id="unmatch_%s"),
        "exception_form": ExceptionForm(auto_id="except_%s"),
        "trail": _trail(),
    }
    return render(request, "insights/inventory/production_model.html", context)


def new_production_model(request: PageRequest) -> HttpResponse:
    """Add one. Raises Http404 for who does not keep the inventory."""
    if not can_keep(request.user):
        raise Http404
    form = ProductionModelForm(request.POST or None)
    done, entry = submitted(request, form, lambda **facts: actions.add(request.user, **facts))
    if done:
        messages.success(request, "Added. Look whether it is published already.")
        return redirect(entry)
    return show_page(
        request,
        form,
        title="Add a production model",
        lead="A model that runs in production, published or not.",
        act="Save",
        back=reverse("insights:inventory"),
        trail=_trail(),
    )


def edit_production_model(request: PageRequest, pk: int) -> HttpResponse:
    """Change its facts. Raises Http404 for who may not."""
    entry = _entry(request, pk)
    if not can_edit(request.user, entry):
        raise Http404
    form = ProductionModelForm(request.POST or None, instance=entry)
    fresh = ProductionModel.objects.get(pk=pk)
    done, _ = submitted(request, form, lambda **facts: actions.edit(request.user, fresh, **facts))
    if done:
        messages.success(request, "Saved.")
        return redirect(entry)
    return show_page(
        request,
        form,
        title=f"Change what is known of {fresh.name}",
        act="Save",
        back=entry.get_absolute_url(),
        trail=[*_trail(), Link(fresh.name, entry.get_absolute_url())],
    )


@require_POST
def change_production_model(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Match, unmatch, except, end the exception, remind, retire or bring back."""
    entry = _entry(request, pk)
    if verb not in VERBS:
        raise Http404
    VERBS[verb](request, entry)
    messages.success(request, "Saved.")
    return redirect(request.POST.get("back") == "coverage" and COVERAGE or entry)


COVERAGE = "insights:inventory_coverage"


def _match(request: PageRequest, entry: ProductionModel) -> None:
    form = MatchForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Invalid("There is no published model at that address.", field="model")
    actions.match(request.user, entry, form.cleaned_data["model"])


def _except(request: PageRequest, entry: ProductionModel) -> None:
    form = ExceptionForm(request.POST)
    if not form.is_valid():
        raise Invalid("Say why, and until which day.", field=next(iter(form.errors)))
    actions.grant_exception(request.user, entry, **form.cleaned_data)


def _reason(request: PageRequest) -> str:
    return str(request.POST.get("reason", ""))[:4000]


VERBS: dict[str, Any] = {
    "match": _match,
    "except": _except,
    "unmatch": lambda request, entry: actions.unmatch(request.user, entry, _reason(request)),
    "end-exception": lambda request, entry: actions.end_exception(request.user, entry),
    "remind": lambda request, entry: actions.remind(request.user, entry),
    "retire": lambda request, entry: actions.retire(request.user, entry, _reason(request)),
    "bring-back": lambda request, entry: actions.bring_back(request.user, entry),
}


def _entry(request: PageRequest, pk: int) -> Any:
    rows = ProductionModel.objects.visible_to(request.user).for_list()
    return get_object_or_404(rows.with_standing(listed(request), timezone.localdate()), pk=pk)


def _trail() -> list[Link]:
    return [Link("Inventory", reverse(LIST))]
