"""Where the card and the risk answers speak about the same thing: fixed pairs, compared (docs/governance.md, "Contradictions").

Free text is judged by its first words only; what they leave open is shown side by side for a person to read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.models import ModelVersion
from governance import cards, policies, tiering

DENIES = re.compile(r"\s*(no|none|not|never|it does not|does not|nobody)\b", re.IGNORECASE)
SENSITIVITY = {"public": 0, "internal": 0, "confidential": 1, "personal": 2, "special": 3}
BEYOND_LINEAR = re.compile(
    r"\b(boost\w*|forest\w*|ensemble\w*|neural|deep|transformer\w*|lstm|xgboost|lightgbm|catboost)\b",
    re.IGNORECASE,
)


class Verdict(StrEnum):
    AGREE = "agree"
    CONTRADICT = "contradict"
    READ = "read"


@dataclass(frozen=True)
class Pair:
    """A field of the card and the question that asks for the same thing."""

    subject: str
    field: str
    question: str
    judge: Callable[[Any, str], Verdict]


@dataclass(frozen=True)
class Comparison:
    """What the card says and what the risk answers say about one subject."""

    subject: str
    field: str
    question: str
    card_says: str
    risk_says: str
    verdict: Verdict

    @property
    def section(self) -> str:
        return cards.FIELDS_BY_ID[self.field].section


@dataclass(frozen=True)
class RiskAnswer:
    """One question of the questionnaire with the answer in words."""

    question: str
    answer: str
    points: int


def _agrees(is_so: bool) -> Verdict:
    return Verdict.AGREE if is_so else Verdict.CONTRADICT


def class_of_data(value: Any, answer: str) -> Verdict:
    return _agrees(SENSITIVITY.get(value, -1) == SENSITIVITY[answer])


def lawful_basis(value: Any, answer: str) -> Verdict:
    says_none = isinstance(value, dict) or bool(DENIES.match(str(value)))
    if answer in ("personal", "special"):
        return _agrees(not says_none)
    return Verdict.AGREE if says_none else Verdict.READ


def effect_on_people(value: Any, answer: str) -> Verdict:
    denies = bool(DENIES.match(str(value)))
    affirms = str(value).strip().lower().startswith("yes")
    if not denies and not affirms:
        return Verdict.READ
    return _agrees(affirms == (answer != "none"))


def generated_content(value: Any, answer: str) -> Verdict:
    return _agrees((value == "generation") == (answer != "no"))


def complexity(value: Any, answer: str) -> Verdict:
    if answer == "linear" and BEYOND_LINEAR.search(str(value)):
        return Verdict.CONTRADICT
    return Verdict.READ


def read_both(value: Any, answer: str) -> Verdict:
    return Verdict.READ


PAIRS = (
    Pair("Class of the data", "data.training.classification", "data", class_of_data),
    Pair("Lawful basis", "data.personal.lawful_basis", "data", lawful_basis),
    Pair("Effect on people", "fairness.applicability", "people", effect_on_people),
    Pair("Generated content", "technical.task_type", "generative", generated_content),
    Pair("Complexity", "technical.architecture", "complexity", complexity),
    Pair("Who decides", "intended_use.decision_role", "autonomy", read_both),
)
ORDER = [Verdict.CONTRADICT, Verdict.READ, Verdict.AGREE]


def of(version: ModelVersion) -> list[Comparison]:
    """The pairs of which both sides are there, contradictions first."""
    answers = policies.answers_of(version)
    return compare(policies.card_data(version, answers), answers)


def compare(card: Mapping[str, Any], answers: Mapping[str, Any]) -> list[Comparison]:
    """The same for a card's values and the risk answers."""
    found = [
        Comparison(
            pair.subject,
            pair.field,
            pair.question,
            _words(pair.field, card[pair.field]),
            tiering.QUESTIONS_BY_ID[pair.question].option(answers[pair.question]).label,
            pair.judge(card[pair.field], answers[pair.question]),
        )
        for pair in PAIRS
        if card.get(pair.field) and pair.question in answers
    ]
    return sorted(found, key=lambda one: ORDER.index(one.verdict))


def risk_answers(answers: Mapping[str, Any]) -> list[RiskAnswer]:
    """The questionnaire as it was answered, in the order of its questions."""
    return [
        RiskAnswer(question.label, option.label, option.points)
        for question in tiering.QUESTIONS
        if question.id in answers
        for option in [question.option(answers[question.id])]
    ]


def _words(field: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"Not applicable: {value.get('not_applicable', '')}"
    return dict(cards.FIELDS_BY_ID[field].choices or ()).get(value, str(value))
