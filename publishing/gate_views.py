"""Page of a version's automatic checks: what they found, when they ran, and the button that runs them again."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from catalog.pages import get_visible_version_or_404
from governance.actions import askable, current_gates, waived
from governance.models import Waiver
from hosting.permissions import can_set_credential
from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Link
from publishing import execution_gates
from publishing.permissions import can_run_gates

RUNS_SHOWN = 20


def gate_runs(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The checks of one version and their runs; htmx gets the newest run, and asks again while it is under way."""
    version = get_visible_version_or_404(request, slug, number)
    runs = version.gate_runs.for_page()[:RUNS_SHOWN]
    newest = next(iter(runs), None)
    context: dict[str, Any] = {
        "version": version,
        "model": version.model,
        "newest": newest,
        "is_open": newest is not None and newest.is_open,
        "may_run": can_run_gates(request.user, version)
        and (version.kind != ModelVersion.Kind.EXTERNAL or settings.ENDPOINT_CHECKS)
        and version.state in execution_gates.FROZEN,
    }
    if request.htmx:
        answer = render(request, "publishing/_gate_run.html", context)
        if "open" in request.GET and not context["is_open"]:
            answer["HX-Refresh"] = "true"  # the results around this part are others now
        return answer
    trail = [Link(version.model.name, version.get_absolute_url())]
    context |= {
        "runs": runs,
        "gates": current_gates(version),
        "waived": waived(version),
        "waivers": Waiver.objects.visible_to(request.user).filter(version=version).for_page(),
        "askable": askable(request.user, version),
        "may_set_credential": version.kind == ModelVersion.Kind.EXTERNAL
        and can_set_credential(request.user, version),
        "trail": trail,
    }
    return render(request, "publishing/gate_runs.html", context)


@require_POST
def run_gates(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Run the checks again."""
    version = get_visible_version_or_404(request, slug, number)
    execution_gates.request(request.user, version)
    messages.success(request, "The checks run; their results appear on this page.")
    return redirect("publishing:gate_runs", slug, number)


urlpatterns = [
    path("models/<slug:slug>/versions/<str:number>/checks/", gate_runs, name="gate_runs"),
    path("models/<slug:slug>/versions/<str:number>/checks/run/", run_gates, name="run_gates"),
]
