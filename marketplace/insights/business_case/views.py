"""Pages of the business case: a scenario worked out, saved scenarios, files of both."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import submitted
from marketplace.core.plots import Span
from marketplace.insights.business_case import actions, calculator, export, prefill
from marketplace.insights.business_case.calculator import Case, Triple
from marketplace.insights.business_case.forms import CaseForm, SaveForm
from marketplace.insights.models import BusinessCase

MOST_CASES = 100  # listed
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def business_cases(request: PageRequest) -> HttpResponse:
    """A scenario from the company's own numbers, or from those in the address; saved ones beside it."""
    return _page(request, prefill.assumptions(), None)


def business_case(request: PageRequest, pk: int) -> HttpResponse:
    """A saved scenario."""
    case = get_object_or_404(
        BusinessCase.objects.visible_to(request.user).select_related("owner"), pk=pk
    )
    return _page(request, actions.from_data(case.assumptions), case)


@require_POST
def delete_case(request: PageRequest, pk: int) -> HttpResponse:
    """Forget one's own scenario."""
    case = get_object_or_404(BusinessCase.objects.visible_to(request.user), pk=pk)
    actions.delete_case(request.user, case)
    messages.success(request, "Deleted.")
    return redirect("insights:business_cases")


def _page(
    request: PageRequest, assumed: Mapping[str, Triple], saved: BusinessCase | None
) -> HttpResponse:
    """Work out what was typed; what cannot be used stays on the form, beside the figures of before."""
    asked = _asked(request)
    form = CaseForm(asked, assumed=assumed)
    is_saving = request.method == "POST" and request.POST.get("step") != "work"
    initial = {"name": saved.name, "shared": saved.shared} if saved else {"shared": "private"}
    save_form = SaveForm(request.POST if is_saving else None, initial=initial)
    is_typed = asked is not None and form.is_valid()
    assumed = form.assumed if is_typed else assumed
    if request.method == "POST" and is_typed:
        if not is_saving:
            return redirect(f"{request.path}?{urlencode(form.cleaned_data)}")
        if made := _saved(request, save_form, assumed, saved):
            messages.success(request, "Saved.")
            return redirect(made)
    case = calculator.work_out(assumed)
    if (kind := request.GET.get("as", "")) in ("xlsx", "csv"):
        return _file(kind, assumed, case, saved)
    is_wrong = request.method == "POST" or (asked is not None and not is_typed)
    context = {
        "form": form,
        "save_form": save_form,
        "case": case,
        "assumed": assumed,
        "tornado": _tornado(case),
        "saved": saved,
        "may_change": saved is not None and actions.can_change_case(request.user, saved),
        "cases": BusinessCase.objects.visible_to(request.user).select_related("owner")[:MOST_CASES],
        "gross_cost": calculator.GROSS_COST,
        "duplicates": assumed["models"].likely * assumed["duplication"].likely / 100,
        "few": (calculator.FEW, *calculator.few_duplicates(assumed)),
        "query": urlencode(form.cleaned_data) if is_typed else "",
        "draws": calculator.DRAWS,
        "years": calculator.YEARS,
    }
    return render(request, "insights/business_case.html", context, status=422 if is_wrong else 200)


def _asked(request: PageRequest) -> Any:
    """What was typed or stands in the address; None for neither."""
    if request.method == "POST":
        return request.POST
    return request.GET if "models_low" in request.GET else None


def _saved(
    request: PageRequest, form: SaveForm, assumed: Mapping[str, Triple], saved: BusinessCase | None
) -> BusinessCase | None:
    """Save over one's own scenario, or as a new one."""
    own = (
        saved
        if saved
        and actions.can_change_case(request.user, saved)
        and request.POST.get("step") != "save_new"
        else None
    )

    def save(name: str, shared: str) -> BusinessCase:
        return actions.save_case(request.user, name=name, assumed=assumed, shared=shared, case=own)

    done, made = submitted(request, form, save)
    return made if done else None


def _tornado(case: Case) -> list[Span]:
    """Thousand USD."""
    return [
        Span(
            swing.label,
            round(case.likely / 1000, 1),
            round(min(swing.low, swing.high) / 1000, 1),
            round(max(swing.low, swing.high) / 1000, 1),
        )
        for swing in case.swings
    ]


def _file(
    kind: str, assumed: Mapping[str, Triple], case: Case, saved: BusinessCase | None
) -> HttpResponse:
    title = saved.name if saved else "Business case"
    content = (
        export.as_csv(assumed, case) if kind == "csv" else export.as_workbook(assumed, case, title)
    )
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8" if kind == "csv" else XLSX,
        headers={"Content-Disposition": f"attachment; filename=business-case.{kind}"},
    )


urlpatterns = [
    path("insights/business-case/", business_cases, name="business_cases"),
    path("insights/business-case/<int:pk>/", business_case, name="business_case"),
    path("insights/business-case/<int:pk>/delete/", delete_case, name="delete_case"),
]
