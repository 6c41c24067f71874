"""Pages of announcements, and of what a person follows."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog.models import Collection, Domain
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show_page, submitted
from marketplace.core.links import Link
from marketplace.insights.announcements import actions
from marketplace.insights.announcements.forms import AnnouncementForm
from marketplace.insights.announcements.permissions import can_announce
from marketplace.insights.following.actions import follow, unfollow
from marketplace.insights.models import Announcement, Follow

LIST = "insights:announcements"
PAGE_SIZE = 25


def announcements(request: PageRequest) -> HttpResponse:
    """What was announced to the reader; all of it for who writes or oversees."""
    rows = Announcement.objects.visible_to(request.user).for_list()
    context = {
        "page_obj": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_announce": can_announce(request.user),
    }
    return render(request, "insights/announcements/announcements.html", context)


def announcement(request: PageRequest, pk: int) -> HttpResponse:
    """One announcement."""
    shown = _announcement(request, pk)
    context = {
        "announcement": shown,
        "may_announce": can_announce(request.user),
        "trail": _trail(),
    }
    return render(request, "insights/announcements/announcement.html", context)


def new_announcement(request: PageRequest) -> HttpResponse:
    """Write one, as a draft. Raises Http404 for who does not write."""
    _require_writer(request)
    form = AnnouncementForm(request.POST or None)
    done, made = submitted(request, form, lambda **facts: actions.write(request.user, **facts))
    if done:
        messages.success(request, "It is a draft. Look at it, then schedule it.")
        return redirect(made)
    return show_page(
        request,
        form,
        title="Write an announcement",
        lead="It becomes a draft that you look at before it is scheduled.",
        act="Save the draft",
        back=reverse(LIST),
        trail=_trail(),
    )


def edit_announcement(request: PageRequest, pk: int) -> HttpResponse:
    """Change a draft. Raises Http404 for who does not write."""
    _require_writer(request)
    shown = _announcement(request, pk)
    form = AnnouncementForm(request.POST or None, of=shown)
    done, _ = submitted(request, form, lambda **facts: actions.edit(request.user, shown, **facts))
    if done:
        messages.success(request, "Saved.")
        return redirect(shown)
    return show_page(
        request,
        form,
        title="Change an announcement",
        lead="It is a draft: nobody reads it yet.",
        act="Save the draft",
        back=shown.get_absolute_url(),
        trail=[*_trail(), Link(shown.title, shown.get_absolute_url())],
    )


@require_POST
def change_announcement(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Schedule it, take it back, or end it."""
    shown = _announcement(request, pk)
    verbs = {"schedule": actions.schedule, "take-back": actions.take_back, "end": actions.end}
    if verb not in verbs:
        raise Http404
    verbs[verb](request.user, shown)
    messages.success(request, "Saved.")
    return redirect(shown)


def following(request: PageRequest) -> HttpResponse:
    """Domains and collections, and which of them the person follows; POST follows or ends it."""
    if request.method == "POST":
        return _follow(request)
    own = {
        (kind, getattr(one, f"{kind}_id")): one.pk
        for one in Follow.objects.visible_to(request.user)
        for kind in ("domain", "collection")
    }
    collections = Collection.objects.published()
    context = {
        "groups": [
            ("Domains", "domain", _rows("domain", Domain.objects.all(), own)),
            ("Collections", "collection", _rows("collection", collections, own)),
        ]
    }
    return render(request, "insights/announcements/following.html", context)


def _rows(kind: str, things: Any, own: dict[tuple[str, int], int]) -> list[tuple[Any, int | None]]:
    return [(thing, own.get((kind, thing.pk))) for thing in things]


def _follow(request: PageRequest) -> HttpResponse:
    ends = request.POST.get("end", "")
    if ends:
        number = int(ends) if ends.isascii() and ends.isdigit() and len(ends) <= 18 else 0
        unfollow(
            request.user, get_object_or_404(Follow.objects.visible_to(request.user), pk=number)
        )
        messages.success(request, "You do not follow it any more.")
    else:
        kind, slug = request.POST.get("kind", ""), request.POST.get("slug", "")[:100]
        if kind == "collection":
            thing = get_object_or_404(Collection.objects.published(), slug=slug)
            follow(request.user, collection=thing)
        else:
            follow(request.user, domain=get_object_or_404(Domain, slug=slug))
        messages.success(request, "You follow it: what is new in it comes once a week.")
    return redirect("insights:following")


def _require_writer(request: PageRequest) -> None:
    if not can_announce(request.user):
        raise Http404


def _announcement(request: PageRequest, pk: int) -> Announcement:
    return get_object_or_404(Announcement.objects.visible_to(request.user).for_list(), pk=pk)


def _trail() -> list[Link]:
    return [Link("Announcements", reverse(LIST))]
