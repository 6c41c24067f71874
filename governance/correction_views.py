"""Page on which an evaluator says that a difference in behaviour is a correction."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from catalog.pages import get_visible_version_or_404
from governance import actions, behaviour
from governance.actions.evidence import WHO_CORRECTS
from governance.forms import CorrectionForm
from governance.permissions import can_run_evaluation
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link


def correct(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The figures, and the reason why they are a correction."""
    version = get_visible_version_or_404(request, slug, number)
    require(
        can_run_evaluation(request.user, version),
        *WHO_CORRECTS,
    )
    form = CorrectionForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **given: actions.record_correction(request.user, version, **given)
    )
    if done:
        messages.success(request, "Recorded: it is a correction.")
        return redirect("publishing:gate_runs", slug, number)
    results = actions.current_gates(version)
    return show(
        request,
        "governance/correction.html",
        form,
        version=version,
        result=next((one for one in results if one.gate == behaviour.GATE), None),
        trail=[Link(version.model.name, version.get_absolute_url())],
    )
