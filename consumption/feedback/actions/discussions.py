"""Verbs of discussions: open, say, respond, close, reopen (docs/feedback.md, "Discussions")."""

from typing import Any
from uuid import UUID

from django.db import transaction

from catalog.models import ModelVersion, RegisteredModel
from consumption.feedback import calls
from consumption.models import Discussion, DiscussionMessage
from consumption.models.discussions import MESSAGE_MAX
from consumption.permissions import can_answer, can_close_discussion, can_speak
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

MOST_OPEN = 50  # of a person
MOST_MESSAGES = 100  # of a discussion: a page shows them all
SIDES = "The publisher and whoever opened a discussion speak in it."
State = Discussion.State


@transaction.atomic
def open_discussion(
    by: User,
    version: ModelVersion,
    *,
    kind: str,
    title: str,
    text: str,
    team: Team | None = None,
    request_id: UUID | None = None,
    payload: str = "",
) -> Discussion:
    """Tell the publisher of a bug, a request or an observation. Returns the Discussion. Raises NotAllowed, Invalid, RuleError.

    request_id  of a call that `team` made of this model.
    payload     an example, kept because the consumer adds it; for the two sides only.
    """
    model = version.model
    visible = RegisteredModel.objects.visible_to(by).filter(pk=model.pk).exists()
    require(
        visible and (team is None or by.is_on(team)),
        "Speak for a team of your own.",
        remedy="Choose one of your teams, or none.",
    )
    require_fields(Discussion, title=title, payload=payload, kind=kind)
    if not title.strip() or kind not in Discussion.Kind.values:
        raise Invalid("Say in a few words what it is about.", field="title")
    mine = Discussion.objects.filter(opened_by=by, state__in=Discussion.WAITING)
    if mine.count() >= MOST_OPEN:
        raise RuleError(f"You wait for {MOST_OPEN} answers.", remedy="Close one first.")
    if request_id is not None:
        _require_own_call(model, team, request_id)
    discussion = Discussion.objects.create(
        model=model,
        version=version,
        kind=kind,
        title=title.strip(),
        team=team,
        request_id=request_id,
        payload=payload,
        opened_by=by,
    )
    record(by, "discussion.open", discussion, kind=kind, version=version.number)
    _say(by, discussion, text, f"{discussion.get_kind_display()} of {model}: {title.strip()}")
    return discussion


@transaction.atomic
def say(by: User, discussion: Discussion, text: str) -> DiscussionMessage:
    """Say more. Raises NotAllowed, Invalid, RuleError when it is closed."""
    discussion = _locked(discussion)
    require(can_speak(by, discussion), SIDES, ask=str(discussion.model.owner_team))
    if discussion.is_closed:
        raise RuleError("This discussion is closed.", remedy="Open another one.")
    return _say(by, discussion, text, f"{by} about {discussion}")


@transaction.atomic
def respond(
    by: User, discussion: Discussion, *, state: str, text: str = "", fixed_in: str = ""
) -> Discussion:
    """Acknowledge, answer, fix (in the version of that number) or decline, for the owner team. Raises NotAllowed, Invalid, RuleError."""
    discussion = _locked(discussion)
    require(
        can_answer(by, discussion.model),
        f"{discussion.model.owner_team} responds.",
        ask=str(discussion.model.owner_team),
    )
    if state not in (State.ACKNOWLEDGED, *Discussion.RESPONSES):
        raise Invalid("Acknowledge, answer, fix or decline it.", field="state")
    facts: dict[str, Any] = {"fixed_in": None}
    if state == State.FIXED:
        facts["fixed_in"] = _published(discussion.model, fixed_in)
    if state != State.ACKNOWLEDGED and not text.strip():
        raise Invalid("Say it in words, too.", field="text")
    transition(discussion, state, **facts)
    record(by, "discussion.respond", discussion, state=state, fixed_in=fixed_in)
    said = f"{discussion.get_state_display()}: {discussion}"
    if text.strip():
        _say(by, discussion, text, said)
    else:
        _tell(by, discussion, said, "", f"discussion-{state}:{discussion.pk}")
    return discussion


@transaction.atomic
def close_discussion(by: User, discussion: Discussion) -> Discussion:
    """Nothing is left to say; for whoever opened it. Raises NotAllowed, RuleError."""
    discussion = _locked(discussion)
    require(
        can_close_discussion(by, discussion),
        "Whoever opened it closes it.",
        ask=str(discussion.opened_by),
    )
    transition(discussion, State.CLOSED)
    record(by, "discussion.close", discussion)
    _tell(by, discussion, f"Closed: {discussion}", "", f"discussion-closed:{discussion.pk}")
    return discussion


@transaction.atomic
def reopen_discussion(by: User, discussion: Discussion, text: str) -> Discussion:
    """The answer does not help: say why. Raises NotAllowed, Invalid, RuleError."""
    discussion = _locked(discussion)
    require(
        can_close_discussion(by, discussion),
        "Whoever opened it opens it again.",
        ask=str(discussion.opened_by),
    )
    transition(discussion, State.OPEN, fixed_in=None)
    record(by, "discussion.reopen", discussion)
    _say(by, discussion, text, f"Open again: {discussion}")
    return discussion


def _require_own_call(model: RegisteredModel, team: Team | None, request_id: UUID) -> None:
    """Of others' calls nothing is said, not even that they are there."""
    events = calls.events_of([request_id]).filter(model_id=model.pk)
    if team is None or not events.filter(team_id=team.pk).exists():
        raise Invalid(
            f"Your team made no call of {model} with this request id.",
            field="request_id",
            remedy="It is in the answer's X-Request-Id; it is known some seconds after the call.",
        )


def _published(model: RegisteredModel, number: str) -> ModelVersion:
    listed = model.versions.filter(state__in=ModelVersion.LISTED, number=number.strip().lower())
    version = listed.first()
    if version is None:
        raise Invalid("Name the published version that fixes it.", field="fixed_in")
    return version


def _say(by: User, discussion: Discussion, text: str, title: str) -> DiscussionMessage:
    if not text.strip() or len(text) > MESSAGE_MAX:
        raise Invalid(f"Write 1 to {MESSAGE_MAX} characters.", field="text")
    if discussion.messages.count() >= MOST_MESSAGES:
        raise RuleError(
            f"A discussion has at most {MOST_MESSAGES} messages.", remedy="Open a new one."
        )
    message = DiscussionMessage.objects.create(
        discussion=discussion,
        by=by,
        is_publisher=can_answer(by, discussion.model),
        text=text.strip(),
    )
    _tell(by, discussion, title, message.text, f"discussion-message:{message.pk}")
    return message


def _tell(by: User, discussion: Discussion, title: str, body: str, key: str) -> None:
    """The other side: whoever opened it with their team, and the owner team."""
    teams = [discussion.model.owner_team, discussion.team]
    people = set(User.objects.on_teams([team for team in teams if team]))
    notify(
        (people | {discussion.opened_by}) - {by},
        "feedback",
        title,
        body=body,
        url=discussion.get_absolute_url(),
        key=key,
        model=discussion.model.slug,
        teams=[team for team in teams if team and not by.is_on(team)],
    )


def _locked(discussion: Discussion) -> Discussion:
    return (
        Discussion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team", "team", "opened_by")
        .get(pk=discussion.pk)
    )
