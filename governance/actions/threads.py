"""Verbs of threads: open, reply, resolve. None of them decides anything (docs/governance.md, "Threads")."""

from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from governance import threads
from governance.matrix import roles_for
from governance.models import Comment, Review, Thread
from governance.permissions import can_comment, can_resolve
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify

MOST_THREADS, MOST_COMMENTS = 100, 50  # of a version, of a thread: a page shows them all
WHO = "The owner team and reviewers talk about a submission."


@transaction.atomic
def open_thread(by: User, version: ModelVersion, anchor: str, text: str) -> Thread:
    """Say something about one field of a submission. Returns the Thread. Raises NotAllowed, Invalid, RuleError."""
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    require(can_comment(by, version), WHO, ask=str(version.model.owner_team))
    if anchor not in threads.anchors(version):
        raise Invalid("The version has no such field.", field="anchor")
    if Thread.objects.filter(version=version).count() >= MOST_THREADS:
        raise RuleError(
            f"A version has at most {MOST_THREADS} threads.", remedy="Go on in one that is open."
        )
    thread = Thread.objects.create(version=version, anchor=anchor, opened_by=by)
    record(by, "thread.open", thread, anchor=anchor, version=version.pk)
    _say(by, thread, text)
    return thread


@transaction.atomic
def reply(by: User, thread: Thread, text: str) -> Comment:
    """Answer. Raises NotAllowed, Invalid, RuleError when the thread is resolved or full."""
    thread = _locked(thread)
    require(can_comment(by, thread.version), WHO, ask=str(thread.version.model.owner_team))
    if thread.resolved_at:
        raise RuleError("This thread is resolved.", remedy="Open another one.")
    if thread.comments.count() >= MOST_COMMENTS:
        raise RuleError(
            f"A thread has at most {MOST_COMMENTS} comments.", remedy="Open a new thread."
        )
    return _say(by, thread, text)


@transaction.atomic
def resolve_thread(by: User, thread: Thread) -> Thread:
    """Say that nothing is left to talk about. Raises NotAllowed, RuleError."""
    thread = _locked(thread)
    require(
        can_resolve(by, thread),
        "Who opened a thread, or a reviewer, resolves it.",
        ask=str(thread.version.model.owner_team),
    )
    if thread.resolved_at:
        raise RuleError("This thread is resolved.", remedy="Reload the page.")
    thread.resolved_by, thread.resolved_at = by, timezone.now()
    thread.save(update_fields=["resolved_by", "resolved_at"])
    record(by, "thread.resolve", thread, version=thread.version_id)
    return thread


def _say(by: User, thread: Thread, text: str) -> Comment:
    if not text.strip():
        raise Invalid("Write what you want to say.", field="text")
    comment = Comment.objects.create(thread=thread, by=by, text=text.strip())
    version = thread.version
    label = threads.label_of(version, thread.anchor)
    notify(
        _other_side(by, thread),
        "review",
        f"{by} about {version}, {label}",
        body=comment.text,
        url=thread.get_absolute_url(),
        key=f"comment:{comment.pk}",
        model=thread.version.model.slug,
    )
    return comment


def _other_side(by: User, thread: Thread) -> set[User]:
    """The owner team; or the reviewers who spoke in the thread, and before any did those whose review is open."""
    team = thread.version.model.owner_team
    if not by.is_on(team):
        return set(User.objects.on_teams([team]))
    members = set(User.objects.on_teams([team]))
    speakers = {comment.by for comment in thread.comments.select_related("by")} - members
    if speakers:
        return speakers
    reviews = Review.objects.open().filter(version=thread.version)
    roles = {
        role for review in reviews for role in roles_for(review.kind, thread.version.risk_tier)
    }
    return set(User.objects.holding(*roles)) - members


def _locked(thread: Thread) -> Thread:
    return (
        Thread.objects.select_for_update(of=("self",))
        .select_related("version__model__owner_team")
        .get(pk=thread.pk)
    )
