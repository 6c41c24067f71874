"""The page of what one person asked and another decides: what, why, and the decision for who may."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted


def decide_page(
    request: PageRequest,
    proposal: Any,
    form: forms.Form,
    verb: Callable[..., Any],
    template: str,
    **context: Any,
) -> HttpResponse:
    """Show it, or record the decision.

    proposal  a Proposal with a State of its own, OPEN until it is decided; its page is where it leads.
    verb      verb(by, proposal, **what the form cleaned).
    context   of the template, beside is_open; `reasons_against` is "" when the reader may decide.
    """
    done, _ = submitted(request, form, lambda **given: verb(request.user, proposal, **given))
    if done:
        messages.success(request, f"Recorded: {proposal}.")
        return redirect(proposal)
    return show(request, template, form, is_open=proposal.state == proposal.State.OPEN, **context)
