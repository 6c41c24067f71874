"""Pages of models for one purpose: the cases, and one of them with its evidence and decision."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from governance import actions, same_purpose
from governance.models import SamePurposeCase
from governance.models.same_purpose import SEES_CASES
from governance.permissions import can_decide_case
from governance.same_purpose_forms import CaseForm
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link

PAGE_SIZE = 25
PARTS = {
    "text": "Text",
    "inputs": "Inputs",
    "task": "Task and target",
    "consumers": "Consumer teams",
}


def case_list(request: PageRequest) -> HttpResponse:
    """Pairs of models that may serve one purpose; open ones first."""
    cases = SamePurposeCase.objects.visible_to(request.user).for_page()
    if not (request.user.has_role(*SEES_CASES) or cases.exists()):
        raise Http404
    page = Paginator(cases, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "governance/same_purpose_cases.html", {"page_obj": page})


def case(request: PageRequest, pk: int) -> HttpResponse:
    """One pair: why it is alike, what was measured of both, the decision."""
    found = get_object_or_404(SamePurposeCase.objects.visible_to(request.user).for_page(), pk=pk)
    form = CaseForm(request.POST or None, case=found)
    if request.method == "POST":
        require(
            can_decide_case(request.user, found),
            "Marketplace managers of neither team decide.",
            ask="another marketplace manager",
        )
    done, _ = submitted(
        request, form, lambda **given: actions.decide_case(request.user, found, **given)
    )
    if done:
        messages.success(request, "Decided. Both models' pages show it.")
        return redirect(found)
    return show(
        request,
        "governance/same_purpose_case.html",
        form,
        case=found,
        parts=[
            (label, found.parts.get(name, 0.0), same_purpose.WEIGHTS[name])
            for name, label in PARTS.items()
        ],
        compared=same_purpose.compared(found.first, found.second),
        may_decide=can_decide_case(request.user, found),
        trail=[Link("Models for one purpose", reverse("governance:same_purpose"))],
    )
