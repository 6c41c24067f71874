"""A form that is sent twice is done once (docs/reliability.md): a second click, or a browser that sends a form again.

Django masks the token of each page that it renders anew, so that person, address and fields together name one rendered form.
The same form again gets the answer of the first. A token that was taken from the cookie is many forms': there only what is
sent while the first is at work counts as the same.
"""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CSRF_TOKEN_LENGTH
from django.shortcuts import render
from django.utils import timezone

from marketplace.accounts.idempotency import forget_old
from marketplace.accounts.models import IdempotentAnswer
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import RuleError
from marketplace.core.forms import ShownOnce
from marketplace.core.middleware import RefusedForm

FORM, TOKEN = "application/x-www-form-urlencoded", "csrfmiddlewaretoken"
LONGEST = timedelta(seconds=10)  # as long as a page works; after that the first one died at work
LOOK_AGAIN_S = 0.05
CLAIM = "marketplace.form_claim"

View = Callable[..., HttpResponse]


REPEATABLE: set[View] = set()


def is_repeatable(view: View) -> View:
    """Marks a view whose form is sent again on purpose and changes nothing, as the playground's."""
    REPEATABLE.add(view)
    return view


class FormsOnce:
    """Middleware: the claim on a form is a row, as that of an Idempotency-Key; an act that was refused leaves none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        response = self.get_response(request)
        if CLAIM in request.META:
            _keep(request.META[CLAIM], response)
        return response

    def process_view(
        self, request: PageRequest, view: View, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if view in REPEATABLE or not _is_form(request):
            return None
        claim, is_ours = _claim(request)
        if is_ours:
            request.META[CLAIM] = claim
            return None
        return _again(request, claim)


def _is_form(request: PageRequest) -> bool:
    """Was this sent by a page's form, by somebody who is signed in? htmx sends nothing twice by itself."""
    return (
        request.method == "POST"
        and request.content_type == FORM
        and not request.headers.get("HX-Request")
        and request.user.is_authenticated
        and bool(request.POST.get(TOKEN) or request.headers.get("X-CSRFToken"))
    )


def _claim(request: PageRequest) -> tuple[IdempotentAnswer, bool]:
    """(row, is this request the one that acts?). Waits while another request with the same form is at work."""
    forget_old(request.user)
    is_same = len(request.POST.get(TOKEN, "")) == CSRF_TOKEN_LENGTH
    key = _key(request)
    while True:
        row, is_new = IdempotentAnswer.objects.get_or_create(user=request.user, key=key)
        if is_new:
            return row, True
        if row.status is not None and is_same:
            return row, False
        is_over = row.status is not None or row.at < timezone.now() - LONGEST
        if is_over and _take_over(row):
            return row, True
        is_same = True  # it was sent while the first was at work
        time.sleep(LOOK_AGAIN_S)


def _key(request: PageRequest) -> str:
    sent = [request.get_full_path(), sorted(request.POST.lists())]
    return "form " + hashlib.sha256(repr(sent).encode("utf-8", "surrogatepass")).hexdigest()


def _take_over(row: IdempotentAnswer) -> bool:
    """The claim for this request, unless another one was first."""
    now = timezone.now()
    taken = IdempotentAnswer.objects.filter(pk=row.pk, at=row.at)
    row.at = now
    return taken.update(at=now, status=None, body=None) == 1


def _keep(claim: IdempotentAnswer, response: HttpResponse) -> None:
    """What the form was answered, when something was done: then a page leads on, or shows a secret."""
    mine = IdempotentAnswer.objects.filter(pk=claim.pk, at=claim.at)
    is_led = isinstance(response, HttpResponseRedirect) and not isinstance(response, RefusedForm)
    try:
        if is_led or isinstance(response, ShownOnce):
            mine.update(status=response.status_code, body=response.headers.get("Location"))
        else:
            mine.delete()
    except DatabaseError:
        return  # the claim is taken over when it is old


def _again(request: PageRequest, claim: IdempotentAnswer) -> HttpResponse:
    if claim.body:
        messages.info(request, "This form was sent twice. It was done once.")
        return HttpResponseRedirect(claim.body)
    error = RuleError(
        "This form was sent twice. It was done once, and what it made was shown once.",
        remedy="If you did not see it, end what was made and make a new one.",
    )
    return render(request, "refused.html", {"error": error}, status=error.status)
