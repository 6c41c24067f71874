"""Pages of the contract diff: what a version changes for its callers, and a draft's names and number."""

from dataclasses import dataclass

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from consumption.models import Subscription
from marketplace.core.links import Link
from publishing import actions, contract_diff
from publishing.views import own_version

MOST_SUBSCRIPTIONS = 50  # of one page; the counts above them are of all


@dataclass(frozen=True)
class Follower:
    """A subscription that the reader may see, and what the version does to it."""

    subscription: Subscription
    outcome: str


def changes(request, slug, number):
    """What changes for callers since the release it follows, or since `?from=`; and for which subscriptions. htmx gets the part."""
    versions = ModelVersion.objects.visible_to(request.user).select_related("model__owner_team")
    version = get_object_or_404(versions, model__slug=slug, number=number)
    lower = [
        other
        for other in versions.filter(model=version.model, state__in=ModelVersion.LISTED)
        if other.precedence < version.precedence
    ]
    start = request.GET.get("from")
    previous = (
        get_object_or_404(versions, model=version.model, number=start, pk__in=[v.pk for v in lower])
        if start
        else version.predecessor(versions)
    )
    audience = contract_diff.audience(version, request.user)
    context = {
        "version": version,
        "model": version.model,
        "diff": contract_diff.compared(version, previous),
        "lower": lower,
        "audience": audience,
        "followers": _followers(version, audience)[:MOST_SUBSCRIPTIONS],
        "trail": [Link(version.model.name, version.get_absolute_url())],
    }
    part, whole = "publishing/_contract_diff.html", "publishing/contract_diff.html"
    return render(request, part if request.htmx else whole, context)


@require_POST
def confirm_names(request, slug, number):
    """The names that an upload took from the version before are right."""
    version = own_version(request, slug, number)
    actions.confirm_names(request.user, version)
    messages.success(request, "The names are confirmed.")
    return redirect(reverse("publishing:interface", args=[slug, number]))


@require_POST
def renumber(request, slug, number):
    """Give a draft the number that its changes need."""
    version = own_version(request, slug, number)
    version = actions.renumber(request.user, version, request.POST.get("number", "").strip())
    messages.success(request, f"The draft is {version.number} now.")
    return redirect(reverse("publishing:interface", args=[slug, version.number]))


def _followers(version, audience):
    stays = "stays on {}: a breaking finding lies between"
    groups = [
        (audience.held, stays),
        (audience.moved, f"moves to {version.number} by itself"),
        (audience.stay, "is not moved"),
    ]
    return [
        Follower(subscription, outcome.format(subscription.pinned_version.number))
        for subscriptions, outcome in groups
        for subscription in subscriptions
    ]


urlpatterns = [
    path("models/<slug:slug>/versions/<str:number>/changes/", changes, name="changes"),
    path("publish/<slug:slug>/<str:number>/names/", confirm_names, name="confirm_names"),
    path("publish/<slug:slug>/<str:number>/number/", renumber, name="renumber"),
]
