"""Pages of statements: a month by unit, team or cost centre, one line taken apart, disputes; and the pages of finance."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, When
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from catalog.results import with_value
from consumption.budgets import uses as budgets
from consumption.dashboards import sheets
from consumption.metering.quota import next_period, period_start
from consumption.models import ClosedMonth, Dispute, SharedCost, UnitCharging
from consumption.permissions import can_answer_dispute, can_dispute, can_keep_the_books
from consumption.statements import actions, closing, drilldown, focus, statement
from consumption.statements import sheets as finance_sheets
from consumption.statements.forms import (
    AnswerForm,
    ChargingForm,
    DisputeForm,
    MonthForm,
    SharedCostForm,
)
from consumption.statements.statement import GROUPS, Group, Line, Statement
from marketplace.accounts.models import Team
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.money import to_micros
from marketplace.core.spreadsheets import as_cell

LINES_A_PAGE = 100
GROUP_LABELS = {"unit": "Business unit", "team": "Team", "cost_centre": "Cost centre"}
GROUP_FIELDS = (
    "slug name currency is_charged usage fee correction platform adjustment total".split()
)


def monthly_statement(request: PageRequest) -> HttpResponse:
    """What a month costs whom; `?as=csv` the lines, `?as=sums` the sums, `?as=focus` the FOCUS export."""
    shown = Statement(request.user, statement.month(request.GET.get("month")))
    by = request.GET.get("by", "")
    by = by if by in GROUPS else "unit"
    chosen = {name: request.GET[name] for name in GROUPS if request.GET.get(name) is not None}
    exports: dict[str, Callable[[], str]] = {
        "csv": lambda: statement.as_csv(shown.lines(**chosen)),
        "sums": lambda: _sums_csv(shown.groups(by, **chosen), shown.month),
        "focus": lambda: focus.as_csv(shown.lines(**chosen), is_closed=shown.closed is not None),
    }
    asked = request.GET.get("as", "")
    if asked in exports:
        return _download(exports[asked](), f"{_export_name(asked)}-{shown.month:%Y-%m}")
    groups = shown.groups(by, **chosen)
    lines = shown.lines_of(groups, **chosen)
    # else a sum is a part of what the budget's unit, team or cost centre pays
    is_whole = chosen.keys() <= {by} and (shown.teams is None or by == "team")
    context = {
        "month": shown.month,
        "until": next_period(shown.month),
        "months": statement.months(),
        "by": by,
        "by_label": GROUP_LABELS[by],
        "tabs": [
            (name, GROUP_LABELS[name], with_value(request.GET, "by", name)) for name in GROUPS
        ],
        "chosen": chosen,
        "groups": groups,
        "budgets": budgets.of_groups(groups, by, shown.month) if is_whole else {},
        "sums": _summed(groups),
        "totals": _totals(groups),
        "page_obj": Paginator(lines, LINES_A_PAGE).get_page(request.GET.get("page")),
        "closed": shown.closed,
        "reconciled": closing.reconciled(shown, None if chosen else groups),
        "sees_all": shown.teams is None,
        "is_over": next_period(shown.month) <= period_start(datetime.now(UTC)),
        "may_close": can_keep_the_books(request.user),
    }
    if shown.closed:
        context["disputable_until"] = actions.disputable_until(shown.closed)
    return render(request, "consumption/statement.html", context)


def statement_line(request: PageRequest, month: str, key: str) -> HttpResponse:
    """One line: its days, hours and calls, its price; its team says here that it is wrong."""
    shown, line = _line_or_404(request, month, key)
    team = Team.objects.get(pk=line.team_id)
    form = DisputeForm(request.POST or None)
    done, dispute = submitted(
        request,
        form,
        lambda reason: actions.open_dispute(request.user, shown.month, line, reason),
    )
    if done:
        messages.success(request, "Finance was told; the answer comes as a notice.")
        return redirect(dispute)
    days = drilldown.days_of(line, shown.month)
    if request.GET.get("as") == "csv":
        return _download(_parts_csv(days.parts, line), f"line-{key}-{shown.month:%Y-%m}")
    context = {
        "statement": shown,
        "month": shown.month,
        "line": line,
        "days": days,
        "steps": drilldown.steps_of(line, shown.month),
        "disputes": Dispute.objects.for_list().filter(month=shown.month, line_key=key),
        "may_dispute": can_dispute(request.user, team),
        **_of_day(request, line, days.parts),
    }
    return show(request, "consumption/statement_line.html", form, **context)


def _of_day(request: PageRequest, line: Line, parts: list[drilldown.Part]) -> dict[str, Any]:
    """The hours of the day in the address, and the calls of its hour."""
    day = next((part for part in parts if part.at == request.GET.get("day")), None)
    if day is None or not line.units:
        return {}
    hours = drilldown.hours_of(line, date.fromisoformat(day.at), day.amount)
    found: dict[str, Any] = {"day": day, "hours": hours}
    hour = next((part for part in hours if part.at == request.GET.get("hour")), None)
    if hour is not None:
        at = datetime.fromisoformat(f"{day.at}T{hour.at}:00:00+00:00")
        found |= {"hour": hour, "calls": drilldown.calls_of(line, at)}
        found["most_calls"] = drilldown.MOST_CALLS
    return found


def dispute(request: PageRequest, pk: int) -> HttpResponse:
    """One dispute; finance answers here."""
    row = get_object_or_404(Dispute.objects.visible_to(request.user).for_list(), pk=pk)
    form = AnswerForm(request.POST or None)
    done, _ = submitted(
        request,
        form,
        lambda answer, credit, reason: actions.answer_dispute(
            request.user, row, accept=answer == "accept", credit=credit, reason=reason
        ),
    )
    if done:
        messages.success(request, "Answered: the team was told.")
        return redirect(row)
    context = {
        "dispute": row,
        "may_answer": row.state == Dispute.State.OPEN and can_answer_dispute(request.user, row),
        "may_withdraw": row.state == Dispute.State.OPEN and can_dispute(request.user, row.team),
    }
    return show(request, "consumption/dispute.html", form, **context)


@require_POST
def withdraw_dispute(request: PageRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Dispute.objects.visible_to(request.user).for_list(), pk=pk)
    actions.withdraw_dispute(request.user, row)
    messages.success(request, "Taken back.")
    return redirect(row)


def disputes(request: PageRequest) -> HttpResponse:
    """The disputes that one may see, open ones first."""
    open_first = Case(When(state=Dispute.State.OPEN, then=0), default=1)
    rows = Dispute.objects.visible_to(request.user).for_list().order_by(open_first, "-opened_at")
    table = {"disputes": lambda: finance_sheets.of_disputes(rows[: finance_sheets.MOST])}
    if answer := sheets.download(request.GET, "finance", table):
        return answer
    page = Paginator(rows, LINES_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "consumption/disputes.html", {"page_obj": page})


def close_month(request: PageRequest, month: str) -> HttpResponse:
    """What must hold before a month is closed, and the button."""
    first = _month_or_404(month)
    if not can_keep_the_books(request.user):
        raise Http404
    if request.method == "POST":
        made = actions.close_month(request.user, first)
        messages.success(request, f"Closed. Fingerprint {made.sha256[:8]}.")
        return redirect(made)
    shown = Statement(None, first)
    checks = closing.checks(first)
    groups = shown.groups("unit")
    context = {
        "month": first,
        "checks": checks,
        "is_ready": all(check.holds for check in checks),
        "closed": shown.closed,
        "reconciled": closing.reconciled(shown, groups),
        "groups": groups,
        "open_disputes": Dispute.objects.open().filter(month=first).count(),
    }
    return render(request, "consumption/close_month.html", context)


def finance(request: PageRequest) -> HttpResponse:
    """Finance's start: the month by cost centre, what waits, who is charged, what is shared, what was closed."""
    if not can_keep_the_books(request.user):
        raise Http404
    tables = {
        "shared": finance_sheets.of_shared_costs,
        "charging": finance_sheets.of_charging,
        "closed": finance_sheets.of_closed_months,
    }
    if answer := sheets.download(request.GET, "finance", tables):
        return answer
    shown = Statement(request.user, statement.month(request.GET.get("month")))
    groups = shown.groups("cost_centre")
    context = {
        "month": shown.month,
        "months": statement.months(),
        "groups": groups,
        "budgets": budgets.of_groups(groups, "cost_centre", shown.month),
        "sums": _summed(groups),
        "reconciled": closing.reconciled(shown, groups),
        "closed_months": ClosedMonth.objects.select_related("closed_by").order_by("-month")[:12],
        "next_to_close": actions.next_to_close(),
        "disputes": Dispute.objects.open().for_list()[:10],
        "charging": UnitCharging.objects.select_related("unit", "set_by").order_by(
            "unit__name", "-from_month"
        )[:50],
        "shared_costs": SharedCost.objects.select_related("set_by")[:50],
    }
    return render(request, "consumption/finance.html", context)


def set_charging(request: PageRequest) -> HttpResponse:
    """Charge a unit, or only show it what it uses."""
    if not can_keep_the_books(request.user):
        raise Http404
    first = actions.first_open_month()
    form = ChargingForm(request.POST or None, initial={"from_month": first, "is_charged": "yes"})
    done, _ = submitted(
        request, form, lambda unit, **given: actions.set_charging(request.user, unit, **given)
    )
    if done:
        messages.success(request, "Set.")
        return redirect("consumption:finance")
    title = "Who is charged"
    return show(request, "consumption/finance_form.html", form, title=title, first_open=first)


def share_cost(request: PageRequest) -> HttpResponse:
    """Have a cost of the platform shared."""
    if not can_keep_the_books(request.user):
        raise Http404
    first = actions.first_open_month()
    form = SharedCostForm(request.POST or None, initial={"from_month": first})
    done, _ = submitted(
        request,
        form,
        lambda amount, **given: actions.share_cost(
            request.user, amount_micros=to_micros(amount), **given
        ),
    )
    if done:
        messages.success(request, "It is shared from then on.")
        return redirect("consumption:finance")
    title = "Share a cost"
    return show(request, "consumption/finance_form.html", form, title=title, first_open=first)


def end_shared_cost(request: PageRequest, pk: int) -> HttpResponse:
    """Stop sharing a cost."""
    if not can_keep_the_books(request.user):
        raise Http404
    cost = get_object_or_404(SharedCost, pk=pk)
    first = actions.first_open_month()
    form = MonthForm(request.POST or None, initial={"until_month": first})
    done, _ = submitted(
        request,
        form,
        lambda until_month: actions.end_shared_cost(request.user, cost, until_month),
    )
    if done:
        messages.success(request, "It ends then.")
        return redirect("consumption:finance")
    title = f"End “{cost}”"
    return show(request, "consumption/finance_form.html", form, title=title, first_open=first)


def _month_or_404(text: str) -> date:
    first = statement.month(text)
    if f"{first:%Y-%m}" != text:
        raise Http404
    return first


def _line_or_404(request: PageRequest, month: str, key: str) -> tuple[Statement, Line]:
    shown = Statement(request.user, _month_or_404(month))
    line = next(iter(shown.lines(key=key)), None)
    if line is None:
        raise Http404
    return shown, line


def _summed(groups: list[Group]) -> list[Group]:
    """One Group for each currency: the sum of its groups."""
    sums: dict[str, Group] = {}
    for group in groups:
        before = sums.get(group.currency)
        amounts = [
            getattr(group, name) + (getattr(before, name) if before else 0)
            for name in GROUP_FIELDS[4:]
        ]
        charged = group.is_charged and (before is None or before.is_charged)
        sums[group.currency] = Group("", "Together", group.currency, charged, *amounts)
    return list(sums.values())


def _totals(groups: list[Group]) -> dict[str, dict[str, Any]]:
    """{"charged" or "shown": {currency: amount}}."""
    found: dict[str, dict[str, Any]] = {"charged": {}, "shown": {}}
    for group in groups:
        amounts = found["charged" if group.is_charged else "shown"]
        amounts[group.currency] = amounts.get(group.currency, 0) + group.total
    return found


def _export_name(asked: str) -> str:
    return {"csv": "statement", "sums": "statement-sums", "focus": "focus-1.2"}[asked]


def _download(text: str, name: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename={name}.csv"},
    )


def _sums_csv(groups: list[Group], month: date) -> str:
    return _csv(
        ["month", *GROUP_FIELDS],
        ([f"{month:%Y-%m}", *(getattr(one, name) for name in GROUP_FIELDS)] for one in groups),
    )


def _parts_csv(parts: list[drilldown.Part], line: Line) -> str:
    rows = ([part.at, part.units, part.cost, part.amount, line.currency] for part in parts)
    return _csv(["day", "units", "cost", "amount", "currency"], rows)


def csv_download(header: list[str], rows: Iterable[Iterable[Any]], name: str) -> HttpResponse:
    """A table as a CSV file."""
    return _download(_csv(header, rows), name)


def _csv(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(map(as_cell, row) for row in rows)
    return text.getvalue()
