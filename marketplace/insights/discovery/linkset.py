"""The API catalog: every API that the reader may call, with where it is described (RFC 9727), as a link set (RFC 9264)."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from catalog.models import RegisteredModel

MEDIA_TYPE = "application/linkset+json"
PROFILE = "https://www.rfc-editor.org/info/rfc9727"  # RFC 9727, section 4: says that a link set is an API catalog
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
PAGE = 200  # models in one document; `next` leads to the rest

Absolute = Callable[[str], str]


def document(
    models: Iterable[RegisteredModel], after: str, following: str, absolute: Absolute
) -> dict[str, Any]:
    """The link set of the portal's own API and of `models`, which have a stable version.

    after, following: slugs after which this document and the next one begin; "" for the first one, and behind the last one.
    """
    catalog = reverse("insights:api_catalog")
    shown = list(models)
    items = [_link(absolute(reverse("api:schema")), title="The marketplace's own API")]
    items += [_link(absolute(reverse("insights:mcp")), title="The MCP server")]
    items += [_link(address_of(model), title=model.name) for model in shown]
    itself: dict[str, Any] = {"anchor": absolute(_at(catalog, after)), "item": items}
    if following:
        itself["next"] = [_link(absolute(_at(catalog, following)), MEDIA_TYPE)]
    return {
        "linkset": [
            itself,
            _portal(absolute),
            _agents(absolute),
            *(_entry(model, absolute) for model in shown),
        ]
    }


def address_of(model: RegisteredModel) -> str:
    """Where calls of a model go."""
    return f"{settings.GATEWAY_URL}/v2/models/{model.slug}/infer"


def _portal(absolute: Absolute) -> dict[str, Any]:
    return {
        "anchor": absolute("/api/v1/"),
        "service-desc": [_link(absolute(reverse("api:schema")), OPENAPI)],
        "service-doc": [_link(absolute(reverse("api:docs")), "text/html")],
        "service-meta": [_link(absolute(reverse("insights:llms")), "text/markdown")],
        "status": [_link(absolute(reverse("readyz")), "application/json")],
    }


def _agents(absolute: Absolute) -> dict[str, Any]:
    """The MCP server describes itself to its clients; its page says how one is set up."""
    return {
        "anchor": absolute(reverse("insights:mcp")),
        "service-doc": [_link(absolute(reverse("publishing:clients")), "text/html")],
        "status": [_link(absolute(reverse("readyz")), "application/json")],
    }


def _entry(model: RegisteredModel, absolute: Absolute) -> dict[str, Any]:
    version = model.stable
    described = reverse("publishing:openapi", args=[model.slug, version.number])
    twin = reverse("insights:model_markdown", args=[model.slug])
    return {
        "anchor": address_of(model),
        "service-desc": [_link(absolute(described), OPENAPI)],
        "service-doc": [
            _link(absolute(model.get_absolute_url()), "text/html"),
            _link(absolute(twin), "text/markdown"),
        ],
        "status": [
            _link(f"{settings.GATEWAY_URL}/v2/models/{model.slug}/ready", "application/json")
        ],
    }


def _at(address: str, after: str) -> str:
    return f"{address}?{urlencode({'after': after})}" if after else address


def _link(href: str, media_type: str = "", title: str = "") -> dict[str, str]:
    link = {"href": href, "type": media_type, "title": title}
    return {name: value for name, value in link.items() if value}
