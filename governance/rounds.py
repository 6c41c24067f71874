"""Rounds of review: what each kind of review looks at, which approvals a resubmission keeps, and what changed since.

Rule: docs/governance.md, "Rounds".
"""

from dataclasses import dataclass
from typing import Any

from catalog.models import ModelVersion
from governance import cards, policies
from governance.models import Review, ReviewRound
from marketplace.core.canonical import digest

PACKAGE, SIGNATURE, ANSWERS = "package", "signature", "risk answers"
EVERYWHERE = (SIGNATURE, ANSWERS)
ALL_OF_THE_CARD = tuple(f"card: {section}" for section, _, _ in cards.SECTIONS)
# The parts of a submission that a kind of review looks at. The final approval looks at everything and is never kept.
SCOPES: dict[str, tuple[str, ...]] = {
    Review.Kind.CURATION: (*EVERYWHERE, "changelog", *ALL_OF_THE_CARD),
    Review.Kind.EVALUATION: (
        *EVERYWHERE,
        PACKAGE,
        "service level",
        "card: intended_use",
        "card: data",
        "card: evaluation",
        "card: robustness",
    ),
    Review.Kind.FAIRNESS: (
        *EVERYWHERE,
        PACKAGE,
        "card: intended_use",
        "card: data",
        "card: fairness",
    ),
    Review.Kind.SECURITY: (
        *EVERYWHERE,
        PACKAGE,
        "card: security",
        "card: generative",
        "card: robustness",
    ),
    Review.Kind.LEGAL: (ANSWERS, "card: intended_use", "card: data", "card: legal"),
}


@dataclass(frozen=True)
class Change:
    """What one field of a submission said in the earlier round and says now; None where it was, or is, empty."""

    part: str
    label: str
    before: Any
    after: Any

    @property
    def title(self) -> str:
        """What changed, in the words of the page: of the card, the question."""
        question = cards.FIELDS_BY_ID.get(self.label)
        return f"Card: {question.label}" if question else f"{self.part}, {self.label}"


def snapshot(version: ModelVersion) -> dict[str, Any]:
    """The parts of a submission, {part: content}. What the product fills into the card by itself is left out."""
    kept = {
        key: value for key, value in version.manifest.items() if key not in ("signature", "example")
    }
    parts = {
        PACKAGE: kept,
        SIGNATURE: version.signature,
        ANSWERS: policies.answers_of(version),
        "service level": version.sla,
        "changelog": version.changelog,
    }
    for section in ALL_OF_THE_CARD:
        parts[section] = {}
    for field in cards.FIELDS:
        if field.source != "auto" and field.id in version.card.data:
            parts[f"card: {field.section}"][field.id] = version.card.data[field.id]
    return parts


def changed_parts(kind: str, before: ReviewRound | None, after: ReviewRound) -> list[str]:
    """The parts that this kind of review looks at and that differ between two rounds."""
    old = before.submission if before else {}
    return [
        part for part in SCOPES[kind] if digest(old.get(part)) != digest(after.submission[part])
    ]


def changes(before: ReviewRound, after: ReviewRound) -> list[Change]:
    """Every field that differs between two rounds, with both sides."""
    return [
        Change(part.capitalize(), label, one.get(label), other.get(label))
        for part, content in after.submission.items()
        for one, other in [(_fields(before.submission.get(part)), _fields(content))]
        for label in sorted({*one, *other})
        if one.get(label) != other.get(label)
    ]


def _fields(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {"text": content}
