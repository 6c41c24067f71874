"""The rollout as a page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from marketplace.accounts.requests import PageRequest
from marketplace.insights.rollout.phases import phases


def rollout(request: PageRequest) -> HttpResponse:
    """The phases, each with its criteria; the first that is not reached is where the company stands."""
    found = phases(request.user)
    current = next((phase for phase in found if not phase.is_reached), None)
    context = {"phases": found, "current": current}
    return render(request, "insights/rollout/rollout.html", context)


urlpatterns = [path("insights/rollout/", rollout, name="rollout")]
