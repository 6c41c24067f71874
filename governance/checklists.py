"""What a reviewer answers before approving, by kind of review: data with a source (docs/governance.md, "Checklists").

Pure data and functions; governance.matrix puts the text into the policy that each decision points at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from marketplace.core.errors import Invalid

NOTE_MIN, NOTE_MAX = 10, 500  # characters


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


NEEDS_NOTE = {Answer.NO, Answer.NOT_APPLICABLE}


@dataclass(frozen=True)
class Point:
    """One point to look at.

    when: "" for always, a risk tier, or a condition of the risk answers (governance.tiering.conditions).
    """

    id: str
    asks: str
    source: str
    when: str = ""


@dataclass(frozen=True)
class Answered:
    """A point as it was answered, with the words that the reviewer read."""

    point: str
    asks: str
    source: str
    answer: str
    note: str

    @property
    def says(self) -> str:
        return self.answer.replace("_", " ").capitalize()


CHECKLISTS: dict[str, tuple[Point, ...]] = {
    "curation": (
        Point(
            "clear", "Someone who does not know the model understands the card", "NIST AI RMF MAP 1"
        ),
        Point(
            "another",
            "No listed model does the same, or the reason for another one holds",
            "House rule: one model for one purpose",
        ),
        Point("findable", "Summary, domain and capability say what it does", "NIST AI RMF MAP 2"),
        Point("agrees", "The card agrees with the risk answers", "SR 26-2"),
    ),
    "evaluation": (
        Point("data", "The data of the evaluation are like those of the use", "NIST MEASURE 2.5"),
        Point("baseline", "It does better than the baseline, beyond the interval", "SR 26-2"),
        Point("limits", "The limitations on the card cover what the figures show", "SR 26-2"),
        Point(
            "challenge",
            "Concept, data, sensitivity and outcomes were challenged",
            "SR 26-2, effective challenge",
            when="high",
        ),
    ),
    "fairness": (
        Point("groups", "The groups are the ones that this use affects", "NIST MEASURE 2.11"),
        Point("rows", "Each group has enough rows, or is set apart", "29 CFR 1607.4(D)"),
        Point("cutoff", "The cutoff is the one that the card names", "NIST MEASURE 2.11"),
        Point("warnings", "Warnings are explained by you and not by the team", "SR 26-2"),
        Point("agrees", "Card and risk answers agree about people", "EU AI Act, Article 10"),
    ),
    "security": (
        Point("files", "The safety checks are about these very files", "OWASP ML06"),
        Point("threats", "Poisoning, evasion and extraction were thought of", "NIST AI 100-2"),
        Point("secrets", "Card and example hold no secrets and no personal data", "ASVS 5.0"),
        Point("misuse", "Misuse is described, and something stands against it", "NIST MANAGE 1"),
        Point("prompts", "Injected prompts were tried", "OWASP LLM01", when="generative"),
    ),
    "legal": (
        Point("basis", "The legal basis fits the data and the purpose", "GDPR, Article 6"),
        Point("banned", "None of the prohibited practices applies", "EU AI Act, Article 5"),
        Point("limits", "Restrictions of use are written down", "EU AI Act, Article 13"),
        Point("decisions", "A person can contest a decision", "GDPR, Article 22", when="people"),
        Point("reasons", "Reasons for a refusal can be given", "Regulation B", when="credit"),
    ),
    "final": (
        Point("read", "You read the reasons of all reviews", "SR 26-2"),
        Point("residual", "The risk that remains is acceptable", "NIST MANAGE 1.4"),
        Point("stop", "Somebody can stop it, and knows how", "EU AI Act, Article 14"),
    ),
}

POLICY: dict[str, list[dict[str, str]]] = {
    kind: [asdict(point) for point in points] for kind, points in CHECKLISTS.items()
}


def points_for(
    kind: str,
    tier: str,
    conditions: Iterable[str],
    lists: Mapping[str, list[dict[str, str]]] = POLICY,
) -> list[Point]:
    """The points of one kind of review at this tier, under these conditions of the risk answers.

    lists: the checklists of a policy, in the form of POLICY.
    """
    holding = {"", tier, *conditions}
    points = [Point(**row) for row in lists[kind]]
    return [point for point in points if point.when in holding]


def answers(
    points: Iterable[Point], given: Mapping[str, Mapping[str, Any]], is_approval: bool
) -> list[dict[str, str]]:
    """The answers to keep with a decision: {point id: {"answer", "note"}} as rows with the words that were read.

    An approval needs every point. Raises Invalid naming `checklist.<point>`, or the note below it.
    """
    asked = {point.id: point for point in points}
    if unknown := sorted(set(given) - set(asked)):
        raise Invalid("This review has no such point.", field=f"checklist.{unknown[0]}")
    rows = []
    for name, point in asked.items():
        answer = str(given.get(name, {}).get("answer") or "")
        note = str(given.get(name, {}).get("note") or "").strip()
        _require_answer(name, answer, note, is_approval)
        if answer:
            rows.append(asdict(Answered(name, point.asks, point.source, answer, note)))
    return rows


def as_answered(rows: Iterable[Mapping[str, str]]) -> list[Answered]:
    """The rows of a decision, for pages."""
    return [Answered(**row) for row in rows]


def _require_answer(name: str, answer: str, note: str, is_approval: bool) -> None:
    if not answer:
        if is_approval:
            raise Invalid("Answer this point before you approve.", field=f"checklist.{name}")
        return
    if answer not in list(Answer):
        raise Invalid("Answer yes, no or not_applicable.", field=f"checklist.{name}.answer")
    if answer in NEEDS_NOTE and len(note) < NOTE_MIN:
        raise Invalid(f"Say why in at least {NOTE_MIN} characters.", field=f"checklist.{name}.note")
    if len(note) > NOTE_MAX:
        raise Invalid(f"At most {NOTE_MAX} characters.", field=f"checklist.{name}.note")
