"""The product's own API, asked in this process for whoever asked the MCP server: the same scopes, rights, limits and answers.

A tool is one of these operations under another name, so there is no second place where a right could be forgotten.
"""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.urls import resolve, reverse

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404, get_visible_version_or_404
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import BusinessAnswer
from marketplace.tokens.authentication import TOKEN

MOST_CHARACTERS = 200_000  # of one answer: what a model reads at once, and far above what is usual
MISSING = "There is no such thing, or you may not see it."
LEFT_OUT = ("HTTP_COOKIE", "HTTP_IDEMPOTENCY_KEY", "HTTP_CONTENT_ENCODING", "HTTP_ORIGIN")


class Refused(Exception):
    """The operation said no; the message is a sentence that a person, or an agent, can act on."""


class Missing(Refused):
    """There is no such thing, or the person may not see it."""


def version_of(request: PageRequest, model: str, number: str) -> tuple[str, str]:
    """(number, pk) of a version that the person may see; without a number the stable one, else the newest. Raises Missing."""
    try:
        if number:
            version = get_visible_version_or_404(request, model, number)
        else:
            entry = get_visible_model_or_404(request, model)
            seen = ModelVersion.objects.visible_to(request.user).filter(model=entry)
            version = entry.stable or seen.newest_first().first()
    except Http404:
        version = None
    if version is None:
        raise Missing(MISSING)
    return version.number, str(version.pk)


def ask(
    request: PageRequest,
    name: str,
    *arguments: str,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> str:
    """The text that the operation `name` (a URL name) answers to the person of `request`; with a `body` it is a POST of JSON.

    arguments, query: of the address; what is None in the query is left out. Raises Refused, also for answers that are too long.
    """
    address = reverse(name, args=arguments)
    inner = _request(request, address, query or {}, body)
    match = resolve(address)
    try:
        answer: HttpResponse = match.func(inner, *match.args, **match.kwargs)
    except Http404:
        raise Missing(MISSING) from None
    except BusinessAnswer as error:
        raise Refused(error.sentence) from None
    if (render := getattr(answer, "render", None)) is not None:
        render()
    text = answer.content.decode()
    if answer.status_code >= 400:
        raise Refused(sentence_of(json.loads(text)))
    if len(text) > MOST_CHARACTERS:
        raise Refused(
            f"The answer has {len(text)} characters; at most {MOST_CHARACTERS} are given. Read it at {address}."
        )
    return text


def sentence_of(problem: Mapping[str, Any]) -> str:
    """A problem of the API (RFC 9457) as sentences: what is wrong, where, what helps, who can."""
    ask_them = f"Ask {problem['ask']}." if problem.get("ask") else ""
    parts = [problem.get("detail") or problem.get("title"), *_errors(problem)]
    return " ".join(str(part) for part in (*parts, problem.get("remedy"), ask_them) if part)


def _errors(problem: Mapping[str, Any]) -> Iterator[str]:
    for error in problem.get("errors") or []:
        field, message = error.get("field"), error.get("message")
        if message != problem.get("detail"):
            yield f"{field}: {message}" if field else str(message)


def _request(
    outer: PageRequest, address: str, query: Mapping[str, Any], body: Mapping[str, Any] | None
) -> PageRequest:
    """A request to `address` of the same person, with the same token and session, and the given body."""
    content = json.dumps(body).encode() if body is not None else b""
    kept = {name: value for name, value in outer.META.items() if name not in LEFT_OUT}
    given = {name: value for name, value in query.items() if value is not None}
    inner: PageRequest = type(outer)(  # type: ignore[call-arg]
        kept
        | {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "PATH_INFO": address,
            "QUERY_STRING": urlencode(given, doseq=True),
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_ACCEPT": "application/json",
            "wsgi.input": io.BytesIO(content),
        }
    )
    inner.user, inner.session = outer.user, outer.session
    setattr(inner, TOKEN, getattr(outer, TOKEN, None))
    return inner
