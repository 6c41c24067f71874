"""The page of a condition: what is to be done, by whom, and whether it is."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from governance import actions
from governance.forms import ConfirmForm, FulfilForm
from governance.models import Condition
from governance.permissions import can_fulfil, reasons_against_confirming
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link


def condition(request: PageRequest, pk: int) -> HttpResponse:
    """Its owner team fulfils an open one; a reviewer of the kind that set it confirms it or sends it back."""
    seen = get_object_or_404(Condition.objects.visible_to(request.user).for_page(), pk=pk)
    waits = seen.state == Condition.State.FULFILLED
    form = ConfirmForm(request.POST or None) if waits else FulfilForm(request.POST or None)

    def act(outcome: str = "fulfil", **words: str) -> Condition:
        verb = {"confirm": actions.confirm, "send_back": actions.send_back}.get(outcome)
        return (
            verb(request.user, seen, **words)
            if verb
            else actions.fulfil(request.user, seen, **words)
        )

    done, _ = submitted(request, form, act)
    if done:
        messages.success(request, f"Recorded: {seen}.")
        return redirect(seen)
    return show(
        request,
        "governance/condition.html",
        form,
        condition=seen,
        may_fulfil=seen.state == Condition.State.OPEN and can_fulfil(request.user, seen),
        waits=waits,
        reasons_against=reasons_against_confirming(request.user, seen) if waits else "",
        trail=[Link(seen.version.model.name, seen.version.get_absolute_url())],
    )
