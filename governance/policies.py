"""The rules in force at a moment, and the rows that say which rules a decision was made under (docs/governance.md, "Policies").

The code has the product's own text of each policy. Once governance changed one, its text counts, with what a later release
adds to it. A version is judged by the rules of the moment at which it was submitted; while its team edits it, by today's.

Processes read the approved changes again every REREAD_S seconds. A change begins at the earliest LEAD after it was approved,
so no process misses a beginning.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from catalog.models import ModelVersion
from governance import card_known, cards, checklists, gates, matrix, periods, tiering
from governance.models import PolicyVersion, Review
from governance.rules import Rules, Text
from marketplace.core.canonical import digest

REREAD_S = 10
LEAD = timedelta(minutes=1)
REQUIRED_GATES = gates.REQUIRED  # a version waits in checking until each has a result
TEXTS: dict[str, Callable[[], Text]] = {
    "tiering": lambda: tiering.POLICY,
    "card_schema": lambda: cards.POLICY,
    "review_matrix": lambda: matrix.POLICY,
    "gates": lambda: gates.POLICY,
    "periods": lambda: (
        periods.POLICY | {periods.CHANGE_NOTICE: settings.CHANGE_NOTICE_DAYS}  # its first value
    ),
}


@dataclass
class _Memory:
    """What this process read: the approved changes, oldest first, as (kind, effective_from, text)."""

    changes: list[tuple[str, datetime, Text]]
    read_at: float  # time.monotonic()


_memory = _Memory([], -float("inf"))


def in_force(at: datetime | None = None) -> Rules:
    """The rules of a moment; by default of now."""
    moment = at or timezone.now()
    texts = {kind: own() for kind, own in TEXTS.items()}
    for kind, since, text in _changes():
        if kind in texts and since <= moment:
            texts[kind] = text
    return Rules(texts)


def rules_of(version: ModelVersion) -> Rules:
    """The rules by which this version is judged: of its submission; of now while its team edits it."""
    return in_force(None if version.is_editable else version.submitted_at)


def change_notice_days() -> int:
    """The notice of a change that takes something from consumers (docs/governance.md, "Periods")."""
    return in_force().days(periods.CHANGE_NOTICE)


def newest(kind: str) -> Text:
    """The text of one kind that was approved last, though it may not have begun: what the next change starts from."""
    row = PolicyVersion.objects.approved().filter(kind=kind).last()
    return merged(kind, row.body) if row else TEXTS[kind]()


def row_of(kind: str, rules: Rules) -> PolicyVersion:
    """The PolicyVersion with the text of these rules; made when a release of the product brought the text."""
    text = rules.texts[kind]
    row, _ = PolicyVersion.objects.get_or_create(
        kind=kind, sha256=digest(text), defaults={"semver": text["semver"], "body": text}
    )
    return row


def merged(kind: str, text: Text) -> Text:
    """A changed text, with what the release in use adds to the product's own: questions, fields, floors, checks."""
    text = periods.in_steps(text) if kind == "periods" else text
    whole: Text = _merged(TEXTS[kind](), text)
    if kind == "card_schema":
        changed = {row["id"]: row for row in text["fields"]}
        whole["fields"] = [
            row | {key: changed.get(row["id"], row)[key] for key in ("need", "weight")}
            for row in cards.POLICY["fields"]
        ]
    if kind == "tiering":
        kept = {floor[0]: floor[1] for floor in text["floors"]}
        whole["floors"] = [
            [name, kept.get(name, tier), when] for name, tier, when in tiering.POLICY["floors"]
        ]
        whole["prohibited"] = tiering.POLICY["prohibited"]
    return whole


def forget() -> None:
    """Read the approved changes again at the next look."""
    _memory.read_at = -float("inf")


def _merged(own: Any, changed: Any) -> Any:
    if not (isinstance(own, dict) and isinstance(changed, dict)):
        return changed
    return {
        name: _merged(own[name], changed[name])
        if name in own and name in changed
        else changed.get(name, own.get(name))
        for name in {**own, **changed}
    }


def _changes() -> list[tuple[str, datetime, Text]]:
    now = time.monotonic()
    if now - _memory.read_at > REREAD_S:
        rows = PolicyVersion.objects.approved().values_list("kind", "effective_from", "body")
        _memory.changes = [
            (kind, since, merged(kind, body)) for kind, since, body in rows if kind in TEXTS
        ]
        _memory.read_at = now
    return _memory.changes


def answers_of(version: ModelVersion) -> dict[str, Any]:
    """The newest risk answers of a version, {} when nobody answered yet."""
    assessment = version.assessments.first()
    return assessment.answers if assessment else {}


def conditions_of(version: ModelVersion) -> frozenset[str]:
    """The card's and matrix's conditions that hold for this version: people, personal, credit, generative …"""
    return tiering.conditions(answers_of(version))


def card_completeness(version: ModelVersion) -> cards.Completeness:
    """cards.completeness of the version's card for its tier (low until assessed), with what is known from elsewhere."""
    answers = answers_of(version)
    return rules_of(version).completeness(
        card_data(version, answers), version.risk_tier or "low", tiering.conditions(answers)
    )


def card_data(version: ModelVersion, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The card's values; a draft's with what follows from its entry and from its risk answers today."""
    if not version.is_editable:
        return dict(version.card.data)
    return card_known.values(version.model, answers) | version.card.written()


def required_reviews(version: ModelVersion) -> list[tuple[str, int]]:
    """[(Review.Kind value, business days)] for this version."""
    return rules_of(version).required_reviews(version.risk_tier, conditions_of(version))


def checklist_of(review: Review) -> list[checklists.Point]:
    """What the reviewer answers before approving."""
    version = review.version
    return rules_of(version).checklist(review.kind, version.risk_tier, conditions_of(version))


def min_people(version: ModelVersion) -> int:
    """How many different people must have approved."""
    return rules_of(version).min_people(version.risk_tier)
