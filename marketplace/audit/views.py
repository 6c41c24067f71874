"""The record for people: search, what each act changed, verification, signed extracts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.audit import verify as verifying
from marketplace.audit.extract import extract as take_extract
from marketplace.audit.filters import EventFilter
from marketplace.audit.models import AuditEvent, Checkpoint, Verification, Watch
from marketplace.audit.permissions import can_oversee
from marketplace.core.errors import Invalid

PAGE_SIZE = 30
MOST_PRINTED = 500  # events: some forty sheets
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Fact:
    """One detail of an act: what was set, or what it was before; None where nothing was."""

    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Act:
    """An event and what it changed."""

    event: AuditEvent
    facts: list[Fact]
    changes: list[Fact]

    @property
    def by_another(self) -> bool:
        """Did somebody else do it than the person it is about? Of a login only one name is worth reading."""
        about = (self.event.object_type, self.event.object_id)
        return about != (self.event.actor._meta.label_lower, str(self.event.actor_id))


def record(request: PageRequest) -> HttpResponse:
    """Who did what to what, when and why; one's own acts, or everything for those who oversee."""
    filterset = _asked(request)
    page = Paginator(filterset.qs.order_by("-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "acts": [act_of(event) for event in page],
        "page_obj": page,
        "form": filterset.form,
        "problems": filterset.sentences,
        "oversees": can_oversee(request.user),
        "verification": Verification.objects.select_related("asked_by").first(),
        "checkpoint": Checkpoint.objects.first(),
        "watch": Watch.objects.first(),
    }
    status = 400 if filterset.sentences else 200
    return render(request, "audit/record.html", context, status=status)


@require_POST
def extract(request: PageRequest) -> HttpResponse:
    """Download the events that the address's filters find; the record keeps who did."""
    filterset = _asked(request)
    if filterset.sentences:
        raise Invalid(" ".join(filterset.sentences), field=next(iter(filterset.errors)))
    taken = take_extract(request.user, filterset.qs, filterset.question())
    return HttpResponse(
        taken.content,
        content_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{taken.name}"'},
    )


def print_record(request: PageRequest) -> HttpResponse:
    """The events that the address's filters find, on one page for paper."""
    if not can_oversee(request.user):
        raise Http404
    filterset = _asked(request)
    if filterset.sentences:
        raise Invalid(" ".join(filterset.sentences), field=next(iter(filterset.errors)))
    newest = filterset.qs.order_by("-pk")[:MOST_PRINTED]
    context = {
        "acts": [act_of(event) for event in reversed(newest)],
        "total": filterset.qs.count(),
        "most": MOST_PRINTED,
        "question": filterset.question(),
        "made_at": timezone.now(),
        "checkpoint": Checkpoint.objects.first(),
    }
    return render(request, "audit/print.html", context)


@require_POST
def verify(request: PageRequest) -> HttpResponse:
    """Have the whole record verified."""
    verifying.ask(request.user)
    messages.success(request, "The record is being verified. Reload this page in a moment.")
    return redirect("audit:record")


def act_of(event: AuditEvent) -> Act:
    """What the details say: pairs of before and after apart from the rest."""
    facts = list(_facts(event.detail))
    return Act(
        event,
        [fact for fact in facts if fact.before is None and fact.after is not None],
        [fact for fact in facts if fact.before is not None],
    )


def _asked(request: PageRequest) -> EventFilter:
    events = AuditEvent.objects.visible_to(request.user).select_related("actor")
    return EventFilter(request.GET, queryset=events)


def _facts(detail: dict[str, Any], label: str = "") -> Iterator[Fact]:
    """Also {field: {before, after}} inside `changes`, and documents before and after, field by field."""
    if BEFORE in detail and AFTER in detail:
        yield from _compared(label or "value", detail[BEFORE], detail[AFTER])
    for name, value in detail.items():
        if isinstance(value, dict) and (name == "changes" or BEFORE in value):
            yield from _facts(value, "" if name == "changes" else name)
        elif not (name in (BEFORE, AFTER) and AFTER in detail):
            yield Fact(name, None, _text(value))


def _compared(label: str, before: Any, after: Any) -> Iterator[Fact]:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield Fact(label, _text(before), _text(after))
        return
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Fact(name, _text(before.get(name)), _text(after.get(name)))


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
