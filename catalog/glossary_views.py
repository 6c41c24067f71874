"""The page of the glossary: short words and what they mean; marketplace managers keep it."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from catalog import glossary_actions
from catalog.models import GlossaryEntry
from catalog.permissions import can_curate
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import LineField, show, submitted


class GlossaryForm(forms.Form):
    word = LineField(max_length=GlossaryEntry.WORD_MAX, label="Short word", help_text="As CLV.")
    meaning = LineField(
        max_length=GlossaryEntry.MEANING_MAX,
        label="What it means",
        help_text="As listings write it: customer lifetime value.",
    )


def glossary(request: PageRequest) -> HttpResponse:
    """All short words; a form for who keeps them."""
    form = GlossaryForm(request.POST or None)
    done, entry = submitted(
        request, form, lambda **given: glossary_actions.explain_word(request.user, **given)
    )
    if done:
        messages.success(request, f"Search reads {entry} as “{entry.meaning}” from now on.")
        return redirect("catalog:glossary")
    return show(
        request,
        "catalog/glossary.html",
        form,
        entries=GlossaryEntry.objects.all()[: glossary_actions.MOST],
        may_keep=can_curate(request.user),
    )


@require_POST
def take_out(request: PageRequest, pk: int) -> HttpResponse:
    """Take one word out."""
    entry = get_object_or_404(GlossaryEntry, pk=pk)
    glossary_actions.take_out_word(request.user, entry)
    messages.success(request, f"Taken out: {entry}.")
    return redirect("catalog:glossary")
