"""Pages of the value ledger: the year, a line's evidence, what people say about a line, a quarter and its signature."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone

from catalog import search_records
from catalog.models import RegisteredModel, SearchRecord
from consumption.models import Subscription
from marketplace.accounts.models import User
from marketplace.accounts.requests import PageRequest
from marketplace.audit.models import AuditEvent
from marketplace.core.forms import show, show_page, submitted
from marketplace.core.links import Link
from marketplace.core.query import whole_number
from marketplace.insights.business_case import prefill
from marketplace.insights.ledger import (
    actions,
    calls,
    cohorts,
    drawing,
    export,
    headline,
    quarters,
    rules,
    signing,
    unqualified,
    words,
)
from marketplace.insights.ledger.forms import (
    ConfirmForm,
    CounterfactualForm,
    DescribeForm,
    EffortForm,
    ReasonForm,
    parsed_day,
)
from marketplace.insights.ledger.permissions import (
    can_confirm_line,
    can_describe_line,
    can_log_effort,
    can_reject_line,
    can_sign_quarters,
    can_state_counterfactual,
    sees_all_value,
)
from marketplace.insights.models import PublishingEffort, ReuseEvent, SignedQuarter

HISTORY = 50  # acts of a subscription's history
LINES = 50  # of the ledger on a page
USES = 8  # that count nothing, until all are asked for


def value(request: PageRequest) -> HttpResponse:
    """What reuse saved in a year, and the ledger behind it in pages; `?line=` opens a line, `?as=csv` has all."""
    year = _year(request)
    if request.GET.get("as") == "csv":
        return _file(
            export.lines_csv(request.user, year), f"ledger-{year}.csv", "text/csv; charset=utf-8"
        )
    shown = headline.headline(request.user, year)
    opened = _opened(request)
    page = Paginator(headline.lines(request.user, year), LINES).get_page(request.GET.get("page"))
    is_running = year == headline.running_year()
    context = {
        "shown": shown,
        "page_obj": page,
        "range": drawing.range_bar(shown.avoided),
        "quarters": drawing.quarter_bars(shown.quarters),
        "units": drawing.unit_bars(shown.units),
        "years": headline.years(request.user),
        "rows": [(line, words.kind_words(line)) for line in _with_opened(page, opened)],
        "opened": opened,
        "acts": _acts(request.user, opened.line) if opened else {},
        "teams": set(request.user.teams().values_list("slug", flat=True)),
        **_uncounted(request, is_shown=is_running and not page.has_next()),
        "gross": prefill.gross() if shown.is_whole else None,
        "cohorts": cohorts.cohorts(request.user),
        "to_sign": signing.first_unsigned() if can_sign_quarters(request.user) else None,
        "rules": rules,
    }
    return render(request, "insights/ledger/value.html", context)


def _uncounted(request: PageRequest, *, is_shown: bool) -> dict[str, Any]:
    """The uses that count nothing below the last line of the running year: the first USES, with `?uses=all` all."""
    found = unqualified.uses(request.user) if is_shown else []
    shown = found if request.GET.get("uses") == "all" else found[:USES]
    return {"unqualified": shown, "more_uses": len(found) - len(shown)}


def _with_opened(page: "Page[ReuseEvent]", opened: words.OpenedLine | None) -> list[ReuseEvent]:
    """The lines of the page; first the opened one where it is on another page."""
    lines = list(page)
    is_elsewhere = opened is not None and opened.line.pk not in {line.pk for line in lines}
    return [opened.line, *lines] if opened and is_elsewhere else lines


def _year(request: PageRequest) -> int:
    year = whole_number(request.GET.get("year", ""))
    valid = year is not None and quarters.FIRST_YEAR <= year <= quarters.LAST_YEAR
    return year if valid and year is not None else headline.running_year()


def _opened(request: PageRequest) -> words.OpenedLine | None:
    number = whole_number(request.GET.get("line", ""))
    if number is None or number >= 2**63:
        return None
    line = ReuseEvent.objects.visible_to(request.user).for_page().filter(pk=number).first()
    return words.opened(line) if line else None


def _acts(user: User, line: ReuseEvent) -> dict[str, bool]:
    """What the reader may do with a line that stands in an open quarter."""
    is_open = not line.is_reversal and not line.is_reversed and not line.is_signed  # type: ignore[attr-defined]
    stands = not line.is_reversal and not line.is_reversed  # type: ignore[attr-defined]
    return {
        "describe": is_open and can_describe_line(user, line),
        "confirm": is_open and can_confirm_line(user, line),
        "reject": stands and bool(line.high) and can_reject_line(user, line),
    }


def value_export(request: PageRequest) -> HttpResponse:
    """The auditor's export: a ZIP with all inputs and the script that works them out again."""
    return _file(export.as_zip(request.user), "value-ledger.zip", "application/zip")


def recompute(request: PageRequest) -> HttpResponse:
    """The script of the export, to read."""
    return HttpResponse(export.SCRIPT.read_text(), content_type="text/plain; charset=utf-8")


def _file(content: str | bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f"attachment; filename={name}"}
    )


# ── The evidence of a line ────────────────────────────────────────────────


def line_calls(request: PageRequest, pk: int) -> HttpResponse:
    """The calls of a line by day, `?day=` its hours, `&hour=` the calls of an hour."""
    line = _line_or_404(request, pk)
    days = calls.days_of(line)
    context: dict[str, Any] = {
        "line": line,
        "days": days,
        "answered": calls.answered(line),
        "suffices": calls.suffices_from(days),
        "most_calls": calls.MOST_CALLS,
        "labels": [count.label for count in days],
        "values": [count.ok for count in days],
        "rules": rules,
        "trail": _trail(line),
    }
    day = parsed_day(request.GET.get("day", ""))
    if day is not None and any(count.at == day.isoformat() for count in days):
        hours = calls.hours_of(line, day)
        context |= {"day": day, "hours": hours}
        hour = next((count for count in hours if count.at == request.GET.get("hour")), None)
        if hour is not None:
            at = datetime(day.year, day.month, day.day, int(hour.at), tzinfo=UTC)
            context |= {"hour": hour, "calls": calls.calls_of(line, at)}
    return render(request, "insights/ledger/calls.html", context)


def line_record(request: PageRequest, pk: int) -> HttpResponse:
    """The search before the decision to reuse, frozen, with its signature checked."""
    line = _line_or_404(request, pk)
    known = [line.search_record_id] if line.search_record_id else []
    record = SearchRecord.objects.for_page().filter(pk__in=known).first()
    context = {
        "line": line,
        "record": record,
        "lines": search_records.shown_to(request.user, record) if record else [],
        "faults": _faults(record) if record else [],
        "may_open": record is not None
        and SearchRecord.objects.visible_to(request.user).filter(pk=record.pk).exists(),
        "trail": _trail(line),
    }
    return render(request, "insights/ledger/record.html", context)


def _faults(record: SearchRecord) -> list[search_records.Fault]:
    """What is wrong with a record as evidence: that it expired since is nothing."""
    return [
        fault
        for fault in search_records.verify(record).faults
        if fault.code not in ("expired", "gone")
    ]


def line_approval(request: PageRequest, pk: int) -> HttpResponse:
    """The subscription behind a line, what its owner said, and everything that happened to it."""
    line = _line_or_404(request, pk)
    subscription = Subscription.objects.for_list().get(pk=line.subscription_id)
    history = AuditEvent.objects.filter(
        object_type=Subscription._meta.label_lower, object_id=str(subscription.pk)
    )
    of_line = AuditEvent.objects.filter(
        object_type=ReuseEvent._meta.label_lower, object_id=str(line.pk)
    )
    context = {
        "line": line,
        "subscription": subscription,
        "history": (history | of_line).select_related("actor").order_by("at", "id")[:HISTORY],
        "may_open": subscription.application.team_id in request.user.team_ids(),
        "trail": _trail(line),
    }
    return render(request, "insights/ledger/approval.html", context)


# ── What people say about a line ──────────────────────────────────────────


def describe_line(request: PageRequest, pk: int) -> HttpResponse:
    """Its team says what integrating took and which plan was given up."""
    line = _line_or_404(request, pk)
    if not can_describe_line(request.user, line):
        raise Http404
    initial = {name: getattr(line, name) for name in actions.PLAN} | {
        "integration": line.integration_logged
    }
    form = DescribeForm(request.POST or None, initial=initial)
    return _said(
        request,
        line,
        form,
        lambda **facts: actions.describe_line(request.user, line, **facts),
        "What stands behind it",
    )


def state_counterfactual(request: PageRequest, pk: int) -> HttpResponse:
    """A team says what it would have done without a model that it uses."""
    held = Subscription.objects.visible_to(request.user).for_list()
    subscription = get_object_or_404(held.filter(counterfactual=""), pk=pk)
    if not can_state_counterfactual(request.user, subscription):
        raise Http404
    form = CounterfactualForm(request.POST or None)
    done, _ = submitted(
        request,
        form,
        lambda counterfactual: actions.state_counterfactual(
            request.user, subscription, counterfactual
        ),
    )
    if done:
        messages.success(request, "Said: it counts from the next nightly sweep on.")
        return redirect("insights:value")
    return show_page(
        request,
        form,
        title=f"Without {subscription.model}",
        lead=f"What would {subscription.application.team} have done? It is said once; somebody who leads in your unit confirms it when"
        " the use qualifies.",
        act="Save",
        back=_value_url(),
        trail=[Link("Value", _value_url())],
    )


def confirm_line(request: PageRequest, pk: int) -> HttpResponse:
    """A lead of the unit attests what the team would have done."""
    line = _line_or_404(request, pk)
    if not can_confirm_line(request.user, line):
        raise Http404
    form = ConfirmForm(request.POST or None, line=line)
    return _said(
        request,
        line,
        form,
        lambda **_: actions.confirm_line(request.user, line, **form.facts()),
        "Confirm",
    )


def reject_line(request: PageRequest, pk: int) -> HttpResponse:
    """Finance takes a line back."""
    line = _line_or_404(request, pk)
    if not can_reject_line(request.user, line):
        raise Http404
    form = ReasonForm(request.POST or None)
    return _said(
        request,
        line,
        form,
        lambda reason: actions.reject_line(request.user, line, reason),
        "Reject the evidence",
    )


def _said(request: PageRequest, line: ReuseEvent, form: Any, verb: Any, title: str) -> HttpResponse:
    done, changed = submitted(request, form, verb)
    if done:
        messages.success(request, "Saved: the line is worked out anew.")
        return redirect(changed)
    context = {"line": line, "words": words.kind_words(line), "title": title, "trail": _trail(line)}
    return show(request, "insights/ledger/say.html", form, **context)


# ── Quarters ──────────────────────────────────────────────────────────────


def quarter(request: PageRequest, name: str) -> HttpResponse:
    """What a quarter adds up to, who signed it, and whether it is still as it was signed; finance signs here."""
    first = quarters.parsed(name)
    if first is None or quarters.name_of(first) != name:
        raise Http404
    if request.method == "POST":
        made = actions.sign_quarter(request.user, first)
        messages.success(request, f"Signed. Fingerprint {made.sha256[:8]}.")
        return redirect(made)
    lines = ReuseEvent.objects.visible_to(request.user).for_list().filter(quarter=first)
    signed = SignedQuarter.objects.select_related("signed_by").filter(quarter=first).first()
    is_whole = sees_all_value(request.user)
    context = {
        "name": name,
        "first": first,
        "last": quarters.last_day(first),
        "lines": lines[: headline.MOST_LINES],
        "signed": signed,
        "event": AuditEvent.objects.filter(pk=signed.audit_event_id).first() if signed else None,
        "is_unchanged": signed is not None and signing.is_unchanged(signed),
        "sums": signing.sums_of(first) if is_whole else None,
        "is_whole": is_whole,
        "may_sign": signed is None
        and can_sign_quarters(request.user)
        and signing.first_unsigned() == first,
        "is_over": quarters.last_day(first) < timezone.now().date(),
        "trail": [Link("Value", f"{_value_url()}?year={quarters.year_of(first)}")],
    }
    return render(request, "insights/ledger/quarter.html", context)


def efforts(request: PageRequest, slug: str) -> HttpResponse:
    """What a model took its owners: they log it here."""
    model = get_object_or_404(RegisteredModel.objects.visible_to(request.user), slug=slug)
    if not can_log_effort(request.user, model):
        raise Http404
    form = EffortForm(
        request.POST or None, initial={"kind": "publication", "spent_on": timezone.now().date()}
    )
    done, _ = submitted(
        request, form, lambda **facts: actions.log_effort(request.user, model, **facts)
    )
    if done:
        messages.success(request, "Logged.")
        return redirect("insights:efforts", model.slug)
    rows = PublishingEffort.objects.filter(model=model).select_related("logged_by")[
        : headline.MOST_LINES
    ]
    trail = [Link(model.name, model.get_absolute_url())]
    return show(
        request,
        "insights/ledger/efforts.html",
        form,
        model=model,
        rows=rows,
        rules=rules,
        trail=trail,
    )


def _line_or_404(request: PageRequest, pk: int) -> ReuseEvent:
    found: ReuseEvent = get_object_or_404(
        ReuseEvent.objects.visible_to(request.user).for_page(), pk=pk
    )
    return found


def _trail(line: ReuseEvent) -> list[Link]:
    return [
        Link("Value", f"{_value_url()}?year={quarters.year_of(line.quarter)}"),
        Link(str(line), line.get_absolute_url()),
    ]


def _value_url() -> str:
    return reverse("insights:value")


urlpatterns = [
    path("insights/value/", value, name="value"),
    path("insights/value/export/", value_export, name="value_export"),
    path("insights/value/recompute.py", recompute, name="recompute"),
    path("insights/value/lines/<int:pk>/calls/", line_calls, name="line_calls"),
    path("insights/value/lines/<int:pk>/record/", line_record, name="line_record"),
    path("insights/value/lines/<int:pk>/approval/", line_approval, name="line_approval"),
    path("insights/value/lines/<int:pk>/describe/", describe_line, name="describe_line"),
    path("insights/value/lines/<int:pk>/confirm/", confirm_line, name="confirm_line"),
    path("insights/value/lines/<int:pk>/reject/", reject_line, name="reject_line"),
    path("insights/value/uses/<int:pk>/", state_counterfactual, name="state_counterfactual"),
    path("insights/value/quarters/<str:name>/", quarter, name="quarter"),
    path("models/<slug:slug>/effort/", efforts, name="efforts"),
]
