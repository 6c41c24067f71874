"""The kinds of findings, each declared once: how it is searched for, by when it is due, how it reads, what one can do about it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketplace.core.templatetags.formatting import listed, quantity
from marketplace.insights.curation.fact import Fact
from marketplace.insights.curation.findings import upkeep, use, voices
from marketplace.insights.models import CurationItem, FindingKind

Kind = FindingKind
Evidence = Mapping[str, Any]
Search = Callable[[date], Iterator[Fact]]


@dataclass(frozen=True)
class Declared:
    """One kind of finding.

    days   step → days from the finding until it is due; 0 for kinds without steps, and for a step that is not named.
    says   (evidence, since, step, today) → one sentence without a full stop.
    bad    the step from which on it looks serious.
    asks   may the publisher be asked what becomes of the model?
    tells  is the publisher told of each step by itself?
    """

    kind: FindingKind
    icon: str
    search: Search
    days: Mapping[int, int]
    says: Callable[[Evidence, date, int, date], str]
    rule: str
    bad: int = 1_000
    asks: bool = True
    tells: bool = False

    def days_to_act(self, step: int) -> int:
        return self.days.get(step, self.days[0])

    def tone(self, step: int) -> str:
        return "bad" if step >= self.bad else "warn"


def _owner(facts: Evidence, since: date, step: int, today: date) -> str:
    said = f"{facts['owner']} is no longer there since {day(since)}"
    if not facts["team_has_people"]:
        return f"{said}; nobody is left on the team"
    return f"{said}; 30 days have passed without a successor" if step else said


def _review(facts: Evidence, since: date, step: int, today: date) -> str:
    return f"The approval of {facts['version']} ended on {day(since)}; its re-review is late"


def _service(facts: Evidence, since: date, step: int, today: date) -> str:
    measured = ", ".join(facts["measured"])
    return f"{facts['version']}: availability {measured} % in three months; promised {facts['promised']} %"


def _unused(facts: Evidence, since: date, step: int, today: date) -> str:
    days = quantity((today - since).days, "day,days")
    said = (
        f"Last call of another team {days} ago"
        if facts["last_call"]
        else f"Published {days} ago, and no other team has called it"
    )
    held = facts["subscriptions"]
    holders = quantity(held, "active subscription,active subscriptions")
    return f"{said}; {holders if held else 'no active subscription'}"


def _stale(facts: Evidence, since: date, step: int, today: date) -> str:
    said = f"Newest version {facts['version']} is {quantity((today - since).days, 'day,days')} old"
    return f"{said}; it is in use" if facts["in_use"] else said


def _documentation(facts: Evidence, since: date, step: int, today: date) -> str:
    return f"Card {facts['score']} % complete by the rules in force; {facts['needed']} % and all starred fields are needed"


def _rating(facts: Evidence, since: date, step: int, today: date) -> str:
    return f"{facts['mean']} of 5 from {quantity(facts['ratings'], 'team,teams')}"


def _issue(facts: Evidence, since: date, step: int, today: date) -> str:
    whose = f" by {facts['team']}" if facts["team"] else ""
    days = quantity((today - since).days, "day,days")
    return f"{facts['kind'].capitalize()}{whose}: {facts['title']}, {days} without an answer"


def _conflict(facts: Evidence, since: date, step: int, today: date) -> str:
    return f"Likeness {facts['likeness']} with {facts['other']}; not decided yet"


def _quality(facts: Evidence, since: date, step: int, today: date) -> str:
    late = quantity(facts["findings"], "major finding is,major findings are")
    watch = "; the model is on quality watch" if facts["findings"] > 1 else ""
    return f"{late} not mended since {day(since)}{watch}"


def day(value: date) -> str:
    return f"{value:%-d %b %Y}"


DECLARED = {
    declared.kind: declared
    for declared in (
        Declared(
            Kind.OWNER,
            "user-minus",
            upkeep.orphaned,
            {0: 30, upkeep.TO_NAME.days: 7},
            _owner,
            "The owner is not active, or not on the owner team. A successor is named within 30 days; then a marketplace manager "
            "keeps the model, and its end is proposed.",
            bad=0,
            tells=True,
        ),
        Declared(
            Kind.REVIEW,
            "clipboard-document-check",
            upkeep.approval_ended,
            {0: 14},
            _review,
            "The approval of a published version has ended.",
            bad=0,
        ),
        Declared(
            Kind.SERVICE,
            "arrow-trending-down",
            voices.service_missed,
            {0: 14},
            _service,
            "Below the promised availability in each of three complete months, with 200 calls or more in each.",
        ),
        Declared(
            Kind.UNUSED,
            "signal-slash",
            use.unused,
            {0: 14, 60: 30},
            _unused,
            f"No answered production call of another team for {listed([str(days) for days in use.UNUSED_DAYS])} days. New models "
            f"have {use.GRACE.days} days, strategic ones until their day.",
            bad=180,
            tells=True,
        ),
        Declared(
            Kind.STALE,
            "clock",
            use.stale,
            {0: 30, 365: 14},
            _stale,
            "No new version for more than 182 days, or more than 365.",
            bad=365,
        ),
        Declared(
            Kind.DOCUMENTATION,
            "document-text",
            upkeep.card_below,
            {0: 30},
            _documentation,
            "The card of the stable version is not complete by the rules in force.",
        ),
        Declared(
            Kind.QUALITY,
            "magnifying-glass",
            voices.quality_overdue,
            {0: 14},
            _quality,
            "A major finding of a quality review is late. Two of them put the model on quality watch.",
            bad=0,
        ),
        Declared(
            Kind.RATING,
            "star",
            voices.rated_low,
            {0: 30},
            _rating,
            "Rated below 3.0 by five teams or more.",
        ),
        Declared(
            Kind.ISSUE,
            "chat-bubble-left-ellipsis",
            voices.unanswered,
            {0: 14},
            _issue,
            "A bug or a request without an answer of the publisher for more than 60 days.",
        ),
        Declared(
            Kind.CONFLICT,
            "arrows-right-left",
            voices.alike,
            {0: 14},
            _conflict,
            "Two published models that are alike, and nobody has decided what becomes of them.",
            asks=False,
        ),
    )
}


def of(item: CurationItem) -> Declared:
    return DECLARED[FindingKind(item.kind)]


def in_words(item: CurationItem, today: date) -> str:
    """The evidence of a finding in one sentence, as of a day."""
    return of(item).says(item.evidence, item.since, item.step, today)
