"""Pages of budgets, and the rates of all plans."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.budgets import actions
from consumption.budgets import uses as budget_uses
from consumption.budgets.forms import BudgetForm
from consumption.metering.quota import period_start
from consumption.models import Budget, Plan
from consumption.permissions import can_keep_the_books, can_set_budget
from consumption.statements.forms import MonthForm
from consumption.statements.views import csv_download
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted

ROWS_A_PAGE = 100
MOST_BUDGETS = 500  # shown and exported at once


def budgets(request: PageRequest) -> HttpResponse:
    """Budgets of the running month that one may see: spent, forecast, what happens when they are used up."""
    month = period_start(timezone.now())
    held = Budget.objects.visible_to(request.user).in_month(month).for_list()[:MOST_BUDGETS]
    uses = budget_uses.uses(held, month)
    if request.GET.get("as") == "csv":
        header = ["month", "whose", "currency", "amount", "spent", "forecast", "percent", "is_hard"]
        rows = (
            [
                f"{month:%Y-%m}",
                use.budget.whose,
                use.budget.currency,
                use.amount,
                use.spent,
                use.forecast,
                use.percent,
                use.budget.is_hard,
            ]
            for use in uses
        )
        return csv_download(header, rows, f"budgets-{month:%Y-%m}")
    context = {
        "month": month,
        "rows": [(use, can_set_budget(request.user, use.budget)) for use in uses],
        "may_set": can_keep_the_books(request.user) or bool(request.user.team_ids()),
    }
    return render(request, "consumption/budgets.html", context)


def new_budget(request: PageRequest) -> HttpResponse:
    """Set a budget: finance for all, a team for itself."""
    keeps = can_keep_the_books(request.user)
    if not keeps and not request.user.team_ids():
        raise Http404
    initial = {"from_month": period_start(timezone.now())}
    form = BudgetForm(
        request.POST or None, user=request.user, keeps_the_books=keeps, initial=initial
    )
    done, _ = submitted(request, form, lambda **_: actions.set_budget(request.user, **form.facts()))
    if done:
        messages.success(request, "The budget is set.")
        return redirect("consumption:budgets")
    return show(request, "consumption/budget_form.html", form, title="Set a budget")


def end_budget(request: PageRequest, pk: int) -> HttpResponse:
    """End a budget."""
    budget = get_object_or_404(Budget.objects.visible_to(request.user).for_list(), pk=pk)
    form = MonthForm(request.POST or None, initial={"until_month": period_start(timezone.now())})
    done, _ = submitted(
        request, form, lambda until_month: actions.end_budget(request.user, budget, until_month)
    )
    if done:
        messages.success(request, "It ends then.")
        return redirect("consumption:budgets")
    return show(request, "consumption/budget_form.html", form, title=f"End: {budget}")


def rates(request: PageRequest) -> HttpResponse:
    """What the plans of all models that one may see cost now, and since when."""
    models = RegisteredModel.objects.visible_to(request.user)
    plans = (
        Plan.objects.filter(model__in=models, is_offered=True)
        .select_related("model__owner_team")
        .order_by("model__name", "model_id", "name", "id")
    )
    if request.GET.get("as") == "csv":
        header = ["model", "plan", "price_kind", "price", "currency", "approval", "owner"]
        rows = (
            [
                plan.model.slug,
                plan.slug,
                plan.price_kind,
                plan.price_in_words,
                plan.currency,
                plan.approval,
                plan.model.owner_team.slug,
            ]
            for plan in plans.iterator(chunk_size=500)
        )
        return csv_download(header, rows, "rates")
    page = Paginator(plans, ROWS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "consumption/rates.html", {"page_obj": page})
