"""The model card's schema as data, and how complete a card is (docs/governance.md, "Model card"). Pure.

A card is {field id: value}. Values: text for the widgets text, textarea and choice; a list for list; a number for
number. `{"not_applicable": "reason"}` stands in where the field allows it.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from governance.card_fields import FIELD_ROWS, SECTIONS

LETTERS = {"low": "L", "medium": "M", "high": "H", "prohibited": "H"}
NEEDED = {"low": 90, "medium": 95, "high": 100, "prohibited": 100}
NOT_APPLICABLE = "not_applicable"
REASON_MIN = 20
PLACEHOLDER = re.compile(
    r"\[?more information needed\]?|todo|tbd|n/?a|none|lorem ipsum.*|\.+|-+|xxx+",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class CardField:
    """One question of the card.

    need     when it is required: tier letters ("MH"), a condition at any tier ("people"), or both together
             ("M+personal"); separated by spaces, any one suffices; "" is optional.
    minimum  characters for text, items for lists.
    source   auto (the product fills it in), import (files may bring it), user.
    star     without it the card never passes, and a change after publication re-opens review.
    """

    id: str
    label: str
    why: str
    need: str
    weight: int
    widget: str = "textarea"
    minimum: int = 1
    source: str = "user"
    star: bool = False
    may_not_apply: bool = False
    choices: tuple = ()
    self_reported: bool = False

    @property
    def section(self):
        return self.id.split(".")[0]

    def is_required(self, tier, conditions=frozenset()):
        """For a version of this tier under these conditions (names from tiering.conditions)."""
        return any(_holds(term, LETTERS[tier], conditions) for term in self.terms)

    @cached_property
    def terms(self):
        return self.need.split()

    def problem(self, value):
        """Why this value does not answer the question, or ""."""
        if isinstance(value, dict) and NOT_APPLICABLE in value:
            return self._exemption_problem(value[NOT_APPLICABLE])
        if is_blank(value):
            return "missing"
        if self.widget == "list":
            return self._list_problem(value)
        if self.widget == "number":
            return "" if _is_number(value) else "not a number"
        if self.widget == "choice" and value not in dict(self.choices):
            return "not one of the choices"
        if len(_text(value)) < self.minimum:
            return f"shorter than {self.minimum} characters"
        return ""

    def _exemption_problem(self, reason):
        if not self.may_not_apply:
            return "cannot be marked as not applicable"
        return (
            ""
            if len(str(reason).strip()) >= REASON_MIN
            else f"the reason is shorter than {REASON_MIN} characters"
        )

    def _list_problem(self, value):
        items = [
            item for item in (value if isinstance(value, list) else [value]) if not is_blank(item)
        ]
        return "" if len(items) >= self.minimum else f"fewer than {self.minimum} entries"


@dataclass(frozen=True)
class MissingAnswer:
    """A required field of a card that is not answered, and why what stands there is no answer."""

    field: CardField
    problem: str


@dataclass(frozen=True)
class Completeness:
    """How complete a card is. score and needed in percent."""

    score: int
    needed: int
    missing: tuple[MissingAnswer, ...]
    stars_missing: tuple
    warnings: tuple = ()

    @property
    def to_write(self):
        """[MissingAnswer] that a person gives; the product fills in the others on submission."""
        return [item for item in self.missing if item.field.source != "auto"]

    @property
    def filled_in_later(self):
        """How many answers the product fills in on submission."""
        return len(self.missing) - len(self.to_write)

    @property
    def ok(self):
        """All starred fields are there, and the score reaches what the tier needs."""
        return not self.stars_missing and self.score >= self.needed


FIELDS = tuple(CardField(**row) for row in FIELD_ROWS)
FIELDS_BY_ID = {field.id: field for field in FIELDS}
# Facts about the files: method, data, metrics, fairness. Other files need them confirmed or replaced.
ABOUT_FILES = frozenset(
    {
        "technical.architecture",
        "data.training.description",
        "data.training.datasets",
        "data.training.known_bias",
        "data.training.spread",
        "data.preprocessing",
        "data.labels",
        "evaluation.results",
        "evaluation.baseline",
        "evaluation.factors",
        "evaluation.external_validity",
        "fairness.groups",
        "fairness.results",
        "fairness.mitigations",
        "robustness.results",
        "environment.energy",
    }
)
POLICY: dict[str, Any] = {
    "schema": "card/1.1.0",
    "semver": "1.1.0",
    "needed": NEEDED,
    "fields": [
        {"id": f.id, "need": f.need, "weight": f.weight, "minimum": f.minimum, "star": f.star}
        for f in FIELDS
    ],
}


def fields_of(text):
    """The CardFields as a policy in the form of POLICY has them: it says when each is required, and how much it weighs.

    A field that is newer than the policy is as this product has it.
    """
    if text is POLICY:
        return FIELDS
    rows = {row["id"]: {"need": row["need"], "weight": row["weight"]} for row in text["fields"]}
    return tuple(replace(field, **rows.get(field.id, {})) for field in FIELDS)


def completeness(card, tier, conditions=frozenset(), fields=FIELDS, needed=NEEDED):
    """The Completeness of `card` for a version of this tier under these conditions.

    fields, needed: the questions and the percent by tier of the policy that judges (fields_of).
    """
    required = [field for field in fields if field.is_required(tier, conditions)]
    problems = {field.id: field.problem(card.get(field.id)) for field in required}
    total = sum(field.weight for field in required)
    reached = sum(field.weight for field in required if not problems[field.id])
    return Completeness(
        score=100 * reached // total,
        needed=needed[tier],
        missing=tuple(
            MissingAnswer(field, problems[field.id]) for field in required if problems[field.id]
        ),
        stars_missing=tuple(field.id for field in required if field.star and problems[field.id]),
        warnings=tuple(_repetitions(card)),
    )


def sections(tier=None, conditions=frozenset()):
    """[(section id, title, introduction, [CardField])] for a form; with a tier only what that tier must answer."""
    for name, title, introduction in SECTIONS:
        fields = [
            f
            for f in FIELDS
            if f.section == name and (tier is None or f.is_required(tier, conditions))
        ]
        if fields:
            yield name, title, introduction, fields


def is_blank(value):
    """Empty, or a placeholder that people leave standing."""
    if isinstance(value, str):
        bare = value.strip().removesuffix(".").rstrip()
        return not bare or bool(PLACEHOLDER.fullmatch(bare))
    if isinstance(value, dict):
        return all(is_blank(part) for part in value.values())
    if isinstance(value, list):
        return all(is_blank(item) for item in value)
    return value is None


def _holds(term, letter, conditions):
    """Does a term such as "MH", "people" or "M+personal" hold?"""
    return all(
        letter in part if set(part) <= set("LMH") else part in conditions
        for part in term.split("+")
    )


def _repetitions(card):
    """Long texts that stand in two fields: one of them was not thought about."""
    seen = {}
    for name, value in card.items():
        text = " ".join(value.casefold().split()) if isinstance(value, str) else ""
        if len(text) >= 40 and text in seen:
            yield f"{_label(name)} repeats {_label(seen[text])} word for word."
        seen.setdefault(text, name)


def _label(name):
    return FIELDS_BY_ID[name].label if name in FIELDS_BY_ID else name


def _text(value):
    return (
        value.strip() if isinstance(value, str) else " ".join(_text(part) for part in _parts(value))
    )


def _parts(value):
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else [str(value)]


def _is_number(value):
    try:
        return float(value) >= 0
    except (TypeError, ValueError):
        return False
