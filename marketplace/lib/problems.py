"""problem+json (RFC 9457): every error of the REST API has one shape and names the field and the remedy."""

from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from marketplace.lib import requestid
from marketplace.lib.errors import BusinessAnswer

MEDIA_TYPE = "application/problem+json"


def problem(status, slug, title, detail, **members):
    """The body of a problem: type, title, status, detail, instance, and the extra members given."""
    body = {
        "type": f"/docs/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:request:{requestid.current()}",
    }
    return body | {name: value for name, value in members.items() if value}


def handle(error, context):
    """Django REST framework's EXCEPTION_HANDLER."""
    if isinstance(error, BusinessAnswer):
        body = problem(
            error.status, error.slug, error.title, error.message,
            field=error.field, remedy=error.remedy, ask=error.ask,
        )
        return Response(body, status=error.status, content_type=MEDIA_TYPE)
    response = exception_handler(error, context)
    if response is not None:
        response.data = _from_framework(error, response)
        response.content_type = MEDIA_TYPE
    return response


def _from_framework(error, response):
    if isinstance(error, exceptions.ValidationError):
        return problem(400, "invalid", "What was sent cannot be used", "See errors.", errors=response.data)
    if isinstance(error, Http404):
        return problem(404, "not-found", "Not found", "There is no such thing, or you may not see it.")
    title = getattr(error, "default_detail", "Error")
    return problem(response.status_code, getattr(error, "default_code", "error"), str(title), str(error))


def page_not_found(request, exception=None):
    """404 for paths under /api/."""
    body = problem(404, "not-found", "Not found", "There is no such address in this API.")
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)
