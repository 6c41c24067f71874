"""problem+json (RFC 9457): every error of the REST API has one shape and names the field and the remedy."""

import logging
from itertools import islice

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from psycopg.errors import CheckViolation
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from marketplace.core import disk_space, request_ids
from marketplace.core.errors import BusinessAnswer, InsufficientStorage, Unreadable
from marketplace.core.problem_types import BY_SLUG

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

# Errors of the framework and the database as status, slug, title and detail. The detail never quotes the error itself.
UNAVAILABLE = (
    503,
    "away",
    "The marketplace cannot reach its records",
    "Try again in a moment; with the same Idempotency-Key nothing is done twice.",
)
UNUSABLE = (
    422,
    "invalid",
    "What was sent cannot be used",
    "A value has a character or a size that cannot be kept.",
)
MALFORMED = (
    400,
    "malformed",
    "The request cannot be read",
    "Its body, its address or one of its headers is not what the standards say.",
)
LARGE = (
    413,
    "request-too-large",
    "The request is too large",
    "The body is longer than this address takes.",
)
READ_ONLY = "25006"  # what a Postgres answers that was the primary until a moment ago
KNOWN = {
    exceptions.ParseError: (400, "malformed", "The body cannot be read", ""),
    exceptions.NotAuthenticated: (
        401,
        "not-signed-in",
        "Sign in first",
        "This API answers to people who are signed in.",
    ),
    exceptions.AuthenticationFailed: (401, "not-signed-in", "Sign in first", ""),
    exceptions.PermissionDenied: (403, "not-allowed", "You may not do this", ""),
    PermissionDenied: (403, "not-allowed", "You may not do this", "You lack the right to do this."),
    exceptions.NotFound: (404, "not-found", "Not found", ""),
    Http404: (404, "not-found", "Not found", "There is no such thing, or you may not see it."),
    exceptions.MethodNotAllowed: (405, "method", "Method not allowed", ""),
    exceptions.NotAcceptable: (
        406,
        "not-acceptable",
        "Only JSON is answered",
        "Accept application/json.",
    ),
    exceptions.UnsupportedMediaType: (415, "media-type", "This media type is not understood", ""),
    exceptions.Throttled: (429, "too-many", "Too many requests", ""),
    RequestDataTooBig: LARGE,
    SuspiciousOperation: MALFORMED,
    BadRequest: MALFORMED,
    MultiPartParserError: MALFORMED,
    UnreadablePostError: MALFORMED,
    IntegrityError: (
        409,
        "conflict",
        "Conflict",
        "Somebody else was first, or it is used elsewhere. Read it again, then retry.",
    ),
    DataError: UNUSABLE,
}
RETRY_AFTER_S = 5
REFUSALS = (403, 409, 422)
MOST_ERRORS = 50  # that one answer lists


def is_database_unavailable(error):
    """Did Postgres not answer, or not in time, or answer that it is no longer the primary?"""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", "") == READ_ONLY
    return isinstance(error, (OperationalError, InterfaceError))


def problem(status, slug, title, detail, **members):
    """The body of a problem: type, title, status, detail, instance, and the extra members given.

    A refusal that names neither a remedy nor whom to ask has the remedy of its type.
    """
    body = {
        "type": f"/docs/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:request:{request_ids.current()}",
    }
    body |= {name: value for name, value in members.items() if value}
    if status in REFUSALS and not {"remedy", "ask"} & body.keys():
        body["remedy"] = BY_SLUG[slug].remedy
    return body


def handle(error, context):
    """Django REST framework's EXCEPTION_HANDLER: every error becomes a response that reveals nothing internal."""
    body = _body(error, context)
    if is_read_by_a_person(context["request"]):
        return problem_page(context["request"], body)
    return Response(
        body,
        status=body["status"],
        headers=_headers(error, body["status"]),
        content_type=MEDIA_TYPE,
    )


def is_read_by_a_person(request):
    """Does a browser show the answer? Programs say that they take JSON, or say nothing about HTML."""
    return request.method in SAFE_METHODS and "text/html" in request.headers.get("Accept", "")


def problem_page(request, body):
    """The problem as a page, for somebody who opened an address of the API in a browser."""
    context = {
        "problem": body,
        "request_id": request_ids.current(),
        "asked": request.get_full_path(),
    }
    html = render_to_string("api/problem.html", context)
    return HttpResponse(html, status=body["status"], headers={"Vary": "Accept"})


def answer(error):
    """The body of a BusinessAnswer's problem."""
    members = {
        "field": error.field,
        "limit": getattr(error, "limit", None),
        "remedy": error.remedy,
        "ask": error.ask,
    }
    members["errors"] = [{"field": error.field, **each} for each in error.problems]
    return problem(error.status, error.slug, error.title, error.message, **members)


def _body(error, context):
    if disk_space.is_full(error):
        error = InsufficientStorage(
            "The marketplace's disk is full, so this was not kept.",
            remedy="Send it again later.",
            ask="the operators",
        )
    if isinstance(error, BusinessAnswer):
        return answer(error)
    if isinstance(error, exceptions.ValidationError):
        status = 400 if context["request"].method in SAFE_METHODS else 422
        errors = list(islice(field_errors(error.get_full_details()), MOST_ERRORS))
        return problem(
            status,
            "invalid",
            "What was sent cannot be used",
            " ".join(
                f"{error['field']}: {error['message']}" if error["field"] else error["message"]
                for error in errors[:5]
            ),
            errors=errors,
        )
    if is_database_unavailable(error):
        return problem(*UNAVAILABLE)
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, CheckViolation):
        return problem(*UNUSABLE, field=error.__cause__.diag.constraint_name)
    if isinstance(error, Unreadable):
        return problem(*MALFORMED[:3], str(error))
    if type(error) is LookupError:  # a part of a form names an encoding that does not exist
        return problem(*MALFORMED)
    for kind, (status, slug, title, detail) in KNOWN.items():
        if isinstance(error, kind):
            return problem(status, slug, title, detail or str(error))
    log.exception("the API could not answer", exc_info=error)
    return problem(
        500,
        "error",
        "Something went wrong here",
        "It is logged under the request id; nothing was half done.",
    )


def field_errors(details, path=""):
    """Django REST framework's nested error details as [{"field", "message", "code"}], with paths like "items.0.name"."""
    if isinstance(details, dict) and isinstance(details.get("message"), str):
        yield {"field": path or None, "message": str(details["message"]), "code": details["code"]}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from field_errors(
                inner, path if name == "non_field_errors" else _joined(path, name)
            )
    else:
        leaves = all(
            isinstance(item, dict) and set(item) == {"message", "code"} for item in details
        )
        for index, inner in enumerate(details):
            yield from field_errors(inner, path if leaves else _joined(path, index))


def _joined(path, name):
    return f"{path}.{name}" if path else str(name)


def _headers(error, status):
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait) + 1)
    return headers


def problem_response(status, slug, title, detail):
    """A problem as a complete response, for endpoints outside the REST API."""
    return JsonResponse(
        problem(status, slug, title, detail), status=status, content_type=MEDIA_TYPE
    )


def error_response(error):
    """The response to an error under /api/ before a resource was reached, for example in the middleware."""
    body = _body(error, {})
    return JsonResponse(
        body,
        status=body["status"],
        headers=_headers(error, body["status"]),
        content_type=MEDIA_TYPE,
    )


@login_not_required
def page_not_found(request, exception=None):
    """404 for paths under /api/."""
    body = problem(404, "not-found", "Not found", "There is no such address in this API.")
    if is_read_by_a_person(request):
        return problem_page(request, body)
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)
