"""The calendar of deadlines: a page with its address, and the feed that calendar programs read."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from consumption.deadlines import calendar_feed
from consumption.deadlines.calendar_feed import MEDIA_TYPE
from marketplace.accounts.requests import PageRequest
from marketplace.core.query import chosen
from marketplace.notices.models import CalendarAddress

ACTS = {"make": "make", "revoke": "revoke"}


@never_cache
def calendar(request: PageRequest) -> HttpResponse:
    """One's deadlines, and the address for a calendar program; posting makes one anew, or revokes it."""
    if request.method == "POST":
        if chosen("act", request.POST.get("act"), ACTS, "make") == "revoke":
            calendar_feed.revoke_address(request.user)
            messages.success(
                request, "The address is dead. Calendars that read it get nothing more."
            )
        else:
            calendar_feed.make_address(request.user)
            messages.success(request, "This is your address. One from before is dead.")
        return redirect("consumption:calendar")
    address = CalendarAddress.objects.visible_to(request.user).first()
    context = {
        "deadlines": calendar_feed.deadlines_of(request.user),
        "address": address,
        "feed_url": calendar_feed.url_of(address) if address else "",
    }
    return render(request, "consumption/calendar.html", context)


@login_not_required
@require_safe
def calendar_file(request: PageRequest, token: str) -> HttpResponse:
    """The feed, for whoever has the address."""
    person = calendar_feed.reader_of(token)
    if person is None:
        raise Http404
    headers = {
        "Cache-Control": "private, max-age=900",
        "Content-Disposition": 'inline; filename="marketplace.ics"',
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }
    content = calendar_feed.feed(calendar_feed.deadlines_of(person))
    return HttpResponse(content, content_type=MEDIA_TYPE, headers=headers)
