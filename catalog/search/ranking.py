"""The order of what is found: words (BM25) and meaning (cosine) together, over what the person may see (docs/search.md, "Order").

Everything here is a numpy array with one entry a row of the index.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from catalog.search import embedders
from catalog.search.embedders import Array
from catalog.search.index import Index
from catalog.search.understanding import Question, lexemes_of, stems_of


class Band(StrEnum):
    """How good a match is."""

    GOOD = "good"
    WEAK = "weak"


SATURATION, LENGTH_SHARE = 1.2, 0.3  # k1 and b of BM25
UNIT = 4.0  # weight of a word that stands once in a description (catalog_words has each word twice)
BEGUN = 0.3  # of having a word that begins with what was typed, against having the word
MEANING, WORDS = 0.7, 0.3
LEAST_MEANT = 0.15  # cosine that any two texts of a company have
FULLY_MEANT = 0.45  # the best cosine is worth all of MEANING from here on
FOUND_BY_MEANING, MOST_BY_MEANING = 0.30, 100
FOUND_BY_WORDS = 0.20  # of the telling power of the words that were asked
GOOD_WORDS, GOOD_MEANING = 0.75, 0.38
CLEAR_LEAD = 0.12
# A catalog of fewer counts as one of so many: otherwise a word that all three models have would tell next to nothing.
LEAST_COUNT = 20


@dataclass(frozen=True)
class Ranking:
    """rows: what was found, best first; score, is_good, had: one entry for each of `rows`; is_by_meaning: were meanings compared?

    had  how many of the words that are looked for the whole listing has.
    """

    rows: Array
    score: Array
    is_good: Array
    had: Array
    is_by_meaning: bool
    vector: Array | None = None

    @property
    def is_best_clear(self) -> bool:
        """Does the first one lead clearly?"""
        if not len(self.rows) or not self.is_good[0]:
            return False
        return len(self.rows) == 1 or float(self.score[0] - self.score[1]) >= CLEAR_LEAD


@dataclass(frozen=True)
class WordMatch:
    """score: BM25; share: of the telling power of all words that were asked, 0..1; had: how many of them."""

    score: Array
    share: Array
    had: Array


def rank(index: Index, is_visible: Array, question: Question) -> Ranking:
    """What fits the question among the visible rows."""
    match = match_words(index, is_visible, question.words, question.instead_of)
    vector = embedders.embed_query(question.text)
    meaning = _meaning(index, is_visible, vector, match.share)
    is_near = _near(meaning, is_visible, index)
    is_found = is_visible & ((match.share >= FOUND_BY_WORDS) | is_near)
    score = _fused(index, is_visible, match, meaning, vector is not None)
    rows = by_use(index, is_found)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    is_good = (match.share[rows] >= GOOD_WORDS) | (meaning[rows] >= GOOD_MEANING)
    return Ranking(rows, score[rows], is_good, match.had[rows], vector is not None, vector)


def match_words(
    index: Index, is_visible: Array, words: list[str], instead_of: Mapping[str, str] | None = None
) -> WordMatch:
    """How well each row has the words, by any form, by initials, and the last one by a beginning.

    instead_of  {word: a short word whose meaning it is part of, which counts as it}.
    """
    short = instead_of or {}
    score, share = np.zeros(len(index), np.float32), np.zeros(len(index), np.float32)
    had = np.zeros(len(index), np.int16)
    count, asked = max(int(is_visible.sum()), LEAST_COUNT), 0.0
    visible = index.lengths[is_visible]
    length = index.lengths / max(float(visible.mean()) if len(visible) else 1.0, 1.0)
    norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length)
    stems = stems_of([*words, *short.values()])
    for place, word in enumerate(words):
        lexemes = lexemes_of(word, stems)
        if word in short:
            lexemes += lexemes_of(short[word], stems)
        amount = index.weights_of(lexemes) / UNIT
        if place == len(words) - 1:
            begun = index.weights_of([], word) / UNIT
            amount = np.maximum(amount, BEGUN * begun)
        has = np.flatnonzero((amount > 0) & is_visible)
        number = len(has)
        telling = float(np.log(1 + (count - number + 0.5) / (number + 0.5)))
        asked += telling
        if number:
            score[has] += telling * (amount[has] * (SATURATION + 1) / (amount[has] + norm[has]))
            share[has] += telling
            had[has] += 1
    return WordMatch(score, share / asked if asked else share, had)


def use(index: Index) -> Array:
    """How much a model is trusted and used, for the order without a question and among equals (docs/search.md, "Order")."""
    if "use" not in index.kept:
        facts = index.facts
        ratings = np.maximum(facts["ratings"], 0)
        rating = (np.maximum(facts["rating"], 0) / 100 * ratings + 3.5 * 5) / (ratings + 5)
        service = service_of(index)
        index.kept["use"] = (
            2 * np.log1p(np.maximum(facts["consumers"], 0))
            + 0.5 * np.log10(1 + np.maximum(facts["calls"], 0))
            + (rating - 3.5)
            + 1.0 * (service == MET)
            - 1.0 * (service == MISSED)
            - 3.0 * (facts["status"] != 0)
        ).astype(np.float32)
    kept: Array = index.kept["use"]
    return kept


def by_use(index: Index, is_wanted: Array) -> Array:
    """The wanted rows, most trusted and used first; among equals the older one."""
    if "by_use" not in index.kept:
        index.kept["by_use"] = np.lexsort((index.ids, -use(index)))
    order: Array = index.kept["by_use"]
    wanted: Array = order[is_wanted[order]]
    return wanted


MET, MISSED, TOO_FEW = 0, 1, 2


def service_of(index: Index) -> Array:
    """Whether the stable version keeps its promise: MET, MISSED, TOO_FEW calls to say; -1 where nothing is promised."""
    if "service" not in index.kept:
        facts = index.facts
        is_slow = (facts["promised_p95"] >= 0) & (facts["p95"] > facts["promised_p95"])
        is_away = (facts["promised_availability"] >= 0) & (
            facts["availability"] < facts["promised_availability"]
        )
        is_promised = (facts["promised_p95"] >= 0) | (facts["promised_availability"] >= 0)
        is_measured = facts["availability"] >= 0
        judged = np.where(is_measured, np.where(is_slow | is_away, MISSED, MET), TOO_FEW)
        index.kept["service"] = np.where(is_promised, judged, -1)
    kept: Array = index.kept["service"]
    return kept


def _meaning(index: Index, is_visible: Array, vector: Array | None, share: Array) -> Array:
    """The cosine of each row with the question. A row whose vector is still due is taken by its words."""
    if vector is None:
        return np.zeros(len(index), np.float32)
    cosine: Array = index.vectors @ vector
    is_due = ~index.has_vector
    if is_due.any():
        best = float(cosine[is_visible].max()) if is_visible.any() else 0.0
        cosine = np.where(is_due, share * max(best, FULLY_MEANT), cosine).astype(np.float32)
    return cosine


def _near(meaning: Array, is_visible: Array, index: Index) -> Array:
    """The rows that are found by meaning alone: near enough, and among the nearest."""
    is_near = is_visible & (meaning >= FOUND_BY_MEANING)
    if int(is_near.sum()) > MOST_BY_MEANING:
        least = np.partition(meaning[is_near], -MOST_BY_MEANING)[-MOST_BY_MEANING]
        is_near &= meaning >= least
    return is_near


def _fused(
    index: Index, is_visible: Array, match: WordMatch, meaning: Array, by_meaning: bool
) -> Array:
    """0..1: MEANING and WORDS, each by its best. Cosines that say nothing stay small."""
    most = float(match.score[is_visible].max()) if is_visible.any() else 0.0
    words = match.score / most if most > 0 else match.score
    if not by_meaning:
        return words
    best = max(float(meaning[is_visible].max()) if is_visible.any() else 0.0, FULLY_MEANT)
    meant = np.clip((meaning - LEAST_MEANT) / (best - LEAST_MEANT), 0, 1)
    fused: Array = MEANING * meant + WORDS * words
    return fused
