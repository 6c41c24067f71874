"""Pages of collections: the list, one of them, and what marketplace managers do with it."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog import collection_actions as actions
from catalog.forms import CollectionEditForm, CollectionForm, EntryForm
from catalog.models import Collection, CollectionEntry, RegisteredModel
from catalog.permissions import can_curate
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link

LIST = "catalog:collections"
PAGE_SIZE = 24


def collection_list(request: PageRequest) -> HttpResponse:
    """All collections, the featured ones first."""
    rows = Collection.objects.visible_to(request.user).counted_for(_visible(request))
    context = {
        "page_obj": Paginator(rows.order_by("-is_featured", "name"), PAGE_SIZE).get_page(
            request.GET.get("page")
        ),
        "may_curate": can_curate(request.user),
    }
    return render(request, "catalog/collections.html", context)


def collection(request: PageRequest, slug: str) -> HttpResponse:
    """One collection: its text, and those of its models that the person may see; the form to put one in."""
    shown = get_object_or_404(Collection.objects.visible_to(request.user), slug=slug)
    may_curate = can_curate(request.user)
    form = EntryForm(request.POST or None)

    def put_in(model: str, note: str) -> CollectionEntry:
        entry = _visible(request).filter(slug=model.strip().lower()).first()
        if entry is None:
            raise Invalid("There is no published model at that address.", field="model")
        return actions.put_in(request.user, shown, entry, note)

    done, entry = submitted(request, form, put_in)
    if done:
        messages.success(request, f"{entry.model} is in it.")
        return redirect(shown)
    notes = dict(shown.entries.values_list("model_id", "note"))
    models = {one.pk: one for one in _visible(request).filter(pk__in=notes).for_list()}
    return show(
        request,
        "catalog/collection.html",
        form,
        collection=shown,
        entries=[(models[pk], note) for pk, note in notes.items() if pk in models],
        may_curate=may_curate,
        trail=[Link("Collections", reverse(LIST))],
    )


def new_collection(request: PageRequest) -> HttpResponse:
    """Begin a collection. Raises Http404 for who does not curate."""
    _require_curator(request)
    form = CollectionForm(request.POST or None)
    done, made = submitted(
        request, form, lambda **given: actions.create_collection(request.user, **given)
    )
    if done:
        messages.success(request, "It is a draft. Put models in, then publish it.")
        return redirect(made)
    trail = [Link("Collections", reverse(LIST))]
    return show(request, "catalog/collection_form.html", form, trail=trail)


def edit_collection(request: PageRequest, slug: str) -> HttpResponse:
    """Change its words, and whether home shows it. Raises Http404 for who does not curate."""
    _require_curator(request)
    shown = get_object_or_404(Collection, slug=slug)
    now = {name: getattr(shown, name) for name in ("name", "text", "is_featured")}
    form = CollectionEditForm(request.POST or None, initial=now)
    done, changed = submitted(
        request, form, lambda **given: actions.edit_collection(request.user, shown, **given)
    )
    if done:
        messages.success(request, "Saved.")
        return redirect(changed)
    return show(
        request,
        "catalog/collection_form.html",
        form,
        collection=shown,
        trail=[Link("Collections", reverse(LIST)), Link(shown.name, shown.get_absolute_url())],
    )


@require_POST
def change_collection(request: PageRequest, slug: str, verb: str) -> HttpResponse:
    """Publish it, take it back, or take a model out."""
    shown = get_object_or_404(Collection.objects.visible_to(request.user), slug=slug)
    if verb == "publish":
        actions.publish_collection(request.user, shown)
    elif verb == "withdraw":
        actions.withdraw_collection(request.user, shown)
    elif verb == "take-out":
        model = RegisteredModel.objects.visible_to(request.user).filter(
            slug=request.POST.get("model", "")
        )
        actions.take_out(request.user, shown, get_object_or_404(model))
    else:
        raise Http404
    messages.success(request, "Saved.")
    return redirect(shown)


def _visible(request: PageRequest) -> Any:
    return RegisteredModel.objects.visible_to(request.user).published()


def _require_curator(request: PageRequest) -> None:
    if not can_curate(request.user):
        raise Http404
