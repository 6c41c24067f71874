"""Pages of search before build: the records of one's teams, a new one, one record, its badge."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog import search_record_actions, search_records
from catalog.forms import CandidateLine, DecisionForm, SearchForm, WhyForm
from catalog.models import SearchRecord
from catalog.permissions import can_decide_search_record
from marketplace.accounts.requests import PageRequest
from marketplace.core import signing
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link, Tab

PAGE_SIZE = 25
NEEDS, RECORDS = "catalog:needs", "catalog:search_records"
DEMAND = "insights:demand"  # an upper app's page
WITHDRAW = "withdraw"  # before the names of that form's fields: the decision has a reason too


def tabs(current: str) -> list[Tab]:
    """Needs, and the searches before a project."""
    labels = {RECORDS: "Search before build", NEEDS: "Needs", DEMAND: "Demand board"}
    return [Tab(label, reverse(name), name == current) for name, label in labels.items()]


def record_list(request: PageRequest) -> HttpResponse:
    """The records that the person may see, newest first, and the way to a new one."""
    records = SearchRecord.objects.visible_to(request.user).for_list()
    page = Paginator(records, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "tabs": tabs(RECORDS),
        "has_team": request.user.teams().exists(),
    }
    return render(request, "catalog/search_records.html", context)


def new_record(request: PageRequest) -> HttpResponse:
    """Say what is needed; the search runs, and what it finds is frozen."""
    initial = {"need": request.GET.get("need", "")[:1000]}
    form = SearchForm(request.POST or None, user=request.user, initial=initial)
    done, record = submitted(
        request,
        form,
        lambda **given: search_record_actions.open_search_record(request.user, **given),
    )
    if done:
        return redirect(record)
    return show(
        request,
        "catalog/new_search_record.html",
        form,
        has_team=request.user.teams().exists(),
        trail=[Link("Search before build", reverse(RECORDS))],
    )


def record(request: PageRequest, pk: int) -> HttpResponse:
    """One record: what was found, the reasons, the decision; a form for its team while it is open."""
    searched = get_object_or_404(SearchRecord.objects.visible_to(request.user).for_page(), pk=pk)
    found = search_records.shown_to(request.user, searched)
    is_deciding = request.POST.get("step") != "save"
    form = DecisionForm(request.POST or None, found=found, is_deciding=is_deciding)
    done, _ = submitted(
        request, form, lambda **given: _judge(request, searched, form, given, is_deciding)
    )
    if done:
        messages.success(request, "Decided and signed." if is_deciding else "Reasons saved.")
        return redirect(searched)
    may_decide = can_decide_search_record(request.user, searched)
    edits = may_decide and searched.is_open
    return show(
        request,
        "catalog/search_record.html",
        form,
        record=searched,
        lines=form.lines() if edits else [CandidateLine(one) for one in found],
        chosen=next((one for one in found if one.candidate.model_id == searched.chosen_id), None),
        edits=edits,
        may_decide=may_decide,
        verification=search_records.verify(searched),
        public_key=signing.public_key(),
        badge_url=request.build_absolute_uri(
            reverse("catalog:search_badge", args=[searched.badge_key])
        ),
        verify_url=request.build_absolute_uri(
            reverse("api:search-record-verify", args=[searched.pk])
        ),
        withdraw_form=WhyForm(prefix=WITHDRAW),
        trail=[Link("Search before build", reverse(RECORDS))],
    )


@require_POST
def withdraw(request: PageRequest, pk: int) -> HttpResponse:
    """Take a record back."""
    searched = get_object_or_404(SearchRecord.objects.visible_to(request.user), pk=pk)
    form = WhyForm(request.POST, prefix=WITHDRAW)
    if not form.is_valid():
        raise Invalid("Say why in at least 20 characters.", field="reason")
    search_record_actions.withdraw_search_record(
        request.user, searched, form.cleaned_data["reason"]
    )
    messages.success(request, f"{searched} is withdrawn.")
    return redirect(searched)


@login_not_required
def badge(request: PageRequest, key: str) -> HttpResponse:
    """The record's state as a small picture, for the page of a repository. Who has its address sees number, decision and date."""
    searched = get_object_or_404(SearchRecord.objects.for_page(), badge_key=key)
    verification = search_records.verify(searched)
    content = render(request, "catalog/search_badge.svg", {"verification": verification}).content
    return HttpResponse(
        content, content_type="image/svg+xml", headers={"Cache-Control": "max-age=300"}
    )


def _judge(
    request: PageRequest,
    searched: SearchRecord,
    form: DecisionForm,
    given: dict[str, Any],
    is_deciding: bool,
) -> SearchRecord:
    if not is_deciding:
        return search_record_actions.give_reasons(request.user, searched, form.reasons())
    names = ("decision", "position", "sponsor", "reason")
    return search_record_actions.decide_search_record(
        request.user,
        searched,
        reasons=form.reasons(),
        **{name: given[name] for name in names},
    )
