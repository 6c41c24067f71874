"""Pages of the runtime: a model's deployments and the controls of one version."""

from datetime import timedelta

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404, get_visible_version_or_404, model_context
from consumption.models import ScheduledChange
from consumption.pages import propose_page
from hosting import actions, deployments, gateway_metrics, replica_history, service_levels
from hosting.forms import CapacityForm, CredentialForm, ReasonForm, SizeForm, StartForm
from hosting.models import Deployment, Upstream
from hosting.permissions import can_operate, can_operate_model, can_set_credential
from marketplace.core.forms import submitted
from marketplace.core.links import Link, Tab

HOUR = timedelta(hours=1)


def deployment(request, slug):
    """What runs for a model: each version's state, replicas now and before, restarts, probes, incidents."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "hosting:deployment")
    may_operate = can_operate_model(request.user, entry)
    gateway = gateway_metrics.report() if may_operate else gateway_metrics.Report()
    span = replica_history.span(request.GET.get("span"))
    context["cards"] = deployments.cards(context["versions"], gateway, span)
    context["may_operate"] = may_operate
    context["is_owner"] = request.user.is_on(entry.owner_team)
    context["span_tabs"] = _span_tabs(request, span, context["cards"])
    template = "hosting/_deployment.html" if request.htmx else "hosting/deployment_tab.html"
    return render(request, template, context)


def manage_deployment(request, slug, number):
    """Start, stop, size and roll back one version, and read what its processes write. For its team and operators."""
    deployment = _managed_deployment(request, slug, number)
    forms = _forms(request, deployment)
    for verb_name, (form, verb, message) in forms.items():
        if request.POST.get("verb") != verb_name:
            continue
        done, _ = submitted(
            request, form, lambda verb=verb, **data: verb(request.user, deployment, **data)
        )
        if done:
            messages.success(request, message)
            return redirect(
                f"{_manage_url(deployment)}#main"
            )  # where the message is; else the browser stays at the form
    span = replica_history.span(request.GET.get("span"))
    [card] = deployments.cards([deployment.version_id], gateway_metrics.report(), span)
    lines = deployments.last_lines(deployment)
    entry, since = (
        deployment.version.model,
        (timezone.now() - HOUR).replace(minute=0, second=0, microsecond=0),
    )
    context = {
        "card": card,
        "deployment": card.deployment,
        "affected": deployments.affected([entry]).get(entry.pk, deployments.NOBODY),
        "calls": service_levels.calls_since(deployment.version, since),
        "since": since,
        "trail": [
            Link(entry.name, entry.get_absolute_url()),
            Link("Deployment", reverse("hosting:deployment", args=[entry.slug])),
        ],
        "span_tabs": _span_tabs(request, span, [card]),
        "forms": {verb_name: form for verb_name, (form, _verb, _message) in forms.items()},
        "previous": actions.version_before(deployment.version),
        "log_lines": lines,
        "log_text": "\n".join(lines or ()),
    }
    return render(
        request,
        "hosting/manage_deployment.html",
        context,
        status=422 if request.method == "POST" else 200,
    )


def credential(request, slug, number):
    """The secret with which the gateway calls an external endpoint. For its team; what is stored is never shown."""
    version = get_visible_version_or_404(request, slug, number)
    is_external = version.kind == ModelVersion.Kind.EXTERNAL and version.external_url
    if not is_external or not can_set_credential(request.user, version):
        raise Http404
    upstream = Upstream.objects.filter(version=version, kind=Upstream.Kind.EXTERNAL).first()
    form = CredentialForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda credential: actions.set_credential(request.user, version, credential)
    )
    before = _page_before(version)
    if done:
        said = "The credential is stored." if form.cleaned_data["credential"] else "It is removed."
        messages.success(request, said)
        return redirect(before.url)
    context = {
        "version": version,
        "is_stored": bool(upstream and upstream.credential),
        "form": form,
        "trail": [
            Link(version.model.name, version.model.get_absolute_url()),
            before,
        ],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "hosting/credential.html", context, status=status)


def _page_before(version):
    """Where the credential is asked for: on the draft's page of the package, later on the Deployment tab."""
    if version.is_editable:
        arguments = [version.model.slug, version.number]
        return Link("Package", reverse("publishing:package", args=arguments))
    return Link("Deployment", reverse("hosting:deployment", args=[version.model.slug]))


def change_capacity(request, slug, number):
    """Less capacity of a version, with notice to those who call it."""
    version = _managed_deployment(request, slug, number).version
    return propose_page(
        request, version.model, ScheduledChange.Kind.CAPACITY, CapacityForm, version=version
    )


def _span_tabs(request, span, cards):
    """The choice of spans for the charts; none where nothing of ours runs."""
    if not any(card.chart for card in cards):
        return []
    return [_span_tab(request, choice, choice == span) for choice in replica_history.SPANS]


def _span_tab(request, span, is_current):
    query = request.GET.copy()
    query["span"] = span.slug
    return Tab(span.label, f"?{query.urlencode()}", is_current)


def _managed_deployment(request, slug, number):
    version = get_object_or_404(
        ModelVersion.objects.visible_to(request.user), model__slug=slug, number=number
    )
    deployment = get_object_or_404(
        Deployment.objects.select_related("version__model__owner_team"), version=version
    )
    if not can_operate(request.user, deployment):
        raise Http404
    return deployment


def _forms(request, deployment):
    """{name: (form, verb, message when it is done)}. Only the form that was sent is bound."""

    def bound(name):
        return request.POST if request.POST.get("verb") == name else None

    size = {
        "minimum": deployment.min_replicas,
        "maximum": deployment.max_replicas,
        "target_ongoing_requests": deployment.target_ongoing_requests,
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


def _manage_url(deployment):
    return reverse(
        "hosting:manage_deployment", args=[deployment.version.model.slug, deployment.version.number]
    )
