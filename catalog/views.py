"""Pages of the catalog: the list, and a model's versions. A model's overview is marketplace.insights.model_views."""

from django.shortcuts import get_object_or_404, redirect, render

from catalog import counts, search
from catalog.filters import ModelFilter, chips
from catalog.models import ModelVersion, RegisteredModel
from catalog.pages import get_visible_model_or_404, model_context

SORTS = [
    ("", "Best match"),
    ("-calls_30d", "Most used"),
    ("name", "Name"),
    ("-created_at", "Newest"),
]


def models(request):
    """The catalog: search, filters with counts, sort; everything is in the address."""
    visible = RegisteredModel.objects.visible_to(request.user).published()
    filterset = ModelFilter(request.GET, queryset=visible)
    counted = counts.seen_by(request.user)
    found = search.find(request.user, filterset.asked)
    page = found.page(request.GET.get("page"))
    page.object_list = [hit.model for hit in page]  # type: ignore[misc]
    context = {
        "page_obj": page,
        "q": request.GET.get("q", ""),
        "corrected": found.understood,
        "facets": found.facets,
        "chips": chips(filterset.data),
        "sorts": SORTS,
        "sort": filterset.data.get("sort", ""),
        "teams": counted.teams,
        "total": counted.total,
        "problems": filterset.sentences,
    }
    template = "catalog/_models.html" if request.htmx else "catalog/model_list.html"
    return render(request, template, context, status=400 if filterset.sentences else 200)


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
