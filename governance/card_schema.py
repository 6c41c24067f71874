"""The model card as a JSON Schema document, with what each tier requires, for programs that write cards. Pure."""

from typing import Any

from governance import card_values, cards

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TIERS = ("low", "medium", "high")
Fields = tuple[cards.CardField, ...]
CONDITIONS = sorted(
    {
        part
        for field in cards.FIELDS
        for term in field.terms
        for part in term.split("+")
        if not set(part) <= set("LMH")
    }
)


def document(text: dict[str, Any] = cards.POLICY) -> dict[str, Any]:
    """The schema of a card's values. `$defs` holds one schema for each tier: a card that fits it lacks no required field.

    `x-required-when` says what is required beside that under a condition, which follows from the risk answers.
    text: the policy that says so, in the form of cards.POLICY.
    """
    fields = cards.fields_of(text)
    return {
        "$schema": DIALECT,
        "title": f"Model card {text['schema']}",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            field.id: card_values.schema(field) | {"x-weight": field.weight} for field in fields
        },
        "$defs": {tier: _of_tier(tier, fields) for tier in TIERS},
        "x-required-when": {
            condition: {tier: _required_when(tier, condition, fields) for tier in TIERS}
            for condition in CONDITIONS
        },
        "x-score-needed": {tier: text["needed"][tier] for tier in TIERS},
    }


def required(
    tier: str, conditions: frozenset[str] = frozenset(), fields: Fields = cards.FIELDS
) -> list[str]:
    """The ids of the fields that a team has to fill in at this tier."""
    return [
        field.id
        for field in fields
        if field.source != "auto" and field.is_required(tier, conditions)
    ]


def _required_when(tier: str, condition: str, fields: Fields) -> list[str]:
    always = set(required(tier, fields=fields))
    under = required(tier, frozenset({condition}), fields)
    return [name for name in under if name not in always]


def _of_tier(tier: str, fields: Fields) -> dict[str, Any]:
    names = required(tier, fields=fields)
    return {
        "required": names,
        "properties": {name: _answered(cards.FIELDS_BY_ID[name]) for name in names},
    }


def _answered(field: cards.CardField) -> dict[str, Any]:
    """Not empty, and as long as the question needs."""
    least = {"list": {"minItems": field.minimum}, "number": {}, "choice": {}}
    said = least.get(field.widget, {"minLength": field.minimum})
    return {"not": {"enum": [None, "", [], {}]}, **said}
