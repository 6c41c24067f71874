"""The rules in force, as rows: every decision points at the text it was made under."""

from collections.abc import Callable, Mapping
from typing import Any

from catalog.models import ModelVersion
from governance import card_known, cards, checklists, gates, matrix, tiering
from governance.models import PolicyVersion, Review
from marketplace.core.canonical import digest

REQUIRED_GATES = gates.REQUIRED  # a version waits in checking until each has a result
TEXTS: dict[str, Callable[[], dict[str, Any]]] = {
    "tiering": lambda: tiering.POLICY,
    "card_schema": lambda: cards.POLICY,
    "review_matrix": lambda: matrix.POLICY,
    "gates": lambda: gates.POLICY,
}


def current(kind: str) -> PolicyVersion:
    """The PolicyVersion row of the rules in force; made when the code brings a new text."""
    text = TEXTS[kind]()
    row, _ = PolicyVersion.objects.get_or_create(
        kind=kind, sha256=digest(text), defaults={"semver": text["semver"], "body": text}
    )
    return row


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
    return cards.completeness(
        card_data(version, answers), version.risk_tier or "low", tiering.conditions(answers)
    )


def card_data(version: ModelVersion, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The card's values; a draft's with what follows from its entry and from its risk answers today."""
    if not version.is_editable:
        return dict(version.card.data)
    return card_known.values(version.model, answers) | version.card.written()


def required_reviews(version: ModelVersion) -> list[tuple[str, int]]:
    """[(Review.Kind value, business days)] for this version."""
    return matrix.required_reviews(version.risk_tier, conditions_of(version))


def checklist_of(review: Review) -> list[checklists.Point]:
    """What the reviewer answers before approving."""
    return checklists.points_for(
        review.kind, review.version.risk_tier, conditions_of(review.version)
    )


def min_people(version: ModelVersion) -> int:
    """How many different people must have approved."""
    return matrix.MIN_PEOPLE[version.risk_tier]
