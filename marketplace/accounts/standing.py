"""What a person's roles and teams are: asked once for a reading request instead of at each of its twenty questions.

Only GET and HEAD keep an answer, each request its own: what changes something, background work and commands ask each time. It is
dropped at the end of the request, before a streamed body begins, whenever the request writes a role or a membership, and after
KEPT_S, so that a request which waits for something does not go by what was true when it began (docs/reliability.md,
"Visibility and permissions").
"""

import time
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

KEPT_S = 2.0
TABLES = ("accounts_rolegrant", "accounts_membership")

Answers = dict[Hashable, tuple[float, Any]]
_answers: ContextVar[Answers | None] = ContextVar("answers", default=None)


def once_while_reading(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a reading request keeps answers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return get_response(request)
        before = _answers.set({})
        try:
            with connection.execute_wrapper(_dropped_by_writes):
                return get_response(request)
        finally:
            _answers.reset(before)

    return middleware


def is_kept() -> bool:
    """Does this request keep answers?"""
    return _answers.get() is not None


def once(question: Hashable, ask: Callable[[], Any]) -> Any:
    """What `ask` says; the same as before if this request keeps answers and asked less than KEPT_S ago."""
    answers = _answers.get()
    if answers is None:
        return ask()
    now = time.monotonic()
    asked_at, answer = answers.get(question, (now - KEPT_S, None))
    if now - asked_at >= KEPT_S:
        answer = ask()
        answers[question] = now, answer
    return answer


def _dropped_by_writes(
    execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: dict[str, Any]
) -> Any:
    try:
        return execute(sql, parameters, many, context)
    finally:
        text = str(sql)
        if not text.startswith("SELECT") and any(table in text for table in TABLES):
            answers = _answers.get()
            if answers is not None:
                answers.clear()
