"""A version's API as people and tools read it: the tab, the OpenAPI document, Swagger UI."""

from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404, model_context
from consumption.models import Subscription
from consumption.playground import tries
from marketplace.tokens.authentication import for_programs
from publishing import clients, contract, exchanges
from publishing.contract import integrations
from publishing.contract.openapi_document import PROBLEMS

MOST_APPLICATIONS = 50  # to choose from


def api_tab(request, slug):
    """Signature, a call that happened, snippets for the reader's application, how it says no, links to the documents."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "publishing:api_tab")
    version = context["version"]
    applications = _applications(request.user, entry)
    application, query = _chosen(request, applications)
    if version:
        where = [entry.slug, version.number]
        context |= {
            "signature": version.signature,
            "example_text": exchanges.as_text(version.example) if version.example else "",
            "exchange": exchanges.exchange(version),
            "application": application,
            "applications": applications,
            "query": query,
            "integrations": integrations.KINDS if version.signature.get("inputs") else [],
            "key_variable": contract.KEY_VARIABLE,
            "snippets": contract.snippets(
                **_facts(version),
                application=application,
                wheel_url=clients.url("python"),
                npm_url=clients.url("javascript"),
            ),
            "problems": PROBLEMS,
            "base_url": f"{settings.GATEWAY_URL}/v2/models/{entry.slug}",
            "swagger_url": reverse("publishing:docs", args=where),
            "openapi_url": reverse("publishing:openapi", args=where),
            "postman_url": reverse("publishing:postman", args=where),
        }
    return render(request, "publishing/api_tab.html", context)


def _applications(user, entry):
    """{address: name} of the reader's applications that have the model, by name."""
    held = Subscription.objects.held_by(user).open().filter(model=entry)
    named = held.order_by("application__name").values_list("application__slug", "application__name")
    return dict(named[:MOST_APPLICATIONS])


def _chosen(request, applications):
    """(name of the application that code is for, the query that says so): the one asked for, else the first; "" without any."""
    slug = request.GET.get("application", "")
    if slug not in applications:
        slug = next(iter(applications), "")
    query = f"?{urlencode({'application': slug})}" if slug else ""
    return applications.get(slug, ""), query


@for_programs
def openapi(request, slug, number):
    """The version's own OpenAPI 3.1 document."""
    version = _open_version(request, slug, number)
    facts = _facts(version)
    if happened := exchanges.exchange(version):
        facts |= {"example": happened.request, "answer": happened.answer}
    is_deprecated = version.state == ModelVersion.State.DEPRECATED
    sandbox_url = "" if tries.why_not(version) else _sandbox_url()
    return JsonResponse(
        contract.openapi(**facts, deprecated=is_deprecated, sandbox_url=sandbox_url)
    )


def postman(request, slug, number):
    """The version's Postman collection v2.1, to keep as a file."""
    version = _open_version(request, slug, number)
    application, _ = _chosen(request, _applications(request.user, version.model))
    response = JsonResponse(contract.postman(**_facts(version), application=application))
    response["Content-Disposition"] = (
        f'attachment; filename="{slug}-{number}.postman_collection.json"'
    )
    return response


def integration(request, slug, number, kind):
    """An integration template, filled in for the version and the reader's application, to keep as a file."""
    version = _open_version(request, slug, number)
    chosen = integrations.BY_ID.get(kind)
    if chosen is None:
        raise Http404
    application, _ = _chosen(request, _applications(request.user, version.model))
    facts = _facts(version)
    if happened := exchanges.exchange(version):
        facts |= {"example": happened.request}
    text = contract.contract_of(**facts, application=application).integration(chosen)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{chosen.filename}"'
    return response


def docs(request, slug, number):
    """Swagger UI over the version's OpenAPI document; try-it calls the sandbox, or with a key the gateway."""
    version = _open_version(request, slug, number)
    context = {"version": version, "model": version.model}
    if not tries.why_not(version):
        context["sandbox_url"] = _sandbox_url()
    response = render(request, "publishing/docs.html", context)
    response.csp_connect = [settings.GATEWAY_URL]
    return response


def _facts(version):
    return {
        "gateway_url": settings.GATEWAY_URL,
        "model": version.model.slug,
        "name": version.model.name,
        "number": version.number,
        "signature": version.signature,
        "example": version.example,
    }


def _sandbox_url():
    return f"{settings.PORTAL_URL}/sandbox"


def _open_version(request, slug, number):
    versions = ModelVersion.objects.visible_to(request.user).select_related("model")
    return get_object_or_404(versions, model__slug=slug, number=number)


urlpatterns = [
    path("models/<slug:slug>/api/", api_tab, name="api_tab"),
    path("models/<slug:slug>/versions/<str:number>/openapi.json", openapi, name="openapi"),
    path("models/<slug:slug>/versions/<str:number>/postman.json", postman, name="postman"),
    path("models/<slug:slug>/versions/<str:number>/docs/", docs, name="docs"),
    path(
        "models/<slug:slug>/versions/<str:number>/integrations/<slug:kind>/",
        integration,
        name="integration",
    ),
]
