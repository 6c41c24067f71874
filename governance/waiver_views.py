"""Pages of waivers: ask for one, and decide about it."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from catalog.pages import get_visible_version_or_404
from governance import actions, gates
from governance.deciding import decide_page
from governance.forms import JustificationForm, WaiverDecisionForm, WaiverForm
from governance.matrix import JUSTIFIED
from governance.models import Waiver
from governance.permissions import can_ask_waiver, reasons_against_waiver
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link


def ask_waiver(request: PageRequest, slug: str, number: str, gate: str) -> HttpResponse:
    """The owner team asks that a check which blocks is opened until a day."""
    version = get_visible_version_or_404(request, slug, number)
    declared = gates.BY_NAME.get(gate)
    if declared is None:
        raise Http404
    require(
        can_ask_waiver(request.user, version, gate),
        *actions.who_asks(version, gate),
    )
    form = (JustificationForm if gate == JUSTIFIED else WaiverForm)(request.POST or None)
    done, waiver = submitted(
        request, form, lambda **given: actions.ask_waiver(request.user, version, gate, **given)
    )
    if done:
        messages.success(request, "Asked. You are told when it is decided.")
        return redirect(waiver)
    results = actions.current_gates(version)
    return show(
        request,
        "governance/ask_waiver.html",
        form,
        version=version,
        gate=declared,
        result=next((one for one in results if one.gate == gate), None),
        trail=[Link(version.model.name, version.get_absolute_url())],
    )


def waiver(request: PageRequest, pk: int) -> HttpResponse:
    """What was asked, why, until when; and the decision for who may."""
    seen = get_object_or_404(Waiver.objects.visible_to(request.user).for_page(), pk=pk)
    return decide_page(
        request,
        seen,
        WaiverDecisionForm(request.POST or None),
        actions.decide_waiver,
        "governance/waiver.html",
        waiver=seen,
        reasons_against=reasons_against_waiver(request.user, seen),
        trail=[Link(seen.version.model.name, seen.version.get_absolute_url())],
    )
