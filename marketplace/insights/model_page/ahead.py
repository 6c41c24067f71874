"""What moves next: dated changes of a model's versions, plans and approvals, and what they mean for the reader."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.affected import resolve_for
from consumption.models import ScheduledChange, Subscription
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import quantity

SHOWN = 3
KIND = ScheduledChange.Kind


@dataclass(frozen=True)
class Coming:
    """One change to come; at: None while its day is not known. tone: info, warn or neutral."""

    at: datetime | None
    title: str
    text: str
    tone: str
    url: str = ""


@dataclass(frozen=True)
class Held:
    """A subscription of the reader's teams, and the version that answers its calls now."""

    subscription: Subscription
    version: ModelVersion

    @property
    def is_leaving(self) -> bool:
        """Must it be moved, because its version ends?"""
        return self.version.state in ModelVersion.ENDING


@dataclass(frozen=True)
class Ahead:
    """`coming` soonest first, `sentence` for the reader, `leaving`: what the reader has to move."""

    coming: list[Coming]
    sentence: str
    leaving: list[Held]


def ahead(
    user: User,
    model: RegisteredModel,
    version: ModelVersion | None,
    versions: Sequence[ModelVersion],
    held: Sequence[Subscription],
) -> Ahead:
    """The Ahead of a model. versions: those that the person may see; held: the person's open subscriptions. One query."""
    listed = [one for one in versions if one.state in ModelVersion.LISTED]
    answered = [Held(one, resolve_for(one, listed)) for one in held]
    changes = ScheduledChange.objects.visible_to(user).open().filter(model=model)
    coming = [*_of_versions(versions), *_of_changes(changes.for_list())]
    if version and _is_reviewed_again(version):
        title = f"{version.number} is reviewed again"
        text, tone = "Its approval ends unless the reviewers renew it.", "neutral"
        if version.is_review_overdue:
            text, tone = "Its approval ended and was not renewed yet.", "warn"
        coming.append(Coming(version.approved_until, title, text, tone))
        if version.suspends_at and not version.suspended_at:
            coming.append(_suspension(version))
    soonest = sorted(coming, key=lambda one: (one.at is None, one.at or timezone.now()))
    newest = model.stable or (listed[0] if listed else None)
    return Ahead(
        soonest[:SHOWN],
        sentence(newest, answered, soonest),
        [one for one in answered if one.is_leaving],
    )


def _suspension(version: ModelVersion) -> Coming:
    """What follows where nobody reviews it again (docs/governance.md, "After the end of an approval")."""
    said = "Its calls are refused from then on, unless it is reviewed again."
    return Coming(version.suspends_at, f"{version.number} is suspended", said, "warn")


def _is_reviewed_again(version: ModelVersion) -> bool:
    """An approval that outlives the version is not renewed: the version ends first."""
    if version.approved_until is None or version.state not in ModelVersion.LIVE:
        return False
    return version.sunset_at is None or version.approved_until < version.sunset_at


def _of_versions(versions: Sequence[ModelVersion]) -> Iterator[Coming]:
    by_pk = {version.pk: version for version in versions}
    for version in versions:
        url = version.get_absolute_url()
        if version.is_in_progress:
            said = f"{version.get_state_display()}. {_first_sentence(version.changelog)}"
            yield Coming(None, f"{version.number} to come", said.strip(), "info", url)
        elif version.state == ModelVersion.State.DEPRECATED and version.sunset_at:
            successor = by_pk.get(version.successor_id or 0)
            said = f"Whoever is on it moves to {successor.number}." if successor else ""
            yield Coming(version.sunset_at, f"{version.number} stops", said, "warn", url)


def _of_changes(changes: Iterable[ScheduledChange]) -> Iterator[Coming]:
    for change in changes:
        if change.kind != KIND.DEPRECATION or change.state == ScheduledChange.State.PROPOSED:
            title = change.get_kind_display()
            said = f"{change.subject}. {change.get_state_display()}."
            yield Coming(change.effective_from, title, said, "warn", change.get_absolute_url())


def sentence(
    newest: ModelVersion | None, answered: Sequence[Held], coming: Sequence[Coming]
) -> str:
    """What the changes mean for who reads: on no version, on the newest one, or on an older one."""
    if newest is None:
        return ""
    if not answered:
        return _for_who_starts(newest, coming)
    leaving = [one for one in answered if one.is_leaving]
    if leaving:
        version = leaving[0].version
        until = f", which stops on {version.sunset_at:%-d %b %Y}" if version.sunset_at else ""
        return f"{leaving[0].subscription.application} is on {version.number}{until}: move it to {newest.number}."
    older = [one for one in answered if one.version.precedence < newest.precedence]
    if older:
        return f"{older[0].subscription.application} is on {older[0].version.number}; the newest is {newest.number}. Nothing makes you move yet."
    if len(answered) == 1:
        return f"{answered[0].subscription.application} is on {newest.number}, the newest."
    return f"Your {quantity(len(answered), 'application,applications')} are on {newest.number}, the newest."


def _for_who_starts(newest: ModelVersion, coming: Sequence[Coming]) -> str:
    if not newest.is_callable or newest.is_review_overdue:
        return "Nobody can start on it now."
    binding = [one.at for one in coming if one.at and one.title.startswith(newest.number)]
    if binding:
        return f"You would start on {newest.number}: nothing here makes you change before {min(binding):%b %Y}."
    return f"You would start on {newest.number}: nothing here makes you change."


def _first_sentence(text: str) -> str:
    first = text.strip().split(". ")[0].strip().rstrip(".")
    return f"{first[:120]}." if first else ""
