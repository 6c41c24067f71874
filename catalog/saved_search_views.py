"""The page of saved searches: what is kept, and giving it up."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from catalog import saved_searches
from catalog.models import SavedSearch
from marketplace.accounts.requests import PageRequest

PAGE_SIZE = 30


def saved_list(request: PageRequest) -> HttpResponse:
    """One's own searches, the newest first."""
    saved = SavedSearch.objects.visible_to(request.user)
    page = Paginator(saved, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "catalog/saved_searches.html", {"page_obj": page})


@require_POST
def save(request: PageRequest) -> HttpResponse:
    """Keep the search that the page of results shows, and go back to it."""
    saved = saved_searches.save(request.user, request.POST.get("query", ""))
    said = 'Saved. You are told when a new model fits “{}”. <a href="{}">Saved searches</a>'
    messages.success(request, format_html(said, saved.name, reverse("catalog:saved_searches")))
    return redirect(saved)


@require_POST
def forget(request: PageRequest, pk: int) -> HttpResponse:
    saved = get_object_or_404(SavedSearch.objects.visible_to(request.user), pk=pk)
    saved_searches.forget(request.user, saved)
    messages.success(request, f"Deleted: {saved.name}.")
    return redirect("catalog:saved_searches")
