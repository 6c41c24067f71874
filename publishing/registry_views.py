"""Pages of automation: tokens of pipelines, connected registries, what came of each version; and where registries post to."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, show_once, submitted
from marketplace.core.problem_json import problem_response
from marketplace.tokens.models import ApiToken, Scope
from publishing.models import RegistryConnection, RegistryImport, RegistryTrigger
from publishing.permissions import can_connect_registry
from publishing.registry import actions, events
from publishing.registry.forms import RegistryForm

PAGE = 20
SHOWN = 10  # imports, deliveries and tokens beside each other
ACTS = 20


@never_cache
def automation(request: PageRequest) -> HttpResponse:
    """Tokens that publish and their last acts, connected registries, the last imports; posting connects one, whose secret is in that answer only."""
    form = RegistryForm(request.POST or None, user=request.user)
    done, made = submitted(request, form, lambda **data: actions.connect(request.user, **data))
    if done:
        return _secret(request, *made, is_new=True)
    tokens = ApiToken.objects.visible_to(request.user).live().for_list()
    publishing = list(tokens.filter(scopes__contains=[Scope.PUBLISH])[:SHOWN])
    connections = RegistryConnection.objects.visible_to(request.user).for_list()
    imports = RegistryImport.objects.visible_to(request.user).for_list()
    context = {
        "tokens": publishing,
        "acts": _acts(publishing),
        "page_obj": Paginator(connections, PAGE).get_page(request.GET.get("page")),
        "imports": imports[:SHOWN],
    }
    return show(request, "publishing/automation.html", form, **context)


def _acts(tokens: list[ApiToken]) -> list[tuple[str, AuditEvent]]:
    """(name of the token, what was done with it), the newest first."""
    names = {token.kid: token.name for token in tokens}
    return [(names[act.detail["token"]], act) for act in AuditEvent.objects.by_tokens(names)[:ACTS]]


def registry(request: PageRequest, key: UUID) -> HttpResponse:
    """One connected registry: how it is set up there, what it sent, what came of it."""
    connection = _visible(request, key)
    imports = connection.imports.for_list()
    context = {
        "connection": connection,
        "page_obj": Paginator(imports, PAGE).get_page(request.GET.get("page")),
        "deliveries": connection.deliveries.select_related("imported")[:SHOWN],
        "can_manage": can_connect_registry(request.user, connection.team),
    }
    return render(request, "publishing/registry.html", context)


@never_cache
@require_POST
def rotate_registry(request: PageRequest, key: UUID) -> HttpResponse:
    """A new secret, in this answer only."""
    return _secret(request, *actions.rotate(request.user, _visible(request, key)), is_new=False)


@require_POST
def remove_registry(request: PageRequest, key: UUID) -> HttpResponse:
    connection = actions.remove(request.user, _visible(request, key))
    messages.success(request, f"{connection} is removed. What it published stays.")
    return redirect("publishing:automation")


@require_POST
def read_again(request: PageRequest, pk: int) -> HttpResponse:
    imports = RegistryImport.objects.visible_to(request.user).for_list()
    imported = actions.read_again(request.user, get_object_or_404(imports, pk=pk))
    messages.info(request, f"{imported} is read once more. Reload this page in a moment.")
    return redirect(imported.connection)


@csrf_exempt  # signed by its sender, with no session
@login_not_required
@require_POST
def registry_events(request: HttpRequest, key: UUID) -> HttpResponse:
    """Where a tracking server posts its events: 202 for a new one, 200 for one that came before, 401 for one that nobody signed."""
    try:
        known = actions.receive(key, request.headers, request.body)
    except Invalid as error:
        return problem_response(422, error.slug, error.title, error.sentence)
    if known is None:
        return problem_response(
            401,
            "not-signed",
            "The signature is not recognised",
            "No secret that is known here signed this within the last five minutes.",
        )
    delivery, is_new = known
    body = {"delivery": delivery.delivery_id, "publishes": delivery.imported_id is not None}
    return JsonResponse(body, status=202 if is_new else 200, headers={"Cache-Control": "no-store"})


def _secret(
    request: PageRequest, connection: RegistryConnection, secret: str, *, is_new: bool
) -> HttpResponse:
    event = events.KINDS[RegistryTrigger(connection.trigger)]
    facts = {"connection": connection, "event": event}
    set_up = render_to_string("docs/samples/mlflow_webhook.py.txt", facts)
    context = facts | {"secret": secret, "is_new": is_new, "set_up": set_up}
    return show_once(request, "publishing/registry_secret.html", context)


def _visible(request: PageRequest, key: UUID) -> RegistryConnection:
    connections = RegistryConnection.objects.visible_to(request.user).for_list()
    return get_object_or_404(connections, key=key)


AT = "publish/automation/registries/<uuid:key>"
urlpatterns = [
    path("publish/automation/", automation, name="automation"),
    path(f"{AT}/", registry, name="registry"),
    path(f"{AT}/rotate/", rotate_registry, name="rotate_registry"),
    path(f"{AT}/remove/", remove_registry, name="remove_registry"),
    path("publish/automation/imports/<int:pk>/again/", read_again, name="read_again"),
    path("integrations/mlflow/<uuid:key>/events/", registry_events, name="registry_events"),
]
