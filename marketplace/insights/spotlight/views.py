"""What the rules propose for the spotlight, and what marketplace managers decide."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from marketplace.accounts.models import RoleGrant
from marketplace.accounts.requests import PageRequest
from marketplace.insights.inventory.forms import ReasonForm
from marketplace.insights.models import Spotlight
from marketplace.insights.spotlight import actions

PAGE_SIZE = 25


def spotlights(request: PageRequest) -> HttpResponse:
    """Those that wait for a decision or are shown, then the others. Raises Http404 for who neither curates nor oversees."""
    if not request.user.has_role("curator", "auditor", "admin"):
        raise Http404
    rows = Spotlight.objects.visible_to(request.user).for_list()
    states = [Spotlight.State.PROPOSED, Spotlight.State.SHOWN]
    over = rows.exclude(state__in=states).order_by("-pk")
    context = {
        "open": rows.filter(state__in=states).order_by("-state", "-pk")[: actions.AT_ONCE],
        "page_obj": Paginator(over, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_decide": request.user.has_role(RoleGrant.Role.CURATOR),
        "reason_form": ReasonForm(auto_id=False),
    }
    return render(request, "insights/spotlight/spotlights.html", context)


@require_POST
def change_spotlight(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Show, dismiss or end."""
    spotlight = get_object_or_404(Spotlight.objects.visible_to(request.user).for_list(), pk=pk)
    reason = str(request.POST.get("reason", ""))[:4000]
    if verb == "show":
        actions.show(request.user, spotlight, reason)
    elif verb == "dismiss":
        actions.dismiss(request.user, spotlight, reason)
    elif verb == "end":
        actions.end(request.user, spotlight)
    else:
        raise Http404
    messages.success(request, "Saved.")
    return redirect("insights:spotlights")


urlpatterns = [
    path("insights/spotlights/", spotlights, name="spotlights"),
    path("insights/spotlights/<int:pk>/<slug:verb>/", change_spotlight, name="change_spotlight"),
]
