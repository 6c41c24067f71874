"""Pages of the vocabularies: their words with how many entries use each; administrators add, rename and retire."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from catalog import term_actions
from catalog.models import VOCABULARIES, Term
from catalog.permissions import can_keep_vocabularies
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import LineField, show, submitted
from marketplace.core.links import Tab

MOST = 200  # words of a vocabulary that are shown


class TermForm(forms.Form):
    name = LineField(
        max_length=term_actions.NAME_MAX,
        label="Name",
        help_text="Its address is made from it and stays, whatever it is called later.",
    )


def vocabulary(request: PageRequest, kind: str) -> HttpResponse:
    """The words of one vocabulary."""
    terms = _kind(kind)
    form = TermForm(request.POST or None)
    done, term = submitted(
        request, form, lambda **given: term_actions.add_term(request.user, terms, **given)
    )
    if done:
        messages.success(request, f"Added: {term}.")
        return redirect("catalog:vocabulary", kind)
    return show(
        request,
        "catalog/vocabulary.html",
        form,
        kind=kind,
        terms=terms.objects.with_use()[:MOST],
        tabs=_tabs(kind),
        may_keep=can_keep_vocabularies(request.user),
    )


@require_POST
def change_term(request: PageRequest, kind: str, pk: int, verb: str) -> HttpResponse:
    """Rename, retire or bring back one word."""
    term = get_object_or_404(_kind(kind), pk=pk)
    if verb == "rename":
        term_actions.rename_term(request.user, term, request.POST.get("name", ""))
    elif verb == "retire":
        term_actions.retire_term(request.user, term)
    elif verb == "restore":
        term_actions.restore_term(request.user, term)
    else:
        raise Http404
    messages.success(request, "Saved.")
    return redirect("catalog:vocabulary", kind)


def _kind(name: str) -> type[Term]:
    if name not in VOCABULARIES:
        raise Http404
    return VOCABULARIES[name]


def _tabs(current: str) -> list[Tab]:
    return [
        Tab(
            capfirst(str(terms._meta.verbose_name_plural)),
            reverse("catalog:vocabulary", args=[name]),
            name == current,
        )
        for name, terms in VOCABULARIES.items()
    ]
