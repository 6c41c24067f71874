"""The portal's middleware: request ids, patience with Postgres, security headers, business answers as pages."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from marketplace.lib import postgres, requestid
from marketplace.lib.errors import BusinessAnswer

# No inline script or style anywhere, so no nonce is needed (reliability.md §2.7).
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
    """Give each request an id and tell it in the answer."""

    def middleware(request):
        request.request_id = requestid.begin(request.headers.get("X-Request-Id", ""))
        response = get_response(request)
        response["X-Request-Id"] = request.request_id
        return response

    return middleware


def patience(get_response):
    """A request waits five seconds for an answer of Postgres, and ten for all of them; then it is 503."""

    def middleware(request):
        with postgres.patient(each=5.0, in_all=10.0):
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
        if response.status_code < 500 and hasattr(request, "user") and request.user.is_authenticated:  # a 503 has no database to ask
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


class BusinessAnswers:
    """Turns a RuleError or NotAllowed that a page's verb raised into a message where the person stands.

    A refused POST goes back to the page it came from with the sentence; views that own a form catch nothing
    and lose nothing, because they show the form again themselves (`lib.forms.show`).
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        if not isinstance(error, BusinessAnswer):
            return None
        back = request.headers.get("Referer", "")
        came_from_here = url_has_allowed_host_and_scheme(back, {request.get_host()})
        if request.method == "POST" and error.status != 403 and error.status < 500 and came_from_here and not request.headers.get("HX-Request"):
            messages.error(request, error.sentence)
            return HttpResponseRedirect(back)
        return render(request, "refused.html", {"error": error}, status=error.status)
