"""What a person has put aside to compare, kept in the session (docs/comparison.md, "Tray")."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.sessions.backends.base import SessionBase

from catalog.models import RegisteredModel
from marketplace.accounts.models import User

MOST = 4  # columns that a person can read side by side
KEY = "tray"
PICK = re.compile(r"(?P<slug>[-a-z0-9_]{1,80})(@(?P<number>[-a-z0-9.]{1,30}))?")


@dataclass(frozen=True)
class Pick:
    """A model, or one version of it: "income-verification", "income-verification@2.0.0"."""

    slug: str
    number: str = ""

    def __str__(self) -> str:
        return f"{self.slug}@{self.number}" if self.number else self.slug


@dataclass(frozen=True)
class Entry:
    """A pick that the person may see, as the tray shows it. number: "" before the model's first publication."""

    pick: Pick
    model: RegisteredModel
    number: str


@dataclass(frozen=True)
class Tray:
    """The tray at the foot of the window. is_refused: something was not taken, because the tray is full."""

    entries: list[Entry]
    is_refused: bool = False

    @property
    def room(self) -> int:
        return MOST - len(self.entries)

    @property
    def picks(self) -> list[str]:
        return [str(entry.pick) for entry in self.entries]

    @property
    def can_compare(self) -> bool:
        return len(self.entries) > 1


def picks_of(texts: Iterable[str]) -> list[Pick]:
    """The picks that an address or a session names, each once, in order. What is no pick is left out."""
    found = (PICK.fullmatch(text.strip().lower()) for text in texts)
    return list(dict.fromkeys(Pick(one["slug"], one["number"] or "") for one in found if one))


def kept(session: SessionBase) -> list[Pick]:
    """What the session keeps."""
    return picks_of(session.get(KEY, []))[:MOST]


def keep(session: SessionBase, picks: Iterable[Pick]) -> None:
    """Let the tray hold these, at most MOST, and write the session only when that is news."""
    texts = [str(pick) for pick in picks][:MOST]
    if texts != session.get(KEY, []):
        session[KEY] = texts


def of(user: User, picks: list[Pick]) -> Tray:
    """The Tray of these picks: those that the person may see. One query for the models, one for their versions."""
    if not picks:
        return Tray([])
    models = (
        RegisteredModel.objects.visible_to(user)
        .for_list()
        .in_bulk([pick.slug for pick in picks], field_name="slug")
    )
    seen = [(pick, models[pick.slug]) for pick in picks if pick.slug in models]
    entries = [
        Entry(pick, model, pick.number or (model.stable.number if model.stable else ""))
        for pick, model in seen
    ]
    return Tray(entries)
