"""A version's API as people and tools read it: the tab, the OpenAPI document, Swagger UI."""

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404, model_context
from consumption.models import Subscription
from marketplace.tokens.authentication import for_programs
from publishing import contract, exchanges
from publishing.contract.openapi_document import PROBLEMS


def api_tab(request, slug):
    """Signature, a call that happened, snippets for the reader's application, how it says no, links to the documents."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "publishing:api_tab")
    version = context["version"]
    held = Subscription.objects.held_by(request.user).open().filter(model=entry)
    application = held.values_list("application__name", flat=True).first() or ""
    if version:
        where = [entry.slug, version.number]
        context |= {
            "signature": version.signature,
            "example_text": exchanges.as_text(version.example) if version.example else "",
            "exchange": exchanges.exchange(version),
            "application": application,
            "key_variable": contract.KEY_VARIABLE,
            "snippets": contract.snippets(**_facts(version), application=application),
            "problems": PROBLEMS,
            "base_url": f"{settings.GATEWAY_URL}/v2/models/{entry.slug}",
            "swagger_url": reverse("publishing:docs", args=where),
            "openapi_url": reverse("publishing:openapi", args=where),
            "postman_url": reverse("publishing:postman", args=where),
        }
    return render(request, "publishing/api_tab.html", context)


@for_programs
def openapi(request, slug, number):
    """The version's own OpenAPI 3.1 document."""
    version = _open_version(request, slug, number)
    facts = _facts(version)
    if happened := exchanges.exchange(version):
        facts |= {"example": happened.request, "answer": happened.answer}
    is_deprecated = version.state == ModelVersion.State.DEPRECATED
    return JsonResponse(contract.openapi(**facts, deprecated=is_deprecated))


def postman(request, slug, number):
    """The version's Postman collection v2.1, to keep as a file."""
    version = _open_version(request, slug, number)
    response = JsonResponse(contract.postman(**_facts(version)))
    response["Content-Disposition"] = (
        f'attachment; filename="{slug}-{number}.postman_collection.json"'
    )
    return response


def docs(request, slug, number):
    """Swagger UI over the version's OpenAPI document; try-it calls the gateway."""
    version = _open_version(request, slug, number)
    response = render(request, "publishing/docs.html", {"version": version, "model": version.model})
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


def _open_version(request, slug, number):
    versions = ModelVersion.objects.visible_to(request.user).select_related("model")
    return get_object_or_404(versions, model__slug=slug, number=number)


urlpatterns = [
    path("models/<slug:slug>/api/", api_tab, name="api_tab"),
    path("models/<slug:slug>/versions/<str:number>/openapi.json", openapi, name="openapi"),
    path("models/<slug:slug>/versions/<str:number>/postman.json", postman, name="postman"),
    path("models/<slug:slug>/versions/<str:number>/docs/", docs, name="docs"),
]
