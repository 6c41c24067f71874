"""The form of the model card: what the version's risk asks for, in sections, without what the product knows already."""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django import forms

from catalog.models import ModelVersion
from governance import card_known, card_values, cards, policies, tiering
from governance.card_known import KnownAnswer
from marketplace.core import json_reader
from marketplace.core.forms import LineField
from marketplace.core.json_reader import Malformed, Unusable

ASKED = [field for field in cards.FIELDS if field.source != "auto"]


@dataclass(frozen=True)
class CardState:
    """What the form needs to know about a version's card.

    values    what is written on the card itself: field id → value.
    required  ids of the fields that the version's risk asks for.
    missing   ids of those without an answer.
    known     what follows from elsewhere: field id → KnownAnswer.
    """

    values: dict[str, Any]
    required: frozenset[str]
    missing: frozenset[str]
    known: dict[str, KnownAnswer]

    @classmethod
    def of(cls, version: ModelVersion, completeness: cards.Completeness) -> "CardState":
        answers = policies.answers_of(version)
        conditions = tiering.conditions(answers)
        tier = version.risk_tier or "low"
        return cls(
            version.card.written(),
            frozenset(field.id for field in ASKED if field.is_required(tier, conditions)),
            frozenset(item.field.id for item in completeness.missing),
            card_known.of(version.model, answers),
        )


@dataclass(frozen=True)
class FormEntry:
    """A field of the card. known: the answer from elsewhere that stands while nothing is written here."""

    field: forms.BoundField
    is_required: bool
    is_missing: bool
    known: KnownAnswer | None


@dataclass(frozen=True)
class FormSection:
    """A part of the card as the form shows it: of `needed` required fields, `done` have an answer. following: the next one's id."""

    id: str
    title: str
    purpose: str
    fields: list[FormEntry]
    is_open: bool
    following: str

    @property
    def needed(self) -> int:
        return sum(entry.is_required for entry in self.fields)

    @property
    def done(self) -> int:
        return self.needed - sum(entry.is_missing for entry in self.fields)


class CardForm(forms.Form):
    """What is asked at the version's risk, and what is written already; `everything` shows the whole schema.

    What was typed into a field that is not asked any more is taken too: the risk answers may have changed meanwhile.
    """

    def __init__(self, *args: Any, state: CardState, everything: bool = False) -> None:
        posted = args[0] if args else None
        self.state = state
        asked = [
            field
            for field in ASKED
            if everything
            or field.id in state.required
            or field.id in state.values
            or (posted or {}).get(field.id)
        ]
        super().__init__(
            posted, initial={field.id: as_text(state.values.get(field.id)) for field in asked}
        )
        for field in asked:
            self.fields[field.id] = _form_field(field)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        typed = {name: as_value(cards.FIELDS_BY_ID[name], text) for name, text in data.items()}
        for name, value in typed.items():
            if refusal := card_values.refusal(cards.FIELDS_BY_ID[name], value):
                self.add_error(name, refusal)
        return {"values": typed}

    def sections(self, chosen: str = "") -> list[FormSection]:
        """What the form asks, in the schema's order. Open is the chosen section, or what is wrong, or the first that is not done."""
        parts = [
            (section, entries)
            for section in cards.SECTIONS
            if (entries := list(self._entries(section[0])))
        ]
        is_open = self._open({section[0]: entries for section, entries in parts}, chosen)
        following = [section[0] for section, _ in parts[1:]] + [""]
        return [
            FormSection(*section, entries, section[0] in is_open, after)
            for (section, entries), after in zip(parts, following, strict=True)
        ]

    def _entries(self, section: str) -> Iterator[FormEntry]:
        for field in ASKED:
            if field.section == section and field.id in self.fields:
                written = field.id in self.state.values or field.id in self.errors
                yield FormEntry(
                    self[field.id],
                    field.id in self.state.required,
                    field.id in self.state.missing,
                    None if written else self.state.known.get(field.id),
                )

    def _open(self, entries: dict[str, list[FormEntry]], chosen: str) -> Collection[str]:
        wrong = {cards.FIELDS_BY_ID[name].section for name in self.errors if name in self.fields}
        if wrong or chosen in entries:
            return wrong or {chosen}
        unfinished: Iterable[str] = (
            section for section, found in entries.items() if any(one.is_missing for one in found)
        )
        return {next(iter(unfinished), "")}


def as_text(value: Any) -> Any:
    """A value of the card as a control shows it."""
    if isinstance(value, list):
        return "\n".join(
            item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            for item in value
        )
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def as_value(field: cards.CardField, text: Any) -> Any:
    """What was typed, as the card keeps it: lists by line, objects from JSON."""
    if field.widget == "list" and isinstance(text, str):
        return [_object_or_text(line.strip()) for line in text.splitlines() if line.strip()]
    return _object_or_text(text) if isinstance(text, str) else text


def _object_or_text(text: str) -> Any:
    if text.startswith("{"):
        with suppress(Malformed, Unusable):
            return json_reader.read(text)
    return text


def _form_field(field: cards.CardField) -> forms.Field:
    said = f"{field.why} One a line." if field.widget == "list" else field.why
    shared: dict[str, Any] = {"label": field.label, "help_text": said, "required": False}
    if field.choices:
        return forms.ChoiceField(choices=[("", "Choose"), *field.choices], **shared)
    if field.widget == "number":
        return forms.FloatField(min_value=0, max_value=card_values.LARGEST, **shared)
    if field.widget == "text":
        return LineField(max_length=card_values.LINE, **shared)
    return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), **shared)
