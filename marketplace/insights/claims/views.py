"""Pages of value claims: the list, a new one, one with its decision."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from catalog.models import RegisteredModel
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, show_page, submitted
from marketplace.core.links import Link
from marketplace.insights.claims import actions
from marketplace.insights.ledger import quarters
from marketplace.insights.ledger.forms import ClaimForm, DecideClaimForm, ReasonForm
from marketplace.insights.ledger.permissions import (
    can_confirm_claim,
    can_reject_claim,
    can_validate_claim,
)
from marketplace.insights.models import ValueClaim

A_PAGE = 50


def claims(request: PageRequest) -> HttpResponse:
    """The claims that one may see, newest first; `?state=` those in one state."""
    rows = ValueClaim.objects.visible_to(request.user).for_list()
    state = request.GET.get("state", "")
    if state in ValueClaim.State.values:
        rows = rows.filter(state=state)
    context = {
        "page_obj": Paginator(rows, A_PAGE).get_page(request.GET.get("page")),
        "states": ValueClaim.State.choices,
        "state": state,
        "may_claim": bool(request.user.team_ids()),
        "trail": _trail(),
    }
    return render(request, "insights/ledger/claims.html", context)


def new_claim(request: PageRequest) -> HttpResponse:
    """Write a claim; `?model=` begins with a model."""
    if not request.user.team_ids():
        raise Http404
    model = (
        RegisteredModel.objects.visible_to(request.user)
        .filter(slug=request.GET.get("model", "")[:80])
        .first()
    )
    now = quarters.quarter_of(timezone.now().date())
    initial = {"model": model, "quarter": quarters.name_of(now)}
    form = ClaimForm(request.POST or None, user=request.user, initial=initial)
    done, made = submitted(
        request, form, lambda **facts: actions.claim_value(request.user, **facts)
    )
    if done:
        messages.success(
            request, "Written: somebody who leads a team of the unit was asked to confirm it."
        )
        return redirect(made)
    return show_page(
        request,
        form,
        title="Claim value",
        lead="What a model brings in a year beyond what was avoided. Somebody who leads a team of your unit stands for it, then finance"
        " validates it.",
        act="Claim it",
        back=reverse("insights:claims"),
        trail=_trail(),
    )


def claim(request: PageRequest, pk: int) -> HttpResponse:
    """One claim; finance answers here."""
    row = _claim_or_404(request, pk)
    form = DecideClaimForm(request.POST or None)
    done, _ = submitted(request, form, lambda **facts: _decide(request, row, **facts))
    if done:
        messages.success(request, "Answered: who wrote it was told.")
        return redirect(row)
    waits = row.state == ValueClaim.State.OWNER_CONFIRMED
    context = {
        "claim": row,
        "may_confirm": row.state == ValueClaim.State.DRAFT and can_confirm_claim(request.user, row),
        "may_validate": waits and can_validate_claim(request.user, row),
        "reject_form": ReasonForm(),
        "may_reject": row.state == ValueClaim.State.DRAFT and can_reject_claim(request.user, row),
        "trail": [*_trail(), Link("Claims", reverse("insights:claims"))],
    }
    return show(request, "insights/ledger/claim.html", form, **context)


def _decide(
    request: PageRequest, row: ValueClaim, answer: str, reason: str, is_independent: bool
) -> ValueClaim:
    if answer == "validate":
        return actions.validate_claim(request.user, row, reason, is_independent=is_independent)
    return actions.reject_claim(request.user, row, reason)


@require_POST
def confirm_claim(request: PageRequest, pk: int) -> HttpResponse:
    """The owner of the value stands for it."""
    row = actions.confirm_claim(request.user, _claim_or_404(request, pk))
    messages.success(request, "Confirmed: finance was asked to validate it.")
    return redirect(row)


@require_POST
def reject_claim(request: PageRequest, pk: int) -> HttpResponse:
    """The owner of the value does not stand for it."""
    row = _claim_or_404(request, pk)
    form = ReasonForm(request.POST)
    done, _ = submitted(
        request, form, lambda reason: actions.reject_claim(request.user, row, reason)
    )
    if done:
        messages.success(request, "Rejected: who wrote it was told.")
        return redirect(row)
    context = {"claim": row, "reject_form": form, "may_reject": True, "trail": _trail()}
    return show(request, "insights/ledger/claim.html", DecideClaimForm(), **context)


def _claim_or_404(request: PageRequest, pk: int) -> ValueClaim:
    found: ValueClaim = get_object_or_404(
        ValueClaim.objects.visible_to(request.user).for_list(), pk=pk
    )
    return found


def _trail() -> list[Link]:
    return [Link("Value", reverse("insights:value"))]


urlpatterns = [
    path("insights/value/claims/", claims, name="claims"),
    path("insights/value/claims/new/", new_claim, name="new_claim"),
    path("insights/value/claims/<int:pk>/", claim, name="claim"),
    path("insights/value/claims/<int:pk>/confirm/", confirm_claim, name="confirm_claim"),
    path("insights/value/claims/<int:pk>/reject/", reject_claim, name="reject_claim"),
]
