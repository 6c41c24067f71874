"""Pages of the runtime: a model's deployment, one version's controls, the fleet."""

from datetime import timedelta

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from catalog.pages import model_frame, open_model
from consumption.models import ScheduledChange
from consumption.pages import propose_page
from hosting import actions, deployments, gateway_metrics, replica_history, service_levels
from hosting.forms import CapacityForm, ReasonForm, SizeForm, StartForm
from hosting.models import Deployment
from hosting.permissions import can_operate
from marketplace.core.forms import submitted

HOUR = timedelta(hours=1)


def deployment(request, slug):
    """What runs for a model: each version's state, replicas now and before, restarts, probes, incidents."""
    entry = open_model(request, slug)
    context = model_frame(request, entry, "hosting:deployment")
    context["deployments"] = deployments.deployments_of(context["versions"])
    context |= _replicas_over_time(request, context["deployments"])
    may_operate = any(
        can_operate(request.user, one) for one in context["deployments"][:1]
    )  # all are of one team
    told = gateway_metrics.report() if may_operate else gateway_metrics.Report()
    _add_gateways_view(context["deployments"], told)
    for one in context["deployments"]:
        one.manage_url = _manage_url(one) if may_operate and not one.is_external else ""
    template = "hosting/_deployment.html" if request.htmx else "hosting/deployment_tab.html"
    return render(request, template, context)


def manage_deployment(request, slug, number):
    """Start, stop, size and roll back one version, and read what its processes write. For its team and operators."""
    found = _operated(request, slug, number)
    forms = _forms(request, found)
    for name, (form, verb, said) in forms.items():
        if request.POST.get("verb") != name:
            continue
        done, _ = submitted(
            request, form, lambda verb=verb, **data: verb(request.user, found, **data)
        )
        if done:
            messages.success(request, said)
            return redirect(
                f"{_manage_url(found)}#main"
            )  # where it is said; else the browser stays at the form
    shown = deployments.deployments_of([found.version_id])
    _add_gateways_view(shown, gateway_metrics.report())
    lines = deployments.last_lines(found)
    entry, since = (
        found.version.model,
        (timezone.now() - HOUR).replace(minute=0, second=0, microsecond=0),
    )
    context = {
        "deployment": shown[0],
        "affected": deployments.affected([entry]).get(entry.pk, deployments.NOBODY),
        "calls": service_levels.calls_since(found.version, since),
        "since": since,
        "trail": [
            {"label": entry.name, "url": entry.get_absolute_url()},
            {"label": "Deployment", "url": reverse("hosting:deployment", args=[entry.slug])},
        ],
        **_replicas_over_time(request, shown),
        "forms": {name: form for name, (form, _verb, _said) in forms.items()},
        "previous": actions.version_before(found.version),
        "log_lines": lines,
        "log_text": "\n".join(lines or ()),
    }
    return render(
        request,
        "hosting/manage_deployment.html",
        context,
        status=422 if request.method == "POST" else 200,
    )


def change_capacity(request, slug, number):
    """Less capacity of a version, with notice to those who call it."""
    version = _operated(request, slug, number).version
    return propose_page(
        request, version.model, ScheduledChange.Kind.CAPACITY, CapacityForm, version=version
    )


def _add_gateways_view(deployments, told):
    """Give each what the gateway_metrics.Report tells of it: `.refusals` of the last hour, `.is_shut` while it is given a pause."""
    for one in deployments:
        one.refusals = told.refused_lately(one.version_id)
        one.is_shut = one.version_id in told.shut_versions


def _replicas_over_time(request, deployments):
    """Give each deployment its `.over_time` chart, None where nothing of ours runs; returns the choice of spans."""
    span = replica_history.span(request.GET.get("span"))
    ours = [one for one in deployments if not one.is_external]
    drawn = replica_history.charts(ours, span)
    for one in deployments:
        one.over_time = drawn.get(one.pk)
    return {
        "span_tabs": [_span_tab(request, one, one == span) for one in replica_history.SPANS]
        if ours
        else []
    }


def _span_tab(request, span, is_current):
    query = request.GET.copy()
    query["span"] = span.slug
    return {"label": span.label, "url": f"?{query.urlencode()}", "current": is_current}


def _operated(request, slug, number):
    version = get_object_or_404(
        ModelVersion.objects.visible_to(request.user), model__slug=slug, number=number
    )
    found = get_object_or_404(
        Deployment.objects.select_related("version__model__owner_team"), version=version
    )
    if not can_operate(request.user, found):
        raise Http404
    return found


def _forms(request, found):
    """name → (form, verb, what is said when it is done). Only the form that was sent is bound."""

    def bound(name):
        return request.POST if request.POST.get("verb") == name else None

    size = {
        "minimum": found.min_replicas,
        "maximum": found.max_replicas,
        "target_ongoing_requests": found.target_ongoing_requests,
    }
    return {
        "start": (StartForm(bound("start")), actions.start, "It starts."),
        "stop": (
            ReasonForm(bound("stop"), prefix_id="stop"),
            actions.stop,
            "It stops. Its consumers were told.",
        ),
        "size": (
            SizeForm(bound("size"), initial=size),
            actions.scale,
            "The new size is being set.",
        ),
        "roll_back": (
            ReasonForm(bound("roll_back"), prefix_id="back"),
            actions.roll_back,
            "Rolled back. Its consumers were told.",
        ),
    }


def _manage_url(found):
    return reverse(
        "hosting:manage_deployment", args=[found.version.model.slug, found.version.number]
    )
