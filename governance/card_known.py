"""Answers of the model card that follow from the entry or from the risk answers, so that nobody is asked twice.

Rule: docs/governance.md, "Asked once". Pure, but for the entry's own rows. What a person writes on the card itself stands before
what follows; contradictions between the two are shown (governance/contradictions.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.models import RegisteredModel
from governance import cards, tiering
from governance.card_fields import TASKS

ENTRY = "the entry"
RISK = "the risk answers"
DATA_CLASSES = {
    "internal": "internal",
    "confidential": "confidential",
    "personal": "personal",
    "special": "special",
}
EFFECTS = {"indirect": "Yes, indirectly.", "direct": "Yes, directly."}


@dataclass(frozen=True)
class KnownAnswer:
    """An answer of the card and where it was given. source: ENTRY or RISK."""

    value: Any
    source: str

    @property
    def is_from_entry(self) -> bool:
        return self.source == ENTRY


def of(model: RegisteredModel, answers: Mapping[str, Any]) -> dict[str, KnownAnswer]:
    """Field id → KnownAnswer, of those that answer their field. `answers` are the risk answers, {} before there are any."""
    found = [
        *((name, KnownAnswer(value, ENTRY)) for name, value in _of_entry(model)),
        *((name, KnownAnswer(value, RISK)) for name, value in _of_risk(answers)),
    ]
    return {
        name: known for name, known in found if not cards.FIELDS_BY_ID[name].problem(known.value)
    }


def values(model: RegisteredModel, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The same without where it comes from: field id → value."""
    return {name: known.value for name, known in of(model, answers).items()}


def _of_entry(model: RegisteredModel) -> Iterator[tuple[str, str]]:
    yield "identity.summary", model.summary
    yield "limitations.text", model.limitations
    if model.model_type.slug in dict(TASKS):
        yield "technical.task_type", model.model_type.slug


def _of_risk(answers: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if answers.get("generative", "no") != "no":
        yield "technical.task_type", "generation"
    if answers.get("data") in DATA_CLASSES:
        yield "data.training.classification", DATA_CLASSES[answers["data"]]
        if "personal" not in tiering.conditions(answers):
            yield (
                "data.personal.lawful_basis",
                {cards.NOT_APPLICABLE: "No personal data, says the risk questionnaire."},
            )
    if answers.get("people") in EFFECTS:
        yield "fairness.applicability", EFFECTS[answers["people"]]
