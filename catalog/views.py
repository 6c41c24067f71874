"""Pages of the catalog: the list, and a model's versions. A model's overview is marketplace.insights.model_page.views."""

from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from catalog import counts, discovery_log, need_offers, recent_searches, results, search, tray
from catalog.filters import ModelFilter, chips
from catalog.models import ModelVersion, RegisteredModel
from catalog.pages import get_visible_model_or_404, model_context

SORTS = [
    ("", "Best match"),
    ("-consumer_teams", "Most teams"),
    ("-calls_30d", "Most calls"),
    ("-rating_mean", "Rating"),
    ("-created_at", "Newest"),
    ("name", "Name"),
]


def models(request):
    """The catalog: search, filters with counts, sort; everything is in the address."""
    visible = RegisteredModel.objects.visible_to(request.user).published()
    filterset = ModelFilter(request.GET, queryset=visible)
    found = search.find(request.user, filterset.asked)
    text = request.GET.get("q", "").strip()
    if not filterset.sentences:
        recent_searches.keep(request.session, text)
        discovery_log.keep_search(request.user, text, found.total)
    shown = results.of(found, request.GET.get("page"))
    is_missing = not found.total or shown.first_is_weak
    view = results.view_of(request.session, request.GET.get("view"))
    facets = found.facets
    context = {
        "results": shown,
        "needs": need_offers.offered(request.user, text) if is_missing else [],
        "q": text,
        "exact": request.GET.get("exact", ""),
        "exact_url": results.with_value(request.GET, "exact", "1"),
        "facets": facets,
        "folded": [facet for facet in facets if facet.is_folded],
        "folded_titles": ", ".join(facet.title for facet in facets if facet.is_folded),
        "folded_chosen": any(request.GET.get(facet.param) for facet in facets if facet.is_folded),
        "chips": chips(filterset.data),
        "clear_url": results.cleared(request.GET),
        "wider": [] if found.total else results.wider(found, request.GET),
        "sorts": SORTS,
        "sort": filterset.data.get("sort", ""),
        "view": view,
        "views": results.views(request.GET, view),
        "query": request.GET.urlencode(),
        "tray": tray.of(request.user, tray.kept(request.session)),
        "teams": counts.seen_by(request.user).teams,
        "problems": filterset.sentences,
    }
    template = "catalog/_models.html" if request.htmx else "catalog/model_list.html"
    return render(request, template, context, status=400 if filterset.sentences else 200)


@never_cache
def suggest(request):
    """What drops from the search box while typing; with nothing typed, what was searched for lately."""
    text = request.GET.get("q", "")[: search.LONGEST_QUERY].strip()
    context = {
        "suggestions": search.suggest(request.user, text),
        "recent": recent_searches.like(request.session, text),
        "q": text,
    }
    return render(request, "catalog/_suggest.html", context)


def versions(request, slug):
    """Every version the person may see, newest first, with what changed and why."""
    entry = get_visible_model_or_404(request, slug)
    return render(
        request, "catalog/versions.html", model_context(request, entry, "catalog:versions")
    )


def version(request, slug, number):
    """One version: the model's page about it, or the publisher's steps while it is a draft."""
    visible = ModelVersion.objects.visible_to(request.user).select_related("model")
    version = get_object_or_404(visible, model__slug=slug, number=number)
    return redirect(f"{version.model.get_absolute_url()}?version={version.number}")
