"""Pages of threads: what owner team and reviewers say to each other about a version."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from catalog.pages import get_visible_version_or_404
from governance import actions, threads
from governance.forms import ReplyForm, ThreadForm
from governance.models import Thread
from governance.permissions import can_comment, can_see_evidence
from marketplace.accounts.models import User
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link


def thread_list(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The threads of a version, and the form that opens another one."""
    version = get_visible_version_or_404(request, slug, number)
    require(
        can_see_evidence(request.user, version),
        "The owner team and reviewers see this.",
        ask=str(version.model.owner_team),
    )
    form = ThreadForm(request.POST or None, anchors=threads.anchors(version))
    done, thread = submitted(
        request, form, lambda **data: actions.open_thread(request.user, version, **data)
    )
    if done:
        return redirect(thread)
    return show(
        request,
        "governance/threads.html",
        form,
        version=version,
        model=version.model,
        threads=shown(request.user, version),
        may_comment=can_comment(request.user, version),
        thread_form=form,
        trail=[Link(version.model.name, version.get_absolute_url())],
    )


@require_POST
def reply(request: PageRequest, pk: int) -> HttpResponse:
    thread = get_object_or_404(Thread.objects.visible_to(request.user).for_page(), pk=pk)
    form = ReplyForm(request.POST)
    if not form.is_valid():
        raise Invalid("Write an answer of at most 2 000 characters.", field="text")
    actions.reply(request.user, thread, form.cleaned_data["text"])
    return redirect(thread)


@require_POST
def resolve(request: PageRequest, pk: int) -> HttpResponse:
    thread = get_object_or_404(Thread.objects.visible_to(request.user).for_page(), pk=pk)
    actions.resolve_thread(request.user, thread)
    messages.success(request, "The thread is resolved.")
    return redirect(thread)


def shown(user: User, version: ModelVersion) -> list[threads.Shown]:
    """The threads of a version for its page and the review page."""
    labels = threads.anchors(version)
    speaks = can_comment(user, version)
    judges = speaks and not user.is_on(version.model.owner_team)
    return [
        threads.Shown(
            thread,
            labels.get(thread.anchor, thread.anchor.partition(":")[2]),
            not thread.resolved_at and (judges or speaks and thread.opened_by_id == user.pk),
        )
        for thread in Thread.objects.filter(version=version).for_page()
    ]
