"""Pages of success stories."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show_page, submitted
from marketplace.core.links import Link
from marketplace.insights.inventory.forms import ReasonForm
from marketplace.insights.models import Story, StoryState
from marketplace.insights.stories import actions
from marketplace.insights.stories.forms import StoryEditForm, StoryForm
from marketplace.insights.stories.permissions import can_agree, can_change, can_publish

LIST = "insights:stories"
PAGE_SIZE = 20


def stories(request: PageRequest) -> HttpResponse:
    """Published stories, the newest first; those that wait for the reader or are theirs, above."""
    seen = Story.objects.visible_to(request.user).for_list()
    published = Story.objects.published_for(request.user).for_list()
    context = {
        "page_obj": Paginator(published, PAGE_SIZE).get_page(request.GET.get("page")),
        "waiting": seen.filter(state__in=Story.OPEN)[:PAGE_SIZE],
    }
    return render(request, "insights/stories/stories.html", context)


def story(request: PageRequest, pk: int) -> HttpResponse:
    """One story, and what the reader may do with it."""
    shown = _story(request, pk)
    user = request.user
    is_open = shown.state in Story.OPEN
    context = {
        "story": shown,
        "may_change": can_change(user, shown),
        "may_agree": can_agree(user, shown) and is_open and shown.waits_for_agreement,
        "may_refuse": can_agree(user, shown) and shown.state != StoryState.WITHDRAWN,
        "may_publish": can_publish(user, shown) and shown.state == StoryState.SUBMITTED,
        "figures": shown.figures(),
        "publish_form": ReasonForm(auto_id="publish_%s"),
        "back_form": ReasonForm(auto_id="back_%s"),
        "trail": _trail(),
    }
    return render(request, "insights/stories/story.html", context)


def new_story(request: PageRequest) -> HttpResponse:
    """Begin a story; `?model=` names the model."""
    initial = {"model": request.GET.get("model", "")[:80], "team": request.user.teams().first()}
    form = StoryForm(request.POST or None, user=request.user, initial=initial)
    done, made = submitted(request, form, lambda **given: actions.write(request.user, **given))
    if done:
        messages.success(request, "It is a draft. Look at it, then submit it.")
        return redirect(made)
    return show_page(
        request,
        form,
        title="Tell a success story",
        lead="The quoted person agrees, then a marketplace manager publishes it.",
        act="Save the draft",
        back=reverse("insights:stories"),
        trail=_trail(),
    )


def edit_story(request: PageRequest, pk: int) -> HttpResponse:
    """Change a draft. Raises Http404 for who may not."""
    shown = _story(request, pk)
    if not can_change(request.user, shown):
        raise Http404
    form = StoryEditForm(request.POST or None, of=shown, user=request.user)
    done, _ = submitted(request, form, lambda **given: actions.edit(request.user, shown, **given))
    if done:
        messages.success(request, "Saved.")
        return redirect(shown)
    return show_page(
        request,
        form,
        title="Change a story",
        lead="Other words of the quote ask its person again.",
        act="Save the draft",
        back=shown.get_absolute_url(),
        trail=[*_trail(), Link(shown.title, shown.get_absolute_url())],
    )


@require_POST
def change_story(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Submit, agree, refuse, publish, send back, withdraw."""
    shown = _story(request, pk)
    if verb in WITH_REASON:
        WITH_REASON[verb](request.user, shown, str(request.POST.get("reason", ""))[:4000])
    elif verb in VERBS:
        VERBS[verb](request.user, shown)
    else:
        raise Http404
    messages.success(request, "Saved.")
    seen = Story.objects.visible_to(request.user).filter(pk=pk)
    return redirect(shown if seen.exists() else LIST)


VERBS: dict[str, Callable[..., Any]] = {
    "submit": actions.submit,
    "agree": actions.agree,
    "refuse": actions.refuse,
    "withdraw": actions.withdraw,
}
WITH_REASON: dict[str, Callable[..., Any]] = {
    "publish": actions.publish,
    "send-back": actions.send_back,
}


def _story(request: PageRequest, pk: int) -> Story:
    return get_object_or_404(Story.objects.visible_to(request.user).for_list(), pk=pk)


def _trail() -> list[Link]:
    return [Link("Success stories", reverse(LIST))]
