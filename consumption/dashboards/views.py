"""Pages of what was called and what it cost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from catalog.models import RegisteredModel
from catalog.pages import get_visible_model_or_404, model_context
from consumption import deadlines
from consumption.dashboards import adoption, call_log, sheets
from consumption.dashboards.selection import Selection, select
from consumption.dashboards.sheets import Sheet
from consumption.metering import burn, failures, received, rejections, usage
from consumption.metering.reconciliation import reconciliation
from consumption.metering.usage import Scope, Window
from consumption.models import Subscription
from consumption.permissions import can_reconcile, can_see_model_usage
from consumption.statements import sheets as finance_sheets
from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Link, Tab

LINES_A_PAGE = 100
CSV_CALLS = 500
TABS = [
    ("consumption:usage", "Usage"),
    ("consumption:limits", "Limits and service level"),
    ("consumption:calls", "Recent calls"),
]
# (what usage is grouped by, title of its table), in the order of the page.
MY_TABLES = [
    ("model", "By model"),
    ("application", "By application"),
    ("environment", "By environment"),
    ("key", "By key"),
    ("version", "By version"),
]


def my_usage(request: PageRequest) -> HttpResponse:
    """What the person's teams called: over time, by what failed, by model, application, environment, key and version."""
    chosen = select(request.user, request.GET)
    scope, window = chosen.scope, chosen.window
    groups = {what: usage.by(scope, window, what) for what, _ in MY_TABLES}
    refused = rejections.of(chosen.subscriptions, rejections.beginning(window))
    failed = failures.counts(scope, window)
    tables: dict[str, Callable[[], Sheet]] = {
        what.replace("_", "-"): lambda rows=rows: sheets.of_usage(rows)  # type: ignore[misc]
        for what, rows in groups.items()
    }
    tables |= {
        "failures": lambda: sheets.of_failures(failed),
        "refused": lambda: sheets.of_refused(refused),
    }
    if answer := sheets.download(request.GET, "usage", tables):
        return answer
    context = _frame(chosen, "consumption:usage") | {
        "usage": usage.summary(scope, window),
        "failures": failed,
        "failed_url": f"{reverse('consumption:calls')}?{urlencode(chosen.named | {'failed': 1})}",
        "groups": [
            (what, title, chosen.with_links(what, groups[what])) for what, title in MY_TABLES
        ],
        **{f"by_{what}": rows for what, rows in groups.items()},
        "refused": refused,
    }
    template = "consumption/_usage.html" if request.htmx else "consumption/usage.html"
    return render(request, template, context)


def limits(request: PageRequest) -> HttpResponse:
    """How far each quota is used, what limits calls first, the service level received, and what will change."""
    chosen = select(request.user, request.GET)
    burns = burn.burns(chosen.subscriptions)
    levels = received.received(chosen.scope, chosen.window)
    due = deadlines.of_subscriptions(list(chosen.subscriptions.for_list()))
    tables = {
        "limits": lambda: sheets.of_burns(burns),
        "service-level": lambda: sheets.of_received(levels),
        "changes": lambda: sheets.of_deadlines(due),
    }
    if answer := sheets.download(request.GET, "limits", tables):
        return answer
    context = _frame(chosen, "consumption:limits") | {
        "burns": burns,
        "levels": levels,
        "deadlines": due,
        "least_calls": received.LEAST,
        "promised_share": received.PROMISED_SHARE,
    }
    return render(request, "consumption/limits.html", context)


def calls(request: PageRequest) -> HttpResponse:
    """The log of recent calls by request id, and why each failed one failed."""
    chosen = select(request.user, request.GET)
    is_csv = request.GET.get("as") == "csv"
    page = call_log.asked_for(chosen, request.GET, CSV_CALLS if is_csv else call_log.PAGE)
    if answer := sheets.download(
        request.GET, "calls", {"calls": lambda: sheets.of_calls(page.calls)}
    ):
        return answer
    context = _frame(chosen, "consumption:calls") | {
        "page": page,
        "asked": request.GET.get("request", ""),
        "is_failed": call_log.is_of_failures(request.GET),
        "days": call_log.RECENT.days,
        "most": call_log.MOST_SUBSCRIPTIONS,
        "has_too_many": chosen.subscriptions.count() > call_log.MOST_SUBSCRIPTIONS,
    }
    return render(request, "consumption/calls.html", context)


def _frame(chosen: Selection, current: str) -> dict[str, Any]:
    """Context of every tab: the tabs, which keep what is chosen, and what there is to choose."""
    query = f"?{urlencode(chosen.named)}" if chosen.named else ""
    return {
        "tabs": [Tab(label, reverse(name) + query, name == current) for name, label in TABS],
        "choices": chosen.choices,
        "is_narrowed": any(choice.chosen for choice in chosen.choices),
        "window": chosen.window,
        "windows": usage.WINDOWS,
    }


def model_usage(request: PageRequest, slug: str) -> HttpResponse:
    """How much the model is used; by whom, what failed and who has to move, for those who may know."""
    entry = get_visible_model_or_404(request, slug)
    scope = usage.of_model(entry)
    window = usage.window(request.GET.get("window"))
    shows_teams = can_see_model_usage(request.user, entry)
    by_version = usage.by(scope, window, "version")
    for_publisher = _for_publisher(entry, window) if shows_teams else {}
    tables = {"version": lambda: sheets.of_usage(by_version, shows_teams)}
    if shows_teams:
        tables |= _publishers_tables(for_publisher)
    if answer := sheets.download(request.GET, f"{entry.slug}-usage", tables):
        return answer
    summary = usage.summary(scope, window)
    context = model_context(request, entry, "consumption:model_usage")
    context |= {
        "window": window,
        "windows": usage.WINDOWS,
        "usage": summary if shows_teams else replace(summary, costs=None),
        "shows_teams": shows_teams,
        "by_team": [],
        "by_version": by_version,
        "refused": [],
        **for_publisher,
    }
    template = (
        "consumption/_model_usage.html" if request.htmx else "consumption/model_usage_tab.html"
    )
    return render(request, template, context)


def _for_publisher(entry: RegisteredModel, window: Window) -> dict[str, Any]:
    """What only the publisher and those who oversee read of a model's use."""
    scope = usage.of_model(entry)
    since = rejections.beginning(window)
    return {
        "by_team": usage.by(scope, window, "team"),
        "failures": failures.counts(scope, window),
        "refused": rejections.of(Subscription.objects.filter(model=entry), since),
        "adoption": adoption.adoption(entry, window),
    }


def _publishers_tables(found: dict[str, Any]) -> dict[str, Callable[[], Sheet]]:
    return {
        "team": lambda: sheets.of_usage(found["by_team"]),
        "failures": lambda: sheets.of_failures(found["failures"]),
        "refused": lambda: sheets.of_refused(found["refused"]),
        "consumers": lambda: sheets.of_consumers(found["adoption"].consumers),
        "adoption": lambda: sheets.of_versions(found["adoption"].versions),
    }


def publisher(request: PageRequest) -> HttpResponse:
    """How one's teams' models are used: calls, errors, consumers, what waits for an answer, who has to move."""
    window = usage.window(request.GET.get("window"))
    rows = adoption.portfolio(request.user.teams(), window)
    scope = Scope(Q(version__model__in=[row.model.pk for row in rows]))
    failed = failures.counts(scope, window)
    tables = {
        "models": lambda: sheets.of_own_models(rows),
        "failures": lambda: sheets.of_failures(failed),
    }
    if answer := sheets.download(request.GET, "own-models", tables):
        return answer
    context = {
        "window": window,
        "windows": usage.WINDOWS,
        "rows": rows,
        "usage": replace(usage.summary(scope, window), costs=None),
        "failures": failed,
        "trail": [Link("Publish", reverse("publishing:home"))],
    }
    return render(request, "consumption/publisher.html", context)


def reconciled(request: PageRequest) -> HttpResponse:
    """Do events, hours and days agree, for each team and month? For finance and those who oversee."""
    if not can_reconcile(request.user):
        raise Http404
    report = reconciliation()
    table = {"reconciliation": lambda: finance_sheets.of_reconciliation(report.lines)}
    if answer := sheets.download(request.GET, "finance", table):
        return answer
    context = {
        "reconciliation": report,
        "page_obj": Paginator(report.lines, LINES_A_PAGE).get_page(request.GET.get("page")),
        "wrong": report.wrong[:LINES_A_PAGE],
    }
    return render(request, "consumption/reconciliation.html", context)
