"""What risk answers lead to: the tier, the reviews with their days, and what the card asks. Pure.

Answers that are not given yet count as the mildest, so that what is said can only grow (docs/governance.md, "Risk tiers").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance import cards, matrix, tiering


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


def of(answers: Mapping[str, Any]) -> Consequences:
    """The Consequences of some answers (question id → option id). Raises Invalid for an answer that there is not."""
    given = {name: answer for name, answer in answers.items() if answer}
    mildest = {question.id: question.options[0].id for question in tiering.QUESTIONS}
    assessment = tiering.assess(mildest | given)
    conditions = tiering.conditions(given)
    reviews = _reviews(assessment.tier, conditions)
    side_by_side = [review.days for review in reviews[:-1]]
    return Consequences(
        assessment,
        len(mildest.keys() - given.keys()),
        reviews,
        max(side_by_side, default=0) + sum(review.days for review in reviews[-1:]),
        matrix.MIN_PEOPLE.get(assessment.tier, 0),
        tuple(_sections(assessment.tier, conditions)),
    )


def _reviews(tier: str, conditions: frozenset[str]) -> tuple[ReviewAhead, ...]:
    if tier not in matrix.MIN_PEOPLE:
        return ()
    rules = [
        (matrix.RULES_BY_KIND[kind], days)
        for kind, days in matrix.required_reviews(tier, conditions)
    ]
    return tuple(ReviewAhead(rule.label, rule.asks, days) for rule, days in rules)


def _sections(tier: str, conditions: frozenset[str]) -> list[SectionAhead]:
    asked = [
        (title, [field for field in fields if field.source != "auto"])
        for _, title, _, fields in cards.sections(tier, conditions)
    ]
    return [
        SectionAhead(
            title,
            tuple(field.label for field in fields),
            tuple(field.label for field in fields if not field.is_required("low")),
        )
        for title, fields in asked
        if fields
    ]
