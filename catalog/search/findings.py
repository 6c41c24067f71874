"""Why a model was found: at most three places of its listing, cut around what matched (docs/search.md, "Why it matched")."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from catalog.models import ModelCard, RegisteredModel
from catalog.search import meaning
from catalog.search.embedders import Array
from catalog.search.meaning import Passage
from catalog.search.understanding import stems_of
from catalog.words import words_of

MOST = 3
WORD, MEANING = "word", "meaning"
MEANT = 0.30  # cosine of a passage from which on it is a reason
BEFORE, LENGTH = 32, 110  # characters of a long text that are shown before the match, and in all
TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Part:
    """A piece of text. `kind`: "word" or "meaning" where it is marked, else ""."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Finding:
    """One place that matched: the field's title, and its text, cut, with what matched marked."""

    title: str
    parts: list[Part]
    kind: str


@dataclass(frozen=True)
class Marked:
    """A passage with the spans of the words that were asked, and which of the asked words they are."""

    passage: Passage
    spans: list[tuple[int, int]]
    words: frozenset[str]


def findings_of(
    models: Sequence[RegisteredModel],
    words: Sequence[str],
    vector: Array | None,
    had: Mapping[int, int],
) -> dict[int, list[Finding]]:
    """{model id: its Findings} for the words that were looked for and, with a `vector`, for what was meant.

    models: from for_page(), so that nothing is fetched for each; two queries for all. had: {model id: how many of the words its
    whole listing has}, all where it is not told: a card is only read where it may have more of them.
    """
    said = {
        model.pk: [*meaning.passages_of(model, model.stable), *facts_of(model)] for model in models
    }
    finder = WordFinder(words)
    finder.learn(one for passages in said.values() for one in passages)
    marked = {pk: finder.best(passages) for pk, passages in said.items()}
    missing = [
        model
        for model in models
        if len(marked[model.pk]) < MOST
        and len(_words(marked[model.pk])) < had.get(model.pk, len(words))
    ]
    cards = cards_of(missing)
    finder.learn(one for passages in cards.values() for one in passages)
    for pk, passages in cards.items():
        marked[pk] = finder.best(passages, marked[pk])
    with_room = [pk for pk, found in marked.items() if len(found) < MOST]
    near = meaning.vectors_of(with_room) if vector is not None and with_room else {}
    return {
        pk: [_shown(one) for one in found] + _meant(found, near.get(pk), vector)
        for pk, found in marked.items()
    }


class WordFinder:
    """Finds asked words in texts that it has learnt, in any form; the last one also as a beginning."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        stems = stems_of(words)
        self._by_stem = {stems[word]: word for word in reversed(self.words)}  # the first of each
        self._asked_by: dict[str, str] = {}  # {token: which of the asked words it is}

    def learn(self, passages: Iterable[Passage]) -> None:
        """Look at each token of the passages once. One query for their stems at most."""
        tokens = frozenset().union(*(_tokens(passage.text) for passage in passages))
        if self.words:
            stems = stems_of(part for token in tokens for part in _parts(token))
            asked = {token: self._asked(token, stems) for token in tokens}
            self._asked_by |= {token: word for token, word in asked.items() if word}

    def best(self, passages: Iterable[Passage], found: Sequence[Marked] = ()) -> list[Marked]:
        """At most MOST of the passages, after those `found`: each has a word that those before it lack, or is left out."""
        marked = [one for passage in passages if (one := self._mark(passage)).spans]
        chosen = list(found)
        while len(chosen) < MOST and marked:
            known = _words(chosen)
            best = max(marked, key=lambda one: len(one.words - known))
            if chosen and not best.words - known:
                break
            chosen.append(best)
            marked.remove(best)
        return chosen

    def _mark(self, passage: Passage) -> Marked:
        if _tokens(passage.text).isdisjoint(self._asked_by):
            return Marked(passage, [], frozenset())
        found = [
            (match.span(), self._asked_by[match.group()])
            for match in TOKEN.finditer(passage.text)
            if match.group() in self._asked_by
        ]
        return Marked(passage, [span for span, _ in found], frozenset(word for _, word in found))

    def _asked(self, token: str, stems: dict[str, str]) -> str:
        """Which of the asked words the token is; "" when none."""
        for part in _parts(token):
            if word := self._by_stem.get(stems[part]):
                return word
            if part.startswith(self.words[-1]):
                return self.words[-1]
        return ""


@lru_cache(maxsize=5_000)
def _tokens(text: str) -> frozenset[str]:
    return frozenset(TOKEN.findall(text))


@lru_cache(maxsize=50_000)
def _parts(token: str) -> tuple[str, ...]:
    return tuple(words_of(token))


def _words(marked: Iterable[Marked]) -> frozenset[str]:
    return frozenset().union(*(one.words for one in marked))


def facts_of(model: RegisteredModel) -> list[Passage]:
    """What stands in few words beside the texts."""
    return [
        Passage("Capability", model.capability.name),
        Passage("Domain", model.domain.name),
        Passage("Model type", model.model_type.name),
        Passage("Team", model.owner_team.name),
        Passage("Owner", str(model.owner)),
        Passage("Unit", model.owner_team.business_unit.name),
        Passage("Version", model.stable.number if model.stable else ""),
    ]


def cards_of(models: Sequence[RegisteredModel]) -> dict[int, list[Passage]]:
    """{model id: the texts of its stable version's card}."""
    cards = ModelCard.objects.filter(
        version__in=[model.stable.pk for model in models if model.stable]
    ).values_list("version__model_id", "data")
    return {
        pk: [Passage("Model card", text) for value in data.values() for text in _texts(value)]
        for pk, data in cards
    }


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def _shown(marked: Marked) -> Finding:
    """The text of a passage, cut so that the first match shows."""
    text, spans = marked.passage.text, marked.spans
    start = max(0, spans[0][0] - BEFORE) if len(text) > LENGTH else 0
    end = min(len(text), start + LENGTH)
    parts, place = [Part("…")] if start else [], start
    for first, last in spans:
        if first < place or first >= end:
            continue
        if first > place:
            parts.append(Part(text[place:first]))
        parts.append(Part(text[first : min(last, end)], WORD))
        place = min(last, end)
    if place < end:
        parts.append(Part(text[place:end]))
    if end < len(text):
        parts.append(Part("…"))
    return Finding(marked.passage.title, parts, WORD)


def _meant(
    found: list[Marked], near: tuple[list[Passage], Array] | None, vector: Array | None
) -> list[Finding]:
    """The passages that are nearest in meaning and were not found by words, as far as there is room for them."""
    if near is None or vector is None:
        return []
    passages, vectors = near
    told = {one.passage.text for one in found}
    cosines = vectors @ vector
    best = sorted(range(len(passages)), key=lambda place: -cosines[place])
    room = min(MOST - len(found), 2 if not found else 1)
    chosen = [
        passages[place]
        for place in best
        if cosines[place] >= MEANT and passages[place].text not in told
    ]
    return [
        Finding(
            one.title,
            [Part(one.text, MEANING)]
            if len(one.text) <= LENGTH
            else [Part(one.text[:LENGTH].rsplit(" ", 1)[0], MEANING), Part("…")],
            MEANING,
        )
        for one in chosen[: max(room, 0)]
    ]
