"""The tray: what is ticked joins it, what is taken out leaves it; htmx refreshes it alone."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from catalog import tray
from marketplace.accounts.requests import PageRequest


@require_POST
def change(request: PageRequest) -> HttpResponse:
    """`add` and `remove` name picks, `clear` empties; then back to `next`. A fifth is refused, and the tray says so."""
    held = [] if "clear" in request.POST else tray.kept(request.session)
    leaving = tray.picks_of(request.POST.getlist("remove"))
    held = [pick for pick in held if pick not in leaving]
    seen = tray.of(request.user, [*held, *tray.picks_of(request.POST.getlist("add"))])
    picks = [entry.pick for entry in seen.entries]
    tray.keep(request.session, picks)
    if request.htmx:
        held_now = tray.Tray(seen.entries[: tray.MOST], is_refused=len(picks) > tray.MOST)
        return render(request, "catalog/_tray.html", {"tray": held_now})
    back = request.POST.get("next", "")
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, None)
    return redirect(back if is_ours else reverse("catalog:models"))
