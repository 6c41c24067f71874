"""Inverted lists: for each lexeme the rows that have it and how much it says there. Immutable, in a few numpy arrays."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from catalog.search.embedders import Array

LAST_LETTER = "\U0010ffff"


@dataclass(frozen=True)
class Document:
    """What is found of one row. `weights`: uint8, one for each lexeme."""

    row: int
    lexemes: list[str]
    weights: Array


@dataclass(frozen=True)
class Postings:
    """`rows[starts[n]:starts[n + 1]]` have the lexeme number n of the sorted `lexemes`, with the `weights` beside them."""

    lexemes: list[str]
    starts: Array
    rows: Array
    weights: Array

    def of(self, lexeme: str) -> slice:
        """Where the entries of a lexeme stand; an empty slice when nobody has it."""
        place = bisect_left(self.lexemes, lexeme)
        if place == len(self.lexemes) or self.lexemes[place] != lexeme:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))

    def beginning(self, word: str) -> slice:
        """Where the entries of all lexemes stand that begin so: they lie side by side."""
        first = bisect_left(self.lexemes, word)
        last = bisect_left(self.lexemes, word + LAST_LETTER)
        return slice(int(self.starts[first]), int(self.starts[last]))

    def entries(self, lexemes: Sequence[str], beginning: str = "") -> tuple[Array, Array]:
        """(rows, weights) of all entries of the lexemes, and of those that begin so."""
        places = [self.of(lexeme) for lexeme in lexemes]
        if beginning:
            places.append(self.beginning(beginning))
        filled = [place for place in places if place.start < place.stop]
        if len(filled) == 1:
            return self.rows[filled[0]], self.weights[filled[0]]
        return (
            np.concatenate([self.rows[place] for place in filled] or [self.rows[:0]]),
            np.concatenate([self.weights[place] for place in filled] or [self.weights[:0]]),
        )

    def words(self) -> Iterator[str]:
        """The lexemes that are words, neither stems nor initials."""
        return (lexeme for lexeme in self.lexemes if lexeme[0] not in "~=")

    def merged(self, is_kept: Array, other: "Postings") -> "Postings":
        """These without the rows that `is_kept` (one truth a row) leaves out, and the others."""
        kept = is_kept[self.rows]
        before = np.concatenate([[0], np.cumsum(kept)])
        mine = Postings(self.lexemes, before[self.starts], self.rows[kept], self.weights[kept])
        return joined([mine, other])


def build(documents: Iterable[Document]) -> Postings:
    """The Postings of documents."""
    documents = list(documents)
    lexemes = sorted(set(chain.from_iterable(document.lexemes for document in documents)))
    numbers = {lexeme: number for number, lexeme in enumerate(lexemes)}
    sizes = [len(document.lexemes) for document in documents]
    of_each = np.fromiter(
        map(numbers.__getitem__, chain.from_iterable(one.lexemes for one in documents)),
        np.int32,
        sum(sizes),
    )
    rows = np.repeat(np.array([one.row for one in documents], np.int32), sizes)
    weights = [one.weights for one in documents]
    return _sorted(
        lexemes, of_each, rows, np.concatenate(weights) if weights else np.zeros(0, np.uint8)
    )


def joined(parts: Sequence[Postings]) -> Postings:
    """The entries of several Postings, each of other rows."""
    lexemes = sorted(set(chain.from_iterable(part.lexemes for part in parts)))
    numbers = {lexeme: number for number, lexeme in enumerate(lexemes)}
    of_each = [
        np.repeat(
            np.array([numbers[lexeme] for lexeme in part.lexemes], np.int32), np.diff(part.starts)
        )
        for part in parts
    ]
    return _sorted(
        lexemes,
        np.concatenate(of_each),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def _sorted(lexemes: list[str], numbers: Array, rows: Array, weights: Array) -> Postings:
    order = np.argsort(numbers, kind="stable")
    starts = np.zeros(len(lexemes) + 1, np.int64)
    np.cumsum(np.bincount(numbers, minlength=len(lexemes)), out=starts[1:])
    return Postings(lexemes, starts, rows[order], weights[order])
