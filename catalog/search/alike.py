"""Models that may do the same already, and why it seems so (docs/search.md, "Models alike")."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet

from catalog.models import RegisteredModel
from catalog.search import embedders
from catalog.search.embedders import Array
from catalog.search.index import Index, current
from catalog.search.meaning import gist
from catalog.search.ranking import match_words
from catalog.search.understanding import content_words, lexemes_of, stems_of, understand

# Any model predicts, scores or estimates something: these words say nothing about what it is for.
ANY_MODEL = frozenset(
    "predict predicting predicted prediction estimate estimating estimated estimator score scoring scored classify classifie"
    " classifying rank ranking detect detecting detection forecast model real time next year month day based how likely"
    " chance probability new within".split()
)
RELATED, SIMILAR_ENOUGH = 0.40, 0.60  # shown; a reason for another one is asked for
# How alike words are (TF-IDF) on the scale of meaning (cosine), for models whose vectors are not there.
BY_WORDS, AS_MEANT = (0.0, 0.10, 0.20, 1.0), (0.0, RELATED, SIMILAR_ENOUGH, 1.0)
TELLING_WORDS = 12  # of a text by which models like it are looked for: the rarest
CANDIDATES = 1_000  # models that are looked at to find those like one
COMPARED = 40  # of them, by their words


@dataclass(frozen=True)
class Alike:
    """A model that may already do what a text says, and why it seems so."""

    model: RegisteredModel
    score: float  # 0..1: how near in meaning; by words where there is no vector
    words: list[str]  # that both have, the most telling first


def similar_to(
    models: "QuerySet[RegisteredModel]", name: str, summary: str, limit: int = 5
) -> list[Alike]:
    """Models of `models` (published ones) that may already do what `name` and `summary` say, best first; those from RELATED on.

    From SIMILAR_ENOUGH on, who registers another one says why.
    """
    text = f"{name}. {summary}"
    if not content_words(text):
        return []
    index = current()
    vector = embedders.embed_query(text) if index.has_vector.any() else None
    return _alike(index, models, text, vector, limit)


def like(models: "QuerySet[RegisteredModel]", model: RegisteredModel, limit: int) -> list[Alike]:
    """Models of `models` (published ones) like `model`, best first."""
    index = current()
    others = models.exclude(pk=model.pk)
    return _alike(index, others, gist(model), _vector_of(index, model), limit)


def scores(models: "QuerySet[RegisteredModel]", model: RegisteredModel) -> dict[int, float]:
    """{id: score} of those of `models` that are like `model`; all of them are compared."""
    index = current()
    compared = _compared(index, list(models), gist(model), _vector_of(index, model))
    return {one.model.pk: one.score for one in compared}


def _vector_of(index: Index, model: RegisteredModel) -> Array | None:
    """The model's own vector, else one of what it says in short."""
    row = index.row_of.get(model.pk)
    if row is not None and index.has_vector[row]:
        return np.array(index.vectors[row])
    return embedders.embed_query(gist(model)) if index.has_vector.any() else None


def _alike(
    index: Index,
    models: "QuerySet[RegisteredModel]",
    text: str,
    vector: Array | None,
    limit: int,
) -> list[Alike]:
    ids = index.ids[candidates(index, text, vector)].tolist()
    seen = models.filter(pk__in=ids).order_by()
    visible = set(seen.values_list("pk", flat=True))
    best = [pk for pk in ids if pk in visible][:COMPARED]
    return _compared(index, list(seen.filter(pk__in=best)), text, vector)[:limit]


def _compared(
    index: Index, models: list[RegisteredModel], text: str, vector: Array | None
) -> list[Alike]:
    """Those of `models` that are related, best first."""
    weights, alike = Weights(index), []
    for model in models:
        by_words, words = weights.likeness(text, gist(model))
        score = float(np.interp(by_words, BY_WORDS, AS_MEANT))
        row = index.row_of.get(model.pk, -1)
        if vector is not None and row >= 0 and index.has_vector[row]:
            score = float(np.clip(index.vectors[row] @ vector, 0, 1))
        alike.append(Alike(model, score, words))
    related = [one for one in alike if one.score >= RELATED]
    return sorted(related, key=lambda one: (-one.score, one.model.name))


def candidates(index: Index, text: str, vector: Array | None) -> list[int]:
    """The rows of published models that may be like it, most promising first: half by meaning, half by words."""
    is_published = index.facts["is_published"] == 1
    words = understand(index, is_published, text).words
    stems = stems_of(words)
    telling = [word for word in words if word not in ANY_MODEL]
    rare = sorted(telling, key=lambda word: rows_with(index, is_published, lexemes_of(word, stems)))
    match = match_words(index, is_published, rare[:TELLING_WORDS])
    score = match.share
    if vector is not None:
        score = np.where(index.has_vector, np.maximum(index.vectors @ vector, 0), score)
    score = np.where(is_published, score, 0)
    rows = np.flatnonzero(score > 0)
    order = np.lexsort((index.ids[rows], -score[rows]))
    kept: list[int] = rows[order][:CANDIDATES].tolist()
    return kept


def likeness(weights: "Weights", text: str, model: RegisteredModel) -> float:
    """How alike the words of a text and of a model's gist are, on the scale of RELATED and SIMILAR_ENOUGH."""
    by_words, _ = weights.likeness(text, gist(model))
    return float(np.interp(by_words, BY_WORDS, AS_MEANT))


def rows_with(index: Index, is_counted: Array, lexemes: list[str]) -> int:
    """How many of the counted rows have one of the lexemes; all of them where none has, because that tells nothing."""
    number = int(((index.weights_of(lexemes) > 0) & is_counted).sum())
    return number or len(index)


class Weights:
    """How telling words are: the logarithm of one more than the share of the open listings that a word singles out (IDF)."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.is_open = (index.facts["is_published"] == 1) & (index.facts["is_open"] == 1)
        self.count = max(int(self.is_open.sum()), 1)
        self.kept: dict[str, float] = {}

    def likeness(self, first: str, second: str) -> tuple[float, list[str]]:
        """How alike the words of two texts are, 0..1: the cosine of their words, rare ones weighing more. (score, shared words)."""
        one, other = self._telling(first), self._telling(second)
        shared = sorted(one.keys() & other.keys(), key=lambda stem: (-one[stem][0], stem))
        length = math.sqrt(_squares(one, one) * _squares(other, other))
        score = _squares(one, shared) / length if length else 0.0
        return score, [one[stem][1] for stem in shared]

    def _telling(self, text: str) -> dict[str, tuple[float, str]]:
        """{stem: (weight, the word as it stands)} of the words that say what a model is about."""
        words = content_words(text)
        stems = stems_of(words)
        return {
            stems[word]: (self._weight(word, stems), word)
            for word in words
            if word not in ANY_MODEL and stems[word] not in ANY_MODEL
        }

    def _weight(self, word: str, stems: dict[str, str]) -> float:
        stem = stems[word]
        if stem not in self.kept:
            amounts = self.index.weights_of([stem, f"~{stem}"])
            number = int(((amounts > 0) & self.is_open).sum())
            self.kept[stem] = math.log(1 + self.count / max(number, 1))
        return self.kept[stem]


def _squares(weighted: dict[str, tuple[float, str]], stems: Iterable[str]) -> float:
    return sum(weighted[stem][0] ** 2 for stem in stems)
