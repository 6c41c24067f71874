"""Verbs of success stories: write, change, submit, agree, refuse, publish, send back, withdraw (docs/adoption.md, "Success stories")."""

import re
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import RoleGrant, Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import Decided, require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.insights.models import ReuseEvent, SignedQuarter, Story, StoryState
from marketplace.insights.stories.permissions import (
    can_agree,
    can_change,
    can_publish,
    can_write,
)
from marketplace.notices.actions import notify, resolve

WHO = "The teams of the model, and marketplace managers, write its stories."
NOT_OWN = Refusal(
    "A marketplace manager who is neither the author nor on its teams publishes it.",
    ask="another marketplace manager",
)
MOST_OPEN = 20  # of a team
TEXTS = ("title", "problem", "before", "after", "quote")
CURRENCY = r"(?:[$€£¥]|\b(?:usd|eur|gbp|chf|jpy|dollars?|euros?|pounds?|francs?)\b)"
# An amount: digits beside a currency, with at most a multiplier between them.
MONEY = re.compile(
    rf"{CURRENCY}\s{{0,2}}\d|\d\s{{0,2}}(?:k|m|bn|thousand|million|billion)?\s{{0,2}}{CURRENCY}",
    re.IGNORECASE,
)


@transaction.atomic
def write(
    by: User,
    *,
    model: RegisteredModel,
    team: Team,
    lines: Iterable[ReuseEvent] = (),
    **texts: Any,
) -> Story:
    """Begin a story about a published model that the team uses, as a draft. lines: of the value ledger. Raises NotAllowed, Invalid, RuleError."""
    require(can_write(by, model, team), WHO, ask=str(team))
    if model.state != RegisteredModel.State.PUBLISHED:
        raise RuleError(
            f"{model} is not published.", field="model", remedy="Choose a published model."
        )
    if team == model.owner_team:
        raise Invalid("A story is about a team that uses another team's model.", field="team")
    used = Subscription.objects.filter(model=model, application__team=team)
    if not used.exists():
        raise Invalid(f"{team} has no access to {model}.", field="team")
    if Story.objects.filter(team=team, state__in=Story.OPEN).count() >= MOST_OPEN:
        raise RuleError(f"{team} has {MOST_OPEN} stories that wait.", remedy="Withdraw one first.")
    story = Story(model=model, team=team, author=by, **_checked(texts))
    story.save()
    story.lines.set(_lines(by, story, lines))
    record(by, "story.write", story, model=model.slug, team=team.slug)
    return story


@transaction.atomic
def edit(
    by: User, story: Story, *, lines: Iterable[ReuseEvent] | None = None, **texts: Any
) -> Story:
    """Change a draft. Other words of the quote, or another person, ask for agreement again. Raises NotAllowed, Invalid, RuleError."""
    require(can_change(by, story), WHO, ask=str(story.author))
    story = _locked(story)
    if story.state != StoryState.DRAFT:
        raise RuleError("Only drafts change.", remedy="Send it back to its author first.")
    before = (story.quote, story.quoted_person)
    for name, value in _checked(texts).items():
        setattr(story, name, value)
    if (story.quote, story.quoted_person) != before:
        story.agreed_at = None
    story.save()
    if lines is not None:
        story.lines.set(_lines(by, story, lines))
    record(by, "story.edit", story)
    return story


@transaction.atomic
def submit(by: User, story: Story) -> Story:
    """Ask for it to be published; the quoted person and the curators are told. Raises NotAllowed, StaleState."""
    require(can_change(by, story), WHO, ask=str(story.author))
    transition(story, StoryState.SUBMITTED)
    record(by, "story.submit", story)
    if story.waits_for_agreement and story.quoted_person is not None:
        _tell([story.quoted_person], story, "agree", f"You are quoted in “{story}”: do you agree?")
    _tell(User.objects.holding(RoleGrant.Role.CURATOR), story, "open", f"A story waits: {story}")
    return story


@transaction.atomic
def agree(by: User, story: Story) -> Story:
    """The quoted person agrees to these words. Raises NotAllowed, RuleError."""
    require(can_agree(by, story), "The quoted person agrees.", ask=str(story.quoted_person or ""))
    story = _locked(story)
    if story.state not in Story.OPEN or not story.quote:
        raise RuleError(f"{story} waits for nobody's agreement.", remedy="Reload the page.")
    story.agreed_at = timezone.now()
    story.save(update_fields=["agreed_at"])
    record(by, "story.agree", story)
    resolve(_key(story, "agree"))
    return story


@transaction.atomic
def refuse(by: User, story: Story) -> Story:
    """The quoted person does not agree, or not any more: it is a draft again, and a published one is withdrawn. Raises NotAllowed, RuleError."""
    require(can_agree(by, story), "The quoted person refuses.", ask=str(story.quoted_person or ""))
    story = _locked(story)
    was_published = story.state == StoryState.PUBLISHED
    if story.state != StoryState.DRAFT:
        transition(story, StoryState.WITHDRAWN if was_published else StoryState.DRAFT)
    story.agreed_at = None
    story.save(update_fields=["agreed_at"])
    record(by, "story.refuse", story, was_published=was_published)
    _tell([story.author], story, "refused", f"{by} does not agree to the quote in “{story}”")
    return story


@transaction.atomic
def publish(by: User, story: Story, reason: str) -> Story:
    """Show it to everybody who sees the model. Raises NotAllowed, Invalid, RuleError, StaleState."""
    require(can_publish(by, story), *NOT_OWN)
    require_reason(reason, "the record keeps it")
    story = _locked(story)
    if story.waits_for_agreement:
        raise RuleError(f"{story.quoted_person} has not agreed to the quote.", remedy="Ask them.")
    if story.model.state != RegisteredModel.State.PUBLISHED:
        raise RuleError(
            f"{story.model} is not published any more.", remedy="Choose a published model."
        )
    transition(
        story, StoryState.PUBLISHED, published_at=timezone.now(), **Decided.decision(by, reason)
    )
    record(by, "story.publish", story, reason=reason.strip())
    resolve(_key(story, "open"))
    people = User.objects.on_teams([story.team, story.model.owner_team])
    _tell({*people, story.author}, story, "published", f"Published: {story}")
    return story


@transaction.atomic
def send_back(by: User, story: Story, reason: str) -> Story:
    """Make it a draft again, with what to mend. Raises NotAllowed, Invalid, StaleState."""
    require(can_publish(by, story), *NOT_OWN)
    require_reason(reason, "the author reads it")
    transition(story, StoryState.DRAFT, **Decided.decision(by, reason))
    record(by, "story.send_back", story, reason=reason.strip())
    _tell([story.author], story, "back", f"Sent back: {story}", reason.strip())
    return story


@transaction.atomic
def withdraw(by: User, story: Story) -> Story:
    """Take it back, also one that is published. Raises NotAllowed, StaleState."""
    require(can_change(by, story), WHO, ask=str(story.author))
    transition(story, StoryState.WITHDRAWN)
    record(by, "story.withdraw", story)
    return story


def _checked(texts: dict[str, Any]) -> dict[str, Any]:
    """The texts as they are kept. Raises Invalid, also for an amount of money: those come from the value ledger."""
    kept: dict[str, Any] = {name: (texts.get(name) or "").strip() for name in TEXTS}
    for name in ("title", "problem", "before", "after"):
        if not kept[name]:
            raise Invalid("Say it in a sentence.", field=name)
    require_fields(Story, **kept)
    for name, text in kept.items():
        if MONEY.search(text):
            raise Invalid(
                "Amounts of money stand in the value ledger, where finance has validated them.",
                field=name,
                remedy="Leave the amount out; time and volume may be told.",
            )
    kept["quoted_person"] = texts.get("quoted_person") if kept["quote"] else None
    if kept["quote"] and kept["quoted_person"] is None:
        raise Invalid("Say who said it.", field="quoted_person")
    return kept


def lines_for(user: User, story: Story) -> "QuerySet[ReuseEvent]":
    """The lines of the ledger that a story may show: of its team and model, signed by finance, and seen by who chooses."""
    signed = SignedQuarter.objects.order_by().values("quarter")
    standing = ReuseEvent.objects.visible_to(user).standing()
    return standing.filter(team=story.team, model=story.model, quarter__in=signed)


def _lines(by: User, story: Story, lines: Iterable[ReuseEvent]) -> list[ReuseEvent]:
    """Raises Invalid for a line that the story may not show."""
    chosen = list(lines)
    allowed = set(lines_for(by, story).values_list("pk", flat=True)) if chosen else set()
    if any(line.pk not in allowed for line in chosen):
        raise Invalid(
            "Choose lines of this team and model in a quarter that finance signed.", field="lines"
        )
    return chosen


def _tell(people: Iterable[User], story: Story, what: str, title: str, text: str = "") -> None:
    notify(people, "story", title, body=text, url=story.get_absolute_url(), key=_key(story, what))


def _key(story: Story, what: str) -> str:
    """Each round of a story tells again."""
    rounds = story.state_since if what == "back" else story.written_at
    return f"story-{what}:{story.pk}:{rounds:%Y%m%d%H%M%S}"


def _locked(story: Story) -> Story:
    rows = Story.objects.select_for_update(of=("self",))
    return rows.select_related("model__owner_team", "team", "author", "quoted_person").get(
        pk=story.pk
    )
