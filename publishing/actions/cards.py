"""Verbs of the model card."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from catalog.actions import contributed
from catalog.models import Contribution, ModelCard, ModelVersion
from governance import card_known, card_values, cards, policies
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.audit.models import AuditEvent
from marketplace.core.canonical import digest
from marketplace.core.errors import Invalid
from publishing import card_facts, evidence
from publishing.actions.editing import hold_editable
from publishing.card_texts import as_text, fingerprint


@dataclass(frozen=True)
class Conflict:
    """A field that somebody else wrote after its writer had read it.

    text      what it says now, as a control shows it.
    seen      the fingerprint of that.
    sentence  who wrote it when.
    """

    field: str
    text: str
    seen: str
    sentence: str


@transaction.atomic
def merge_card(
    by: User, version: ModelVersion, values: dict[str, Any], seen: Mapping[str, str]
) -> list[Conflict]:
    """Write the fields that `by` changed, unless somebody else changed them since `by` read them. Returns the Conflicts.

    seen: field id → fingerprint of what `by` read (publishing.card_texts). A value like it was not changed; a field without
    one is written as it is. Rule: docs/governance.md, "Two writers". Raises what edit_card raises.
    """
    hold_editable(by, version)
    version.card.refresh_from_db()
    current = {name: fingerprint(version.card.written().get(name)) for name in values}
    given = {name: fingerprint(value) for name, value in values.items()}
    changed = [name for name in values if given[name] != seen.get(name)]
    overtaken = [
        name for name in changed if name in seen and current[name] not in (seen[name], given[name])
    ]
    if writes := {
        name: values[name]
        for name in changed
        if name not in overtaken and current[name] != given[name]
    }:
        edit_card(by, version, writes)
    return [_conflict(by, version, name, current[name]) for name in overtaken]


@transaction.atomic
def edit_card(by: User, version: ModelVersion, values: dict[str, Any]) -> ModelCard:
    """Set card fields (field id → value). An emptied field is removed. Returns the ModelCard.

    Raises Invalid, naming the field, for ids that the card does not have and values that its schema does not take.
    """
    hold_editable(by, version)
    for name, value in values.items():
        _require_card_value(name, value)
    card = version.card
    card.origins = {
        **{name: origin for name, origin in card.origins.items() if name not in values},
        **_said_now(version, values),
    }
    card.data = {
        key: value
        for key, value in {**card.data, **values}.items()
        if not card_values.is_empty(value)
    }
    _save_card(card)
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "card.edit", version, fields=sorted(values))
    return card


@transaction.atomic
def confirm_card_facts(by: User, version: ModelVersion, names: Collection[str]) -> ModelCard:
    """Say that facts about former files hold for the present ones too. Others than stale ones are left alone. Returns the ModelCard."""
    hold_editable(by, version)
    version.card.refresh_from_db()
    confirmed = sorted(card_facts.stale(version).keys() & set(names))
    if not confirmed:
        return version.card
    version.card.origins |= _said_now(version, confirmed)
    version.card.save(update_fields=["origins", "edited_at"])
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "card.confirm", version, fields=confirmed)
    return version.card


def _said_now(version: ModelVersion, names: Collection[str]) -> dict[str, dict[str, str]]:
    """The origins of facts that somebody says about the files that the version has now."""
    about = cards.ABOUT_FILES.intersection(names)
    origin = card_facts.origin_of(version) if about else {}
    return {name: origin for name in about if origin}


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


def _conflict(by: User, version: ModelVersion, name: str, seen: str) -> Conflict:
    text = str(as_text(version.card.written().get(name)) or "")
    event = AuditEvent.objects.filter(
        action="card.edit",
        object_type=version._meta.label_lower,
        object_id=str(version.pk),
        detail__fields__contains=[name],
    ).first()
    who = "You, in another window," if event and event.actor == by else event and event.actor
    when = f" at {event.at:%H:%M} UTC" if event else ""
    return Conflict(
        name, text, seen, f"{who or 'Somebody'} changed this{when}, after this page had read it."
    )


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
