"""Pages of what users think of models: ratings with live quality, discussions, the inbox."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion, RegisteredModel
from catalog.pages import get_visible_model_or_404, model_context
from consumption import actions
from consumption.feedback import live_quality
from consumption.feedback.forms import DiscussionForm, MessageForm, RatingForm, ResponseForm
from consumption.models import BatchEvaluation, Discussion, Rating, UsageDay
from consumption.models.ratings import LEAST_CALLS
from consumption.permissions import can_answer, can_close_discussion, can_see_example, can_speak
from marketplace.accounts.models import Team
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link, Tab

PAGE_SIZE = 25


def ratings(request: PageRequest, slug: str) -> HttpResponse:
    """What its users think of a model, and how good it proved to be; the form for teams that use it."""
    entry = get_visible_model_or_404(request, slug)
    form = RatingForm(request.POST or None, teams=_teams_that_use(request, entry))
    done, _ = submitted(request, form, lambda **given: actions.rate(request.user, entry, **given))
    if done:
        messages.success(request, "Your rating is published.")
        return redirect("consumption:ratings", entry.slug)
    rows = Rating.objects.filter(model=entry).for_page()
    context = model_context(request, entry, "consumption:ratings") | {
        "page_obj": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "teams": form.fields["team"].queryset,  # type: ignore[attr-defined]
        "least_calls": LEAST_CALLS,
        "may_answer": can_answer(request.user, entry),
        "quality": live_quality.of(entry),
        "quality_by_team": live_quality.by_team(request.user, entry),
        "least_outcomes": live_quality.LEAST,
    }
    return show(request, "consumption/ratings_tab.html", form, **context)


def _teams_that_use(request: PageRequest, entry: RegisteredModel) -> "QuerySet[Team]":
    """The person's teams that called the model or evaluated it, its own team left out."""
    mine = request.user.teams()
    used = UsageDay.objects.filter(version__model=entry, team__in=mine).values("team")
    tried = BatchEvaluation.objects.filter(
        versions__model=entry, team__in=mine, state=BatchEvaluation.State.SUCCEEDED
    ).values("team")
    known = Team.objects.filter(Q(pk__in=used) | Q(pk__in=tried))
    return known.exclude(pk=entry.owner_team_id)


@require_POST
def answer_rating(request: PageRequest, pk: int) -> HttpResponse:
    """The publisher's one answer."""
    rating = get_object_or_404(
        Rating.objects.visible_to(request.user).select_related("model"), pk=pk
    )
    actions.answer_rating(request.user, rating, request.POST.get("text", ""))
    messages.success(request, "Your answer is published.")
    return redirect("consumption:ratings", rating.model.slug)


def model_discussions(request: PageRequest, slug: str) -> HttpResponse:
    """What was asked and reported about a model."""
    entry = get_visible_model_or_404(request, slug)
    rows = Discussion.objects.filter(model=entry).for_list()
    context = model_context(request, entry, "consumption:model_discussions")
    context["page_obj"] = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "consumption/discussions_tab.html", context)


def new_discussion(request: PageRequest, slug: str) -> HttpResponse:
    """Report a bug, ask for something, or tell what was observed."""
    entry = get_visible_model_or_404(request, slug)
    visible = ModelVersion.objects.visible_to(request.user)
    versions = visible.filter(model=entry, state__in=ModelVersion.LISTED).newest_first()
    named = {name: request.GET[name] for name in ("version", "request_id") if name in request.GET}
    form = DiscussionForm(request.POST or None, user=request.user, versions=versions, initial=named)
    done, discussion = submitted(
        request, form, lambda **given: actions.open_discussion(request.user, **given)
    )
    if done:
        messages.success(request, f"{entry.owner_team} is told. You are told of the answer.")
        return redirect(discussion)
    tab = reverse("consumption:model_discussions", args=[entry.slug])
    return show(
        request,
        "consumption/new_discussion.html",
        form,
        model=entry,
        trail=[Link(entry.name, entry.get_absolute_url()), Link("Discussion", tab)],
    )


def inbox(request: PageRequest) -> HttpResponse:
    """What others say about one's models, and what one's own teams said; what waits first."""
    boxes = {
        "": ("About your models", Q(model__owner_team__in=request.user.teams())),
        "ours": (
            "From you and your teams",
            Q(team__in=request.user.teams()) | Q(opened_by=request.user),
        ),
    }
    chosen = request.GET.get("box", "")
    _, rule = boxes.get(chosen, boxes[""])
    rows = Discussion.objects.visible_to(request.user).filter(rule).for_list()
    context = {
        "page_obj": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "boxes": [
            Tab(label, f"?box={box}" if box else "?", box == chosen)
            for box, (label, _) in boxes.items()
        ],
    }
    return render(request, "consumption/discussions.html", context)


def discussion(request: PageRequest, pk: int) -> HttpResponse:
    """One discussion with its messages, and what each side can do."""
    found = get_object_or_404(Discussion.objects.visible_to(request.user).for_page(), pk=pk)
    form = MessageForm(request.POST or None)
    done, _ = submitted(request, form, lambda text: actions.say(request.user, found, text))
    if done:
        return redirect(found)
    tab = reverse("consumption:model_discussions", args=[found.model.slug])
    may_respond = can_answer(request.user, found.model) and not found.is_closed
    return show(
        request,
        "consumption/discussion.html",
        form,
        discussion=found,
        sees_example=can_see_example(request.user, found),
        may_speak=can_speak(request.user, found) and not found.is_closed,
        may_close=can_close_discussion(request.user, found) and not found.is_closed,
        may_reopen=can_close_discussion(request.user, found)
        and found.state in Discussion.RESPONSES,
        response_form=ResponseForm(prefix="response") if may_respond else None,
        reopen_form=MessageForm(prefix="reopen"),
        trail=[Link(found.model.name, found.model.get_absolute_url()), Link("Discussion", tab)],
    )


@require_POST
def change_discussion(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Respond, close or open again."""
    found = get_object_or_404(Discussion.objects.visible_to(request.user), pk=pk)
    if verb not in VERBS:
        raise Http404
    VERBS[verb](request, found)
    messages.success(request, "Saved. The other side is told.")
    return redirect(found)


def _respond(request: PageRequest, found: Discussion) -> None:
    form = ResponseForm(request.POST, prefix="response")
    if not form.is_valid():
        raise Invalid("Say what it is, in at most 4 000 characters.", field="text")
    actions.respond(request.user, found, **form.cleaned_data)


def _close(request: PageRequest, found: Discussion) -> None:
    actions.close_discussion(request.user, found)


def _reopen(request: PageRequest, found: Discussion) -> None:
    form = MessageForm(request.POST, prefix="reopen")
    if not form.is_valid():
        raise Invalid("Say why, in at most 4 000 characters.", field="text")
    actions.reopen_discussion(request.user, found, form.cleaned_data["text"])


VERBS = {"respond": _respond, "close": _close, "reopen": _reopen}
