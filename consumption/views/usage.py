"""Pages of what was called and what it cost."""

from dataclasses import replace

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render

from catalog.pages import get_visible_model_or_404, model_context
from consumption import statement
from consumption.metering import rejections, usage
from consumption.metering.reconciliation import reconciliation
from consumption.models import Subscription
from consumption.permissions import can_reconcile, can_see_model_usage

LINES_A_PAGE = 100


def my_usage(request):
    """What the person's teams called: over time, by model, by application."""
    subscriptions = Subscription.objects.held_by(request.user)
    scope = usage.of_teams(request.user.teams())
    window = usage.window(request.GET.get("window"))
    context = {
        "window": window,
        "windows": usage.WINDOWS,
        "usage": usage.summary(scope, window),
        "by_model": usage.by(scope, window, "model"),
        "by_application": usage.by(scope, window, "application"),
        "refused": rejections.of(subscriptions, rejections.beginning(window)),
    }
    return render(
        request, "consumption/_usage.html" if request.htmx else "consumption/usage.html", context
    )


def model_usage(request, slug):
    """How much the model is used; by whom, for those who may know."""
    entry = get_visible_model_or_404(request, slug)
    subscriptions = Subscription.objects.filter(model=entry)
    scope = usage.of_model(entry)
    window = usage.window(request.GET.get("window"))
    shows_teams = can_see_model_usage(request.user, entry)
    summary = usage.summary(scope, window)
    context = model_context(request, entry, "consumption:model_usage")
    context |= {
        "window": window,
        "windows": usage.WINDOWS,
        "usage": summary if shows_teams else replace(summary, costs=None),
        "shows_teams": shows_teams,
        "by_team": usage.by(scope, window, "team") if shows_teams else [],
        "by_version": usage.by(scope, window, "version"),
        "refused": rejections.of(subscriptions, rejections.beginning(window))
        if shows_teams
        else [],
    }
    template = (
        "consumption/_model_usage.html" if request.htmx else "consumption/model_usage_tab.html"
    )
    return render(request, template, context)


def monthly_statement(request):
    """What a month cost, line by line; `?as=csv` is the same with exact amounts."""
    month = statement.month(request.GET.get("month"))
    lines = statement.Lines(request.user, month)
    if request.GET.get("as") == "csv":
        name = f"attachment; filename=statement-{month:%Y-%m}.csv"
        return HttpResponse(
            statement.as_csv(lines),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": name},
        )
    context = {
        "month": month,
        "months": statement.months(),
        "page_obj": Paginator(lines, LINES_A_PAGE).get_page(request.GET.get("page")),
        "costs": lines.totals(),
    }
    return render(request, "consumption/statement.html", context)


def reconciled(request):
    """Do events, hours and days agree, for each team and month? For finance and those who oversee."""
    if not can_reconcile(request.user):
        raise Http404
    report = reconciliation()
    context = {
        "reconciliation": report,
        "page_obj": Paginator(report.lines, LINES_A_PAGE).get_page(request.GET.get("page")),
        "wrong": report.wrong[:LINES_A_PAGE],
    }
    return render(request, "consumption/reconciliation.html", context)
