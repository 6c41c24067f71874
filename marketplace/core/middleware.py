"""The portal's middleware: request ids, unreadable requests, the database deadline, security headers, business answers as pages."""

import re
from urllib.parse import unquote

from django.conf import settings
from django.contrib import messages
from django.db import DataError
from django.http import HttpResponsePermanentRedirect, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from marketplace.core import postgres, request_ids
from marketplace.core.errors import BusinessAnswer, Invalid, Unreadable

# No inline script or style anywhere, so no nonce is needed (docs/reliability.md, "Browser protection").
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src {connect}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "manifest-src 'self'",
    ]
)
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def request_id(get_response):
    """Give each request an id and return it in the response."""

    def middleware(request):
        request.request_id = request_ids.begin(request.headers.get("X-Request-Id", ""))
        response = get_response(request)
        response["X-Request-Id"] = request.request_id
        return response

    return middleware


CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")
SESSION = re.compile(r"[a-z0-9]{32}")


def readable(get_response):
    """Refuse (400) what no view can use: null characters in the address, text that is not UTF-8, a length that is no number.

    A session cookie that the portal never gave is left out: the person is not signed in.
    """

    def middleware(request):
        if "\0" in request.path_info or "\0" in unquote(request.META.get("QUERY_STRING", "")):
            raise Unreadable("The address holds a null character.")
        if request.content_params.get("charset", "utf-8").lower() not in CHARSETS:
            raise Unreadable("Text is read as UTF-8 only.")
        if not re.fullmatch(r"[0-9]{0,18}", request.META.get("CONTENT_LENGTH") or "", re.ASCII):
            raise Unreadable("Content-Length is not a number.")
        if not SESSION.fullmatch(request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")):
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return get_response(request)

    return middleware


def database_deadline(get_response):
    """A request waits at most five seconds for one answer of Postgres and ten for all of them; then it is 503."""

    def middleware(request):
        with postgres.deadline(per_answer_s=5.0, total_s=10.0):
            return get_response(request)

    return middleware


def security_headers(get_response):
    """The content security policy and its companions, on every answer."""

    def middleware(request):
        response = get_response(request)
        connect = " ".join(["'self'", *getattr(response, "csp_connect", [])])
        response.headers.setdefault("Content-Security-Policy", POLICY.format(connect=connect))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if (
            response.status_code < 500
            and hasattr(request, "user")
            and request.user.is_authenticated
        ):  # a 503 has no database to ask
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


class LowerCaseAddresses:
    """Names in addresses are lower case. Who reads another spelling is led to that one, whether or not it is there."""

    NAMES = ("slug", "number")

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        usual = {
            name: value.lower() if name in self.NAMES else value for name, value in kwargs.items()
        }
        if usual == kwargs or request.method not in ("GET", "HEAD"):
            return None
        query = request.META.get("QUERY_STRING", "")
        address = reverse(request.resolver_match.view_name, kwargs=usual)
        return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)


class RefusedForm(HttpResponseRedirect):
    """Back to the page from which a form came that a verb refused."""


class BusinessAnswers:
    """Turns a RuleError or NotAllowed that a page's verb raised into a message where the person stands.

    A refused POST goes back to the page it came from with the sentence; views that own a form catch nothing
    and lose nothing, because they show the form again themselves (`core.forms.show`).
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        if isinstance(error, (DataError, UnicodeEncodeError)):
            error = Invalid(
                "A value has a character or a size that cannot be kept.",
                remedy="Correct it and send it again.",
            )
        if not isinstance(error, BusinessAnswer):
            return None
        back = request.headers.get("Referer", "")
        came_from_here = url_has_allowed_host_and_scheme(back, {request.get_host()})
        if (
            request.method == "POST"
            and error.status != 403
            and error.status < 500
            and came_from_here
            and not request.headers.get("HX-Request")
        ):
            messages.error(request, error.sentence)
            return RefusedForm(back)
        return render(request, "refused.html", {"error": error}, status=error.status)
