"""What was asked: the words that tell something, corrected where nobody's listing has them (docs/search.md, "Spelling")."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from django.db import connection
from rapidfuzz import fuzz, process

from catalog.models import GlossaryEntry
from catalog.search import embedders
from catalog.search.embedders import Array
from catalog.search.index import Index
from catalog.words import words_of

STOP = frozenset(
    "a an and are as at be by can could do does find for from has have how i in is it its me model models my need of on "
    "or our out should some somebody someone that the their them they this to use want was we what when where which "
    "who will with would you your".split()
)
LONGEST_QUERY = 1000  # characters
MOST_WORDS = 40  # the rest of a long text adds nothing to the order of what is found
LONGEST_WORD = 40  # characters: a longer one is no word of a language, and no listing has it
CORRECTED_FROM = 4  # letters; shorter words are left as they were typed
MOST_CORRECTED = 12  # words of one query that are compared with every known word
NEAR = 80  # rapidfuzz ratio
GUESSES = 8
LONGEST_INITIALS = 6
KEPT_STEMS = 100_000
_stems: dict[str, str] = {}


@dataclass(frozen=True)
class Question:
    """words: what is looked for; corrections: {word as typed: word that is looked for}; text: the text with these.

    read_as  {short word as typed: its meaning}, by the glossary; instead_of: {word of a meaning: the short word, which counts as it}.
    """

    words: list[str]
    text: str
    corrections: dict[str, str] = field(default_factory=dict)
    read_as: dict[str, str] = field(default_factory=dict)
    instead_of: dict[str, str] = field(default_factory=dict)

    @property
    def marked(self) -> list[str]:
        """The words that are marked in what was found."""
        return [*self.read_as, *self.words]


def content_words(text: str) -> list[str]:
    """The words that carry meaning, as words_of has them; at most MOST_WORDS of the first LONGEST_QUERY characters.

    Where none does, all: a model may be called "The One".
    """
    words = [word for word in words_of(text[:LONGEST_QUERY]) if len(word) <= LONGEST_WORD]
    return ([word for word in words if word not in STOP] or words)[:MOST_WORDS]


def stems_of(words: Iterable[str]) -> dict[str, str]:
    """{word: its English stem, as Postgres has it; the word itself where English has none}. Kept in this process."""
    words = set(words)
    if missing := [word for word in words if word not in _stems]:
        if len(_stems) > KEPT_STEMS:
            _stems.clear()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT word, coalesce((ts_lexize('english_stem', word))[1], word) FROM unnest(%s::text[]) AS word",
                [missing],
            )
            _stems.update(cursor.fetchall())
    return {word: _stems.get(word, word) for word in words}


def lexemes_of(word: str, stems: dict[str, str]) -> list[str]:
    """What a listing has in its document when it has this word, in any form."""
    stem = stems[word]
    lexemes = [stem, f"~{stem}"] if stem != word else [word, f"~{word}"]
    if 2 <= len(word) <= LONGEST_INITIALS:
        lexemes.append(f"={word}")
    return lexemes if word in lexemes else [*lexemes, word]


def understand(index: Index, is_visible: Array, text: str, *, exact: bool = False) -> Question:
    """The Question in a text. `exact`: nothing is corrected. `is_visible` says whose words count."""
    text = text[:LONGEST_QUERY]
    words = content_words(text)
    if exact or not words:
        return Question(list(dict.fromkeys(words)), text)
    known = glossary(index)
    read_as = {word: known[word] for word in words if word in known}
    others = [word for word in words if word not in read_as]
    corrections = corrections_of(index, is_visible, others) if others else {}
    instead_of = {part: word for word, said in read_as.items() for part in content_words(said)}
    looked_for = [
        part
        for word in words
        for part in (
            content_words(read_as[word]) if word in read_as else [corrections.get(word, word)]
        )
    ]
    return Question(
        list(dict.fromkeys(looked_for))[:MOST_WORDS],
        _replaced(text, corrections | read_as),
        corrections,
        read_as,
        instead_of,
    )


def glossary(index: Index) -> dict[str, str]:
    """{short word: its meaning}; kept with the index, for as long as figures are."""
    if "glossary" not in index.kept:
        index.kept["glossary"] = dict(GlossaryEntry.objects.values_list("word", "meaning"))
    kept: dict[str, str] = index.kept["glossary"]
    return kept


def corrections_of(index: Index, is_visible: Array, words: list[str]) -> dict[str, str]:
    """{word: the known word that is meant} of those that nobody's listing has, and that are none of the language."""
    stems = stems_of(words)
    unknown = [
        word
        for word in words
        if len(word) >= CORRECTED_FROM
        and word.isalpha()
        and not is_had(index, is_visible, lexemes_of(word, stems))
    ][:MOST_CORRECTED]
    if words[-1] in unknown and is_had(index, is_visible, [], words[-1]):
        unknown.remove(words[-1])  # somebody is still typing it
    embedder = embedders.current()
    found = {}
    for word in unknown:
        if embedder and embedder.knows(word):
            continue  # a word of the language, whose meaning is searched
        for near in nearest(index, word):
            if is_had(index, is_visible, [near]):
                found[word] = near
                break
    return found


def is_had(index: Index, is_visible: Array, lexemes: list[str], beginning: str = "") -> bool:
    """Does a visible listing have one of the lexemes, or one that begins so?"""
    return bool((index.weights_of(lexemes, beginning)[is_visible] > 0).any())


def nearest(index: Index, word: str) -> list[str]:
    """The known words that are most alike, nearest first; among equals what begins alike."""
    if word not in (kept := index.kept_of_words.setdefault("nearest", {})):
        by_length = index.kept_of_words.get("words") or _words(index)
        lengths = range(len(word) - 3, len(word) + 4)
        known = list(chain.from_iterable(by_length.get(length, ()) for length in lengths))
        matches = process.extract(word, known, scorer=fuzz.ratio, score_cutoff=NEAR, limit=GUESSES)
        ranked = sorted(matches, key=lambda match: (-match[1], match[0][0] != word[0], match[0]))
        kept[word] = [match[0] for match in ranked]
    found: list[str] = kept[word]
    return found


def _words(index: Index) -> dict[int, list[str]]:
    """{length: all such words of all listings} of those that are long enough to be meant; kept with the index until it changes."""
    words = {
        word
        for postings in (index.main, index.delta)
        for word in postings.words()
        if len(word) >= CORRECTED_FROM - 1
    }
    by_length: dict[int, list[str]] = {}
    for word in sorted(words):
        by_length.setdefault(len(word), []).append(word)
    index.kept_of_words["words"] = by_length
    return by_length


def _replaced(text: str, corrections: dict[str, str]) -> str:
    """The text with its corrected words, everything else as it was typed."""
    if not corrections:
        return text

    def better(match: "re.Match[str]") -> str:
        parts = words_of(match.group())
        return corrections.get(parts[0], match.group()) if len(parts) == 1 else match.group()

    return re.sub(r"[^\W_]+", better, text)
