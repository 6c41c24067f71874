"""What is offered while somebody types: models, teams, people and tags, by words and beginnings (docs/search.md, "While typing")."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from catalog.models import RegisteredModel
from catalog.search.embedders import Array
from catalog.search.findings import Part, findings_of
from catalog.search.index import Index, current
from catalog.search.ranking import use
from catalog.search.results import visible_rows
from catalog.search.understanding import LONGEST_QUERY, content_words, lexemes_of, stems_of
from catalog.words import words_of
from marketplace.accounts.models import Team, User


@dataclass(frozen=True)
class SuggestedModel:
    """A model, and the place that matched: the field's title and its text, marked."""

    model: RegisteredModel
    title: str
    parts: list[Part]


@dataclass(frozen=True)
class SuggestedTeam:
    slug: str
    name: str
    count: int


@dataclass(frozen=True)
class SuggestedPerson:
    username: str
    name: str
    count: int


@dataclass(frozen=True)
class SuggestedTag:
    tag: str
    count: int


@dataclass(frozen=True)
class Suggestions:
    """At most `limit` of each kind. `count`: how many models that the person sees there are of it."""

    models: list[SuggestedModel] = field(default_factory=list)
    teams: list[SuggestedTeam] = field(default_factory=list)
    people: list[SuggestedPerson] = field(default_factory=list)
    tags: list[SuggestedTag] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.models or self.teams or self.people or self.tags)


def suggest(user: User, text: str, limit: int = 5) -> Suggestions:
    """What the person may mean by the beginning of a question."""
    words = content_words(text[:LONGEST_QUERY])
    if not words:
        return Suggestions()
    index = current()
    is_visible = visible_rows(index, user)
    return Suggestions(
        _models(index, is_visible, words, limit),
        [SuggestedTeam(*row) for row in _named(index, is_visible, "team", words, limit)],
        [SuggestedPerson(*row) for row in _named(index, is_visible, "owner", words, limit)],
        _tags(index, is_visible, words, limit),
    )


def _models(index: Index, is_visible: Array, words: list[str], limit: int) -> list[SuggestedModel]:
    """Models that have all words, the last one as a beginning; where none has all, those that have most."""
    stems = stems_of(words)
    had, amount = np.zeros(len(index), np.int32), np.zeros(len(index), np.float32)
    for word in words:
        weights = index.weights_of(lexemes_of(word, stems), word if word == words[-1] else "")
        had += weights > 0
        amount += np.sqrt(weights)
    is_found = is_visible & (had > 0)
    if not is_found.any():
        return []
    rows = np.flatnonzero(is_found & (had == had[is_found].max()))
    fit = amount + 0.1 * use(index)
    if len(rows) > limit:  # only what may be among the first is put in order
        rows = rows[fit[rows] >= np.partition(fit[rows], -limit)[-limit]]
    rows = rows[np.lexsort((index.ids[rows], -fit[rows]))][:limit]
    ids = index.ids[rows].tolist()
    seen = RegisteredModel.objects.published().for_page().filter(pk__in=ids)
    models = sorted(seen, key=lambda model: ids.index(model.pk))
    findings = findings_of(models, words, None, dict(zip(ids, had[rows].tolist(), strict=True)))
    return [
        SuggestedModel(model, found[0].title if found else "", found[0].parts if found else [])
        for model in models
        for found in (findings[model.pk],)
    ]


def _named(
    index: Index, is_visible: Array, fact: str, words: list[str], limit: int
) -> Iterable[tuple[str, str, int]]:
    """(slug or username, name, count) of the teams or owners of visible models whose name has all words, most models first."""
    if fact not in index.kept:
        index.kept[fact] = _names(index, fact)
    places, names = index.kept[fact]
    counts = np.bincount(places[is_visible], minlength=len(names)).tolist()
    found = [
        (key, name, count)
        for (key, name, parts), count in zip(names, counts, strict=True)
        if count and _has_all(parts, words)
    ]
    return sorted(found, key=lambda row: (-row[2], row[1]))[:limit]


def _names(index: Index, fact: str) -> tuple[Array, list[tuple[str, str, list[str]]]]:
    """(the place of each row's team or owner, their (slug or username, name, words of both))."""
    ids, places = np.unique(index.facts[fact], return_inverse=True)
    kind, key = (Team, "slug") if fact == "team" else (User, "username")
    known = kind.objects.in_bulk(ids.tolist())
    named = [
        (getattr(row, key), str(row)) if row else ("", "") for row in map(known.get, ids.tolist())
    ]
    return places, [(key, name, words_of(f"{name} {key}")) for key, name in named]


def _tags(index: Index, is_visible: Array, words: list[str], limit: int) -> list[SuggestedTag]:
    found = [
        SuggestedTag(tag, count)
        for tag, rows in index.by_tag.items()
        if _has_all(_words_of(tag), words) and (count := int(is_visible[rows].sum()))
    ]
    return sorted(found, key=lambda one: (-one.count, one.tag))[:limit]


@lru_cache(maxsize=50_000)
def _words_of(tag: str) -> list[str]:
    return words_of(tag)


def _has_all(parts: list[str], words: list[str]) -> bool:
    """Does each word stand there, the last one perhaps only begun?"""
    return all(word in parts for word in words[:-1]) and any(
        part.startswith(words[-1]) for part in parts
    )
