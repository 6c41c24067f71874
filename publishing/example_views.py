"""The button on a review that runs the example of the submission."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_version_or_404
from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Link
from publishing import examples


@require_POST
def run_example(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Run the example and show what it answered."""
    version = get_visible_version_or_404(request, slug, number)
    context = {
        "version": version,
        "model": version.model,
        "run": examples.run_example(request.user, version),
        "trail": [Link(version.model.name, version.get_absolute_url())],
    }
    return render(request, "publishing/example_run.html", context)


urlpatterns = [
    path("models/<slug:slug>/versions/<str:number>/example/", run_example, name="run_example"),
]
