"""Pages of the clients: what there is, how it is installed, and the packages themselves."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils.cache import patch_cache_control
from django.views.decorators.http import condition, require_safe

from marketplace.accounts.requests import PageRequest
from publishing import clients, contract


def clients_page(request: PageRequest) -> HttpResponse:
    """Clients for Python, JavaScript and Java, and the command line."""
    facts = {
        "portal_url": settings.PORTAL_URL,
        "gateway_url": settings.GATEWAY_URL,
        "key_variable": contract.KEY_VARIABLE,
    }
    shell = render_to_string("docs/samples/cli.sh.txt", facts)
    urls = {language: clients.url(language) for language in clients.names()}
    agents = render_to_string("docs/samples/mcp.json.txt", facts)
    shown = {"urls": urls, "shell": shell, "agents": agents}
    return render(request, "publishing/clients.html", facts | shown)


def _etag(request: HttpRequest, name: str) -> str | None:
    package = clients.packages().get(name)
    return package.etag if package else None


@login_not_required  # pip and npm do not sign in, and the sources are no secret
@require_safe
@condition(etag_func=_etag)
def download(request: HttpRequest, name: str) -> HttpResponse:
    """One package, by its file name."""
    package = clients.packages().get(name)
    if package is None:
        raise Http404
    response = HttpResponse(package.content, content_type=package.media_type)
    response["Content-Disposition"] = f'attachment; filename="{package.name}"'
    patch_cache_control(response, public=True, max_age=300)
    return response


urlpatterns = [
    path("docs/clients/", clients_page, name="clients"),
    path("downloads/<str:name>", download, name="download"),
]
