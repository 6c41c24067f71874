"""What risk answers lead to: the tier, the reviews with their days, and what the card asks. Pure.

Answers that are not given yet count as the mildest, so that what is said can only grow (docs/governance.md, "Risk tiers").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance import cards, matrix, tiering
from governance.rules import Rules


@dataclass(frozen=True)
class ReviewAhead:
    """A review that follows, and how many working days it may take."""

    label: str
    asks: str
    days: int


@dataclass(frozen=True)
class SectionAhead:
    """A section of the card, what it asks for, and what of that only these answers ask for."""

    title: str
    fields: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True)
class Consequences:
    """What some answers lead to.

    is_whole     every question is answered.
    unanswered   questions without an answer.
    days         working days until the final approval at the latest: the others run side by side, the final one follows.
    people       how many different people approve.
    """

    assessment: tiering.Assessment
    unanswered: int
    reviews: tuple[ReviewAhead, ...]
    days: int
    people: int
    sections: tuple[SectionAhead, ...]

    @property
    def is_whole(self) -> bool:
        return not self.unanswered

    @property
    def is_prohibited(self) -> bool:
        return self.assessment.tier == "prohibited"

    @property
    def asked(self) -> int:
        return sum(len(section.fields) for section in self.sections)


def of(answers: Mapping[str, Any], rules: Rules) -> Consequences:
    """The Consequences of some answers (question id → option id) by these rules. Raises Invalid for an answer that there is not."""
    given = {name: answer for name, answer in answers.items() if answer}
    mildest = {question.id: question.options[0].id for question in tiering.QUESTIONS}
    assessment = rules.assess(mildest | given)
    conditions = tiering.conditions(given)
    is_reviewed = assessment.tier != "prohibited"
    reviews = _reviews(assessment.tier, conditions, rules) if is_reviewed else ()
    side_by_side = [review.days for review in reviews[:-1]]
    return Consequences(
        assessment,
        len(mildest.keys() - given.keys()),
        reviews,
        max(side_by_side, default=0) + sum(review.days for review in reviews[-1:]),
        rules.min_people(assessment.tier) if is_reviewed else 0,
        tuple(_sections(assessment.tier, conditions, rules)),
    )


def _reviews(tier: str, conditions: frozenset[str], rules: Rules) -> tuple[ReviewAhead, ...]:
    kinds = [
        (matrix.RULES_BY_KIND[kind], days)
        for kind, days in rules.required_reviews(tier, conditions)
    ]
    return tuple(ReviewAhead(kind.label, kind.asks, days) for kind, days in kinds)


def _sections(tier: str, conditions: frozenset[str], rules: Rules) -> Iterator[SectionAhead]:
    for section, title, _ in cards.SECTIONS:
        asked = [
            field
            for field in rules.fields
            if field.section == section
            and field.source != "auto"
            and field.is_required(tier, conditions)
        ]
        if asked:
            yield SectionAhead(
                title,
                tuple(field.label for field in asked),
                tuple(field.label for field in asked if not field.is_required("low")),
            )
