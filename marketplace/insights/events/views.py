"""Pages of events."""

import csv
import io
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core import icalendar
from marketplace.core.forms import show_page, submitted
from marketplace.core.links import Link
from marketplace.core.spreadsheets import as_cell
from marketplace.insights.events import actions, calendar_file
from marketplace.insights.events.forms import EventForm
from marketplace.insights.events.permissions import can_plan, can_see_sign_ups
from marketplace.insights.inventory.forms import ReasonForm
from marketplace.insights.models import CompanyEvent, EventState, SignUp

LIST = "insights:events"
PAGE_SIZE = 25


def events(request: PageRequest) -> HttpResponse:
    """What comes, the next first; below it what took place."""
    seen = CompanyEvent.objects.visible_to(request.user)
    now = timezone.now()
    coming = seen.coming(now)
    over = seen.exclude(pk__in=coming.order_by().values("pk"))
    past = over.for_list().order_by("-starts_at", "-pk")
    context = {
        "coming": coming.for_list(),
        "page_obj": Paginator(past, PAGE_SIZE).get_page(request.GET.get("page")),
        "own": set(_own(request).values_list("event", flat=True)),
        "may_plan": can_plan(request.user),
    }
    return render(request, "insights/events/events.html", context)


def event(request: PageRequest, pk: int) -> HttpResponse:
    """One event: when, where, how many places are left; to sign up."""
    shown = _event(request, pk)
    now = timezone.now()
    context = {
        "event": shown,
        "is_signed_up": _own(request).filter(event=shown).exists(),
        "is_open": shown.state == EventState.OPEN and shown.ends_at > now,
        "has_begun": shown.starts_at <= now,
        "left": None if shown.capacity is None else max(shown.capacity - shown.taken, 0),
        "may_plan": can_plan(request.user),
        "may_see_sign_ups": can_see_sign_ups(request.user),
        "reason_form": ReasonForm(),
        "trail": _trail(),
    }
    return render(request, "insights/events/event.html", context)


def new_event(request: PageRequest) -> HttpResponse:
    """Plan one. Raises Http404 for who does not plan."""
    _require_planner(request)
    form = EventForm(request.POST or None)
    done, made = submitted(request, form, lambda **facts: actions.plan(request.user, **facts))
    if done:
        messages.success(request, "It is planned; everybody sees it.")
        return redirect(made)
    return show_page(
        request,
        form,
        title="Plan an event",
        lead="Everybody sees it at once and may sign up.",
        act="Save",
        back=reverse(LIST),
        trail=_trail(),
    )


def edit_event(request: PageRequest, pk: int) -> HttpResponse:
    """Change what was planned. Raises Http404 for who does not plan."""
    _require_planner(request)
    shown = _event(request, pk)
    form = EventForm(request.POST or None, of=shown)
    done, _ = submitted(request, form, lambda **facts: actions.edit(request.user, shown, **facts))
    if done:
        messages.success(request, "Saved. Who comes is told where time or place changed.")
        return redirect(shown)
    return show_page(
        request,
        form,
        title="Change an event",
        lead="Who signed up is told where time or place change.",
        act="Save",
        back=shown.get_absolute_url(),
        trail=[*_trail(), Link(shown.title, shown.get_absolute_url())],
    )


@require_POST
def change_event(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Sign up, withdraw, or cancel the event."""
    shown = _event(request, pk)
    if verb == "sign-up":
        actions.sign_up(request.user, shown)
        messages.success(request, "You are signed up.")
    elif verb == "withdraw":
        actions.withdraw(request.user, shown)
        messages.success(request, "You are not signed up any more.")
    elif verb == "cancel":
        actions.cancel(request.user, shown, str(request.POST.get("reason", ""))[:4000])
        messages.success(request, "Cancelled; who signed up is told.")
    else:
        raise Http404
    return redirect(shown)


def event_calendar(request: PageRequest, pk: int) -> HttpResponse:
    """The event for a calendar program."""
    return HttpResponse(
        calendar_file.written(_event(request, pk)),
        content_type=icalendar.MEDIA_TYPE,
        headers={"Content-Disposition": f"attachment; filename=event-{pk}.ics"},
    )


def attendance(request: PageRequest, pk: int) -> HttpResponse:
    """Who signed up, and who came; `?as=csv`. POST writes down who came. Raises Http404 for who may not see it."""
    if not can_see_sign_ups(request.user):
        raise Http404
    shown = _event(request, pk)
    if request.method == "POST":
        actions.note_attendance(request.user, shown, request.POST.getlist("people")[:10_000])
        messages.success(request, "Saved.")
        return redirect("insights:event_attendance", pk)
    signed = shown.sign_ups.filter(withdrawn_at=None).select_related("person")
    if request.GET.get("as") == "csv":
        return _as_csv(shown, list(signed))
    context = {
        "event": shown,
        "signed": signed,
        "may_note": can_plan(request.user) and shown.starts_at <= timezone.now(),
        "trail": [*_trail(), Link(shown.title, shown.get_absolute_url())],
    }
    return render(request, "insights/events/attendance.html", context)


def _as_csv(event: CompanyEvent, signed: list[SignUp]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["person", "name", "signed_up", "attended"])
    words = {None: "", True: "yes", False: "no"}
    for one in signed:
        cells = [one.person.username, str(one.person), one.at.isoformat(), words[one.attended]]
        writer.writerow(map(as_cell, cells))
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename=event-{event.pk}.csv"},
    )


def _own(request: PageRequest) -> "QuerySet[SignUp]":
    return SignUp.objects.filter(person=request.user, withdrawn_at=None)


def _require_planner(request: PageRequest) -> None:
    if not can_plan(request.user):
        raise Http404


def _event(request: PageRequest, pk: int) -> Any:
    return get_object_or_404(CompanyEvent.objects.visible_to(request.user).for_list(), pk=pk)


def _trail() -> list[Link]:
    return [Link("Events", reverse(LIST))]
