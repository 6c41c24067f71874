"""The rules of one moment, and what they mean for a version: the one place that judges, for real and in a preview. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from governance import cards, checklists, gates, matrix, periods, tiering

Text = dict[str, Any]
Conditions = frozenset[str]


@dataclass(frozen=True)
class Rules:
    """The text of each kind of policy. `texts`: PolicyChange.Kind value → text."""

    texts: Mapping[str, Text]

    def replaced(self, kind: str, text: Text) -> "Rules":
        """The same rules with another text of one kind."""
        return Rules({**self.texts, kind: text})

    @cached_property
    def fields(self) -> tuple[cards.CardField, ...]:
        """The questions of the card."""
        fields: tuple[cards.CardField, ...] = cards.fields_of(self.texts["card_schema"])
        return fields

    def assess(self, answers: dict[str, Any]) -> tiering.Assessment:
        """tiering.assess by these rules. Raises Invalid naming the question."""
        assessment: tiering.Assessment = tiering.assess(answers, self.texts["tiering"])
        return assessment

    def completeness(
        self, card: dict[str, Any], tier: str, conditions: Conditions
    ) -> cards.Completeness:
        """cards.completeness by these rules."""
        needed = self.texts["card_schema"]["needed"]
        found: cards.Completeness = cards.completeness(card, tier, conditions, self.fields, needed)
        return found

    def required_reviews(self, tier: str, conditions: Conditions) -> list[tuple[str, int]]:
        """[(Review.Kind value, business days)]."""
        reviews: list[tuple[str, int]] = matrix.required_reviews(
            tier, conditions, self.texts["review_matrix"]
        )
        return reviews

    def min_people(self, tier: str) -> int:
        """How many different people must have approved."""
        people: int = self.texts["review_matrix"]["min_people"][tier]
        return people

    def checklist(self, kind: str, tier: str, conditions: Conditions) -> list[checklists.Point]:
        """What a reviewer answers before approving."""
        lists = self.texts["review_matrix"]["checklists"]
        return checklists.points_for(kind, tier, conditions, lists)

    def severity_of(self, gate: str, tier: str, verdict: str) -> str:
        """gates.severity_of by these rules."""
        return gates.severity_of(gate, tier, verdict, self.texts["gates"])

    def canary(self) -> list[dict[str, int]]:
        """The steps in which an automatic minor update spreads: a number for each name of governance.periods.STEP."""
        steps: list[dict[str, int]] = self.texts["periods"][periods.CANARY]
        return steps

    def days(self, period: str, tier: str = "") -> int:
        """One of governance.periods, in days; of a version without answers, the one of low risk."""
        value = self.texts["periods"][period]
        days: int = value[tier or "low"] if isinstance(value, dict) else value
        return days
