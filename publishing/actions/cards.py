"""Verbs of the model card."""

from typing import Any

from django.db import transaction

from catalog.actions import contributed
from catalog.models import Contribution, ModelCard, ModelVersion
from governance import card_known, card_values, cards, policies
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.canonical import digest
from marketplace.core.errors import Invalid
from publishing import evidence
from publishing.actions.editing import hold_editable


@transaction.atomic
def edit_card(by: User, version: ModelVersion, values: dict[str, Any]) -> ModelCard:
    """Set card fields (field id → value). An emptied field is removed. Returns the ModelCard.

    Raises Invalid, naming the field, for ids that the card does not have and values that its schema does not take.
    """
    hold_editable(by, version)
    for name, value in values.items():
        _require_card_value(name, value)
    card = version.card
    card.origins = {name: origin for name, origin in card.origins.items() if name not in values}
    card.data = {
        key: value
        for key, value in {**card.data, **values}.items()
        if not card_values.is_empty(value)
    }
    _save_card(card)
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "card.edit", version, fields=sorted(values))
    return card


def fill_card_from_facts(version: ModelVersion) -> ModelCard:
    """Write what the product knows by itself into the card: facts (source "auto"), and what was said in the entry or the risk answers."""
    card = version.card
    written = card.written()
    known = card_known.of(version.model, policies.answers_of(version))
    taken = {name: answer for name, answer in known.items() if name not in written}
    card.data = {
        **{name: answer.value for name, answer in taken.items()},
        **written,
        **evidence.card_facts(version),
    }
    card.origins = {
        **{name: origin for name, origin in card.origins.items() if "from" not in origin},
        **{name: {"from": answer.source} for name, answer in taken.items()},
    }
    return _save_card(card)


def _save_card(card: ModelCard) -> ModelCard:
    card.sha256 = digest(card.data)
    card.completeness = policies.card_completeness(card.version).score
    card.save(update_fields=["data", "origins", "sha256", "completeness", "edited_at"])
    return card


def _require_card_value(name: str, value: Any) -> None:
    field = cards.FIELDS_BY_ID.get(name)
    if field is None:
        raise Invalid(f"The card has no field {name[:60]}.", field=name[:60])
    if refusal := card_values.refusal(field, value):
        raise Invalid(f"{field.label}: {refusal}", field=name)
