"""Pages of the Signature step: the table, what its buttons do without saving, the JSON of it, and the service level."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import submitted
from publishing import actions, contract_diff, signature_import
from publishing.forms import ColumnsForm, InterfaceForm, PasteForm, SlaForm
from publishing.signature_table import SignatureTable
from publishing.views import own_version, show_step


def interface(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """What callers send and get, as a table with an example; its buttons change rows without saving."""
    version = own_version(request, slug, number)
    if "act" in request.POST:
        return _changed(request, version)
    if request.method != "POST":
        start = request.GET.get("from", "")
        at = int(start) - 1 if start.isdecimal() and len(start) < 5 else 0
        return _page(request, version, SignatureTable.of(version, at))
    table = SignatureTable.typed(version, request.POST.dict())
    done, _ = submitted(
        request, table, lambda **data: actions.describe_interface(request.user, version, **data)
    )
    if not done:
        return _page(request, version, table)
    messages.success(request, "The signature is saved.")
    if request.POST.get("then") == "on":
        return _go_to(version, "risk")
    actions.try_again(request.user, version)
    return _go_to(version, "interface", "#trial")


@require_POST
def columns(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Say whether an input of several values a row is one tensor or columns, and what these are called."""
    version = own_version(request, slug, number)
    form = _question(version, request.POST.get("tensor", ""), request.POST)
    done, _ = submitted(
        request, form, lambda **data: actions.divide_input(request.user, version, **data)
    )
    if not done:
        return _page(request, version, SignatureTable.of(version), asked=form)
    messages.success(request, "The interface is laid out anew. Check names and example.")
    return _go_to(version, "interface")


@require_POST
def service_level(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Promise a service level."""
    version = own_version(request, slug, number)
    form = SlaForm(request.POST)
    done, _ = submitted(
        request, form, lambda **sla: actions.promise_sla(request.user, version, **sla)
    )
    if not done:
        return _page(request, version, SignatureTable.of(version), sla_form=form)
    messages.success(request, "The service level is saved.")
    return _go_to(version, "risk")


def interface_json(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The same signature and example as JSON, for experts."""
    version = own_version(request, slug, number)
    form = InterfaceForm(request.POST or None, initial=InterfaceForm.of(version))
    done, _ = submitted(
        request, form, lambda **data: actions.describe_interface(request.user, version, **data)
    )
    if not done:
        return show_step(
            request, version, "interface", form, template="publishing/interface_json.html"
        )
    messages.success(request, "Saved.")
    return _go_to(version, "interface")


def _changed(request: PageRequest, version: ModelVersion) -> HttpResponse:
    """The table after one of its buttons; nothing is saved."""
    table = SignatureTable.typed(version, request.POST.dict())
    paste = PasteForm(request.POST if request.POST["act"] == "paste" else None)
    try:
        if paste.is_bound and paste.is_valid():
            proposal = signature_import.read(paste.cleaned_data["paste"])
            messages.info(request, proposal.sentence(table.propose(proposal)))
            paste = PasteForm()
        elif not paste.is_bound:
            table.act(request.POST["act"])
    except Invalid as problem:
        if paste.is_bound:
            paste.add_error("paste", problem.sentence)
        else:
            table.add_error(None, problem)
    return _page(request, version, table, paste=paste, status=200)


def _page(
    request: PageRequest, version: ModelVersion, table: SignatureTable, **context: Any
) -> HttpResponse:
    diff = contract_diff.of(version)
    table.warn(diff.findings if diff and not diff.is_allowed else [])
    questions = [_question(version, one["tensor"]) for one in version.manifest.get("questions", [])]
    asked = context.pop("asked", None)
    status = context.pop("status", None)
    shown = {
        "table": table,
        "paste": PasteForm(),
        "sla_form": SlaForm(initial=_promises_to_start_from(version)),
        "questions": [
            asked if asked and asked.asked_about == one.asked_about else one for one in questions
        ],
    }
    response = show_step(request, version, "interface", table, **shown | context)
    if status:
        response.status_code = status
    return response


def _promises_to_start_from(version: ModelVersion) -> dict[str, Any]:
    """The service level so far; the support hours are the entry's until somebody says otherwise."""
    hours = version.model.support_hours
    return ({"support": hours} if hours else {}) | version.sla


def _question(version: ModelVersion, tensor: str, data: Any = None) -> ColumnsForm:
    """The form that asks what an input tensor is; one that nobody asks about takes any answer, and the verb refuses it."""
    asked = version.manifest.get("questions", [])
    question: dict[str, Any] = next((one for one in asked if one["tensor"] == tensor), {})
    return ColumnsForm(data, **question)


def _go_to(version: ModelVersion, step: str, anchor: str = "") -> HttpResponse:
    return redirect(
        reverse(f"publishing:{step}", args=[version.model.slug, version.number]) + anchor
    )


VERSION = "publish/<slug:slug>/<str:number>"
urlpatterns = [
    path(f"{VERSION}/interface/", interface, name="interface"),
    path(f"{VERSION}/interface/json/", interface_json, name="interface_json"),
    path(f"{VERSION}/interface/columns/", columns, name="columns"),
    path(f"{VERSION}/interface/level/", service_level, name="service_level"),
]
