"""The form of the model card: what the version's risk asks for, in sections, without what the product knows already."""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from catalog.models import ModelVersion
from governance import card_known, card_values, cards, policies, tiering
from governance.card_known import KnownAnswer
from marketplace.core.forms import LineField
from publishing import card_facts
from publishing.actions.cards import Conflict
from publishing.card_texts import as_text, as_value, fingerprint

SEEN = "seen."  # before a field's name: the fingerprint of what its writer saw
ASKED = [field for field in cards.FIELDS if field.source != "auto"]


@dataclass(frozen=True)
class CardState:
    """What the form needs to know about a version's card.

    values    what is written on the card itself: field id → value.
    required  ids of the fields that the version's risk asks for.
    missing   ids of those without an answer.
    known     what follows from elsewhere: field id → KnownAnswer.
    stale     facts about former files: field id → the version that had them.
    """

    values: dict[str, Any]
    required: frozenset[str]
    missing: frozenset[str]
    known: dict[str, KnownAnswer]
    stale: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, version: ModelVersion, completeness: cards.Completeness) -> "CardState":
        answers = policies.answers_of(version)
        conditions = tiering.conditions(answers)
        tier = version.risk_tier or "low"
        return cls(
            version.card.written(),
            frozenset(
                field.id
                for field in policies.rules_of(version).fields
                if field.source != "auto" and field.is_required(tier, conditions)
            ),
            frozenset(item.field.id for item in completeness.missing),
            card_known.of(version.model, answers),
            card_facts.stale(version),
        )


@dataclass(frozen=True)
class FormEntry:
    """A field of the card.

    seen   the fingerprint of what its writer saw; it goes back with what is typed.
    known  the answer from elsewhere that stands while nothing is written here.
    stale  the version about whose files it was written; "" for the present files.
    """

    field: forms.BoundField
    seen: str
    is_required: bool
    is_missing: bool
    known: KnownAnswer | None
    stale: str = ""


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
    def stale(self) -> int:
        return sum(bool(entry.stale) for entry in self.fields)

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
        self.overtaken: dict[str, str] = {}
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
        """values: what was sent and can be kept; seen: the fingerprints that came with it; still_true: ids of confirmed facts."""
        data = super().clean() or {}
        typed = {
            name: as_value(cards.FIELDS_BY_ID[name], text)
            for name, text in data.items()
            if name in self.data
        }
        for name, value in typed.items():
            if refusal := card_values.refusal(cards.FIELDS_BY_ID[name], value):
                self.add_error(name, refusal)
        kept = {name: value for name, value in typed.items() if name not in self.errors}
        seen = {name: self.data[SEEN + name] for name in kept if SEEN + name in self.data}
        return {"values": kept, "seen": seen, "still_true": self._still_true()}

    def _still_true(self) -> list[str]:
        return self.data.getlist("still_true") if isinstance(self.data, QueryDict) else []

    def mark(self, conflicts: Iterable[Conflict]) -> None:
        """Say at its field what somebody else wrote meanwhile; who saves again has seen it."""
        for conflict in conflicts:
            says = f"It says now: “{conflict.text}”." if conflict.text else "It is empty now."
            self.add_error(
                conflict.field, f"{conflict.sentence} {says} Save again to put yours in its place."
            )
            self.overtaken[conflict.field] = conflict.seen

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
                    self._seen(field.id),
                    field.id in self.state.required,
                    field.id in self.state.missing,
                    None if written else self.state.known.get(field.id),
                    self.state.stale.get(field.id, ""),
                )

    def _seen(self, name: str) -> str:
        sent = self.data.get(SEEN + name) if self.is_bound else None
        return self.overtaken.get(name) or sent or fingerprint(self.state.values.get(name))

    def _open(self, entries: dict[str, list[FormEntry]], chosen: str) -> Collection[str]:
        wrong = {cards.FIELDS_BY_ID[name].section for name in self.errors if name in self.fields}
        if wrong or chosen in entries:
            return wrong or {chosen}
        unfinished: Iterable[str] = (
            section
            for section, found in entries.items()
            if any(one.is_missing or one.stale for one in found)
        )
        return {next(iter(unfinished), "")}


def _form_field(field: cards.CardField) -> forms.Field:
    said = f"{field.why} One a line." if field.widget == "list" else field.why
    shared: dict[str, Any] = {"label": field.label, "help_text": said, "required": False}
    if field.widget == "choice":
        return forms.ChoiceField(choices=[("", "Choose"), *field.choices], **shared)
    if field.widget == "number":
        return forms.FloatField(min_value=0, max_value=card_values.LARGEST, **shared)
    if field.widget == "text":
        return LineField(max_length=card_values.LINE, **shared)
    return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), **shared)
