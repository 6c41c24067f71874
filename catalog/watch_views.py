"""The button on a model's page that watches it, or stops."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from catalog import watches
from catalog.pages import get_visible_model_or_404
from marketplace.accounts.requests import PageRequest
from marketplace.core.query import chosen
from marketplace.notices.models import Watch

LEVELS = {level: level for level in (*Watch.Level.values, "as-usual")}
SAID = {
    Watch.Level.WATCHED: "You are told of new versions, ends and incidents of {}.",
    Watch.Level.MUTED: "You are told only of what takes something from your teams about {}.",
    "as-usual": "You are told of {} as of any other model.",
}


@require_POST
def watch(request: PageRequest, slug: str) -> HttpResponse:
    """`level` is watched, muted, or as-usual; then back to the model."""
    model = get_visible_model_or_404(request, slug)
    level = chosen("level", request.POST.get("level"), LEVELS, Watch.Level.WATCHED.value)
    if level == "as-usual":
        watches.forget(request.user, model)
    else:
        watches.watch(request.user, model, level)
    messages.success(request, SAID[level].format(model))
    return redirect(model)
