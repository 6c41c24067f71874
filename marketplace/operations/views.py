"""Pages of operations: what an operator asks first, and the same for a scraper."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from hosting.permissions import can_see_operations
from marketplace.operations import prometheus_exporter, summary

LOOPBACK = ("127.0.0.1", "::1")


def operations(request):
    """For operators: what runs, what does not and why, how full it is, what waits."""
    if not can_see_operations(request.user):
        raise Http404
    return render(
        request,
        "operations/_operations.html" if request.htmx else "operations/operations.html",
        {"summary": summary.overview()},
    )


@login_not_required
@never_cache
def metrics(request):
    """The marketplace's state for Prometheus: to a scraper on this machine, or to an operator who looks."""
    if not (_is_direct_from_here(request) or can_see_operations(request.user)):
        raise Http404
    return HttpResponse(prometheus_exporter.text(), content_type=prometheus_exporter.CONTENT_TYPE)


def _is_direct_from_here(request):
    """From loopback, and not passed on by a proxy on this machine for somebody elsewhere."""
    passed_on = any(
        name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
    )
    return request.META["REMOTE_ADDR"] in LOOPBACK and not passed_on
