"""Pages of needs: the list, a new one, one need with who has joined."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog import need_actions
from catalog.forms import CommissionForm, JoinForm, LinkForm, NeedForm, TeamForm, WhyForm
from catalog.models import Need, RegisteredModel, SearchRecord
from catalog.permissions import can_commission, can_withdraw_need
from catalog.search_record_views import NEEDS, tabs
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link, Tab

PAGE_SIZE = 25
SHOWN = {"": Need.WAITING, "met": (Need.State.MATCHED,), "declined": (Need.State.DECLINED,)}
LABELS = {"": "Waiting", "met": "Met", "declined": "Declined"}


def need_list(request: PageRequest) -> HttpResponse:
    """What teams need and no model does yet, the largest demand first."""
    chosen = request.GET.get("state", "")
    states = SHOWN.get(chosen, Need.WAITING)
    needs = Need.objects.visible_to(request.user).filter(state__in=states).for_list()
    context = {
        "page_obj": Paginator(needs, PAGE_SIZE).get_page(request.GET.get("page")),
        "tabs": tabs(NEEDS),
        "states": [
            Tab(label, f"?state={state}" if state else "?", state == chosen)
            for state, label in LABELS.items()
        ],
    }
    return render(request, "catalog/needs.html", context)


def new_need(request: PageRequest) -> HttpResponse:
    """Say what is missing."""
    form = NeedForm(request.POST or None, user=request.user, initial=_initial(request))
    done, need = submitted(
        request, form, lambda **given: need_actions.open_need(request.user, **given)
    )
    if done:
        messages.success(request, "Recorded. Others can join it now.")
        return redirect(need)
    return show(
        request,
        "catalog/new_need.html",
        form,
        has_team=request.user.teams().exists(),
        trail=[Link("Needs", reverse(NEEDS))],
    )


def _initial(request: PageRequest) -> dict[str, Any]:
    """What a search, or a record of one, says already."""
    number = request.GET.get("search_record", "")
    records = SearchRecord.objects.filter(team__in=request.user.teams())
    searched = records.filter(pk=number).first() if number.isdecimal() else None
    if searched is None:
        return {"title": request.GET.get("need", "")[:120]}
    return {
        "title": searched.title,
        "text": searched.need,
        "team": searched.team_id,
        "search_record": searched.pk,
    }


def need(request: PageRequest, pk: int) -> HttpResponse:
    """One need: who has joined, what it is worth, what becomes of it; the form to join."""
    wanted = get_object_or_404(Need.objects.visible_to(request.user).for_list(), pk=pk)
    form = JoinForm(request.POST or None, user=request.user)
    done, _ = submitted(
        request, form, lambda **given: need_actions.join_need(request.user, wanted, **given)
    )
    if done:
        messages.success(request, "You have joined. You are told when a model meets it.")
        return redirect(wanted)
    supports = wanted.supports.filter(left_at=None).select_related("team__business_unit")
    own = set(request.user.teams().values_list("pk", flat=True))
    visible = RegisteredModel.objects.visible_to(request.user)
    return show(
        request,
        "catalog/need.html",
        form,
        need=wanted,
        supports=supports,
        own_teams=own,
        model=visible.filter(pk=wanted.model_id).first(),
        may_withdraw=wanted.state == Need.State.OPEN and can_withdraw_need(request.user, wanted),
        may_link=can_commission(request.user) or visible.filter(owner_team__in=own).exists(),
        may_commission=can_commission(request.user),
        commission_form=CommissionForm(auto_id="commission_%s"),
        decline_form=WhyForm(prefix="decline"),
        link_form=LinkForm(),
        trail=[Link("Needs", reverse(NEEDS))],
    )


@require_POST
def change_need(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Leave, withdraw, link a model, commission or decline."""
    wanted = get_object_or_404(Need.objects.visible_to(request.user), pk=pk)
    if verb not in VERBS:
        raise Http404
    VERBS[verb](request, wanted)
    messages.success(request, "Saved.")
    return redirect(wanted)


def _leave(request: PageRequest, wanted: Need) -> None:
    form = TeamForm(request.POST)
    if not form.is_valid():
        raise Invalid("There is no such team.", field="team")
    need_actions.leave_need(request.user, wanted, **form.cleaned_data)


def _triage(request: PageRequest, wanted: Need) -> None:
    need_actions.triage(request.user, wanted)


def _withdraw(request: PageRequest, wanted: Need) -> None:
    need_actions.withdraw_need(request.user, wanted)


def _link(request: PageRequest, wanted: Need) -> None:
    form = LinkForm(request.POST)
    visible = RegisteredModel.objects.visible_to(request.user)
    slug = form.cleaned_data["model"].strip().lower() if form.is_valid() else None
    model = visible.filter(slug=slug).first()
    if model is None:
        raise Invalid("There is no such model.", field="model")
    need_actions.link_model(request.user, wanted, model)


def _commission(request: PageRequest, wanted: Need) -> None:
    form = CommissionForm(request.POST)
    if not form.is_valid():
        wrong = next(iter(form.errors))
        raise Invalid(
            "Choose a team, say why in at least 20 characters, and give budget and day as they are asked.",
            field=wrong,
        )
    need_actions.commission(request.user, wanted, **form.cleaned_data)


def _decline(request: PageRequest, wanted: Need) -> None:
    form = WhyForm(request.POST, prefix="decline")
    if not form.is_valid():
        raise Invalid("Say why in at least 20 characters.", field="reason")
    need_actions.decline_need(request.user, wanted, form.cleaned_data["reason"])


VERBS = {
    "leave": _leave,
    "withdraw": _withdraw,
    "link": _link,
    "triage": _triage,
    "commission": _commission,
    "decline": _decline,
}
