"""The addresses at which programs and coding agents find models (docs/discovery.md). They take tokens, like the API."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse

from catalog.models import RegisteredModel
from catalog.pages import get_visible_model_or_404, model_context
from marketplace.accounts.requests import PageRequest
from marketplace.insights.discovery import linkset
from marketplace.insights.model_page import page
from marketplace.tokens.authentication import for_programs

MARKDOWN = "text/markdown; charset=utf-8"
NAMED = 100  # models in llms.txt, the most called first


@for_programs
def api_catalog(request: PageRequest) -> HttpResponse:
    """The callable models that the reader may see, PAGE of them in the order of their slugs after `?after=`."""
    after = request.GET.get("after", "")[:80].replace("\0", "")
    models = list(_callable(request).filter(slug__gt=after).order_by("slug")[: linkset.PAGE + 1])
    shown = models[: linkset.PAGE]
    following = shown[-1].slug if len(models) > linkset.PAGE else ""
    absolute = request.build_absolute_uri
    answer = JsonResponse(
        linkset.document(shown, after, following, absolute),
        content_type=f'{linkset.MEDIA_TYPE}; profile="{linkset.PROFILE}"',
    )
    # RFC 9727, section 5.3: who asks with HEAD learns from this header where the catalog is.
    answer["Link"] = f'<{absolute(reverse("insights:api_catalog"))}>; rel="api-catalog"'
    return answer


@for_programs
def llms(request: PageRequest) -> HttpResponse:
    """What a language model needs to know to work here, and the models that are called most (llmstxt.org)."""
    models = list(_callable(request).order_by("-calls_30d", "slug")[: NAMED + 1])
    context = {
        "models": models[:NAMED],
        "are_more": len(models) > NAMED,
        "root": _root(request),
    }
    return render(request, "insights/discovery/llms.txt", context, content_type=MARKDOWN)


@for_programs
def model_markdown(request: PageRequest, slug: str) -> HttpResponse:
    """A model's overview as Markdown."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "catalog:model")
    context |= {
        "answer": page.answer(request, context),
        "address": linkset.address_of(entry),
        "root": _root(request),
    }
    return render(request, "insights/discovery/model.txt", context, content_type=MARKDOWN)


def _callable(request: PageRequest) -> QuerySet[RegisteredModel]:
    seen = RegisteredModel.objects.visible_to(request.user).published()
    return seen.filter(aliases__name="stable").for_list()


def _root(request: HttpRequest) -> str:
    """The portal's address, without a slash at its end."""
    return request.build_absolute_uri("/").rstrip("/")


urlpatterns = [
    path(".well-known/api-catalog", api_catalog, name="api_catalog"),
    path("llms.txt", llms, name="llms"),
    path("models/<slug:slug>.md", model_markdown, name="model_markdown"),
]
