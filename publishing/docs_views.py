"""A version's API as people and tools read it: the tab, the OpenAPI document, Swagger UI."""

import json

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404, model_context
from publishing import contract

KEY_PLACEHOLDER = "YOUR_API_KEY"


def api_tab(request, slug):
    """Signature, snippets filled in with this model and version, links to the documents."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "publishing:api_tab")
    version = context["version"]
    if version:
        where = [entry.slug, version.number]
        context |= {
            "signature": version.signature,
            "example_json": json.dumps(version.example, indent=2, ensure_ascii=False),
            "snippets": contract.snippets(**_facts(version), key=KEY_PLACEHOLDER),
            "base_url": f"{settings.GATEWAY_URL}/v2/models/{entry.slug}",
            "swagger_url": reverse("publishing:docs", args=where),
            "openapi_url": reverse("publishing:openapi", args=where),
            "postman_url": reverse("publishing:postman", args=where),
        }
    return render(request, "publishing/api_tab.html", context)


def openapi(request, slug, number):
    """The version's own OpenAPI 3.1 document."""
    version = _open_version(request, slug, number)
    return JsonResponse(
        contract.openapi(**_facts(version), deprecated=version.state == "deprecated")
    )


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
