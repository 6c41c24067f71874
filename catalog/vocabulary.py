"""The words of what everybody in the company may see, in this process's memory: for spelling, and for how telling a word is.

Read once, then only what the database wrote since. A word may linger after its listing was hidden or reworded, so whoever
shows one asks first whether a visible listing has it.
"""

import math
import threading
from collections import Counter
from datetime import timedelta

from django.db.models import Max
from rapidfuzz import fuzz, process

from catalog.models import RegisteredModel, SearchDocument
from catalog.words import words_of

CORRECTED_FROM = 4  # letters; shorter words are left as they were typed
NEAR = 80  # rapidfuzz ratio
GUESSES = 5
LONGEST_WORD = 40  # characters: a longer one is no word of a language, and no listing has it
MOST_WORDS = 200_000
OVERLAP = timedelta(seconds=60)  # a transaction may commit after a later one


def stem(word):
    """A word without the s of its plural: all that likeness needs of English."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class Vocabulary:
    """`counts`: in about how many listings a word stands; `stems`: the same of its stem; `listings`: how many were read."""

    def __init__(self):
        self.counts, self.stems, self.listings, self.read_to = Counter(), Counter(), 0, None

    def __contains__(self, word):
        return word in self.counts

    def weight(self, stem):
        """How telling a stem is: the logarithm of one more than the share of listings that it singles out (IDF)."""
        return math.log(1 + max(self.listings, 1) / max(self.stems[stem], 1))

    def nearest(self, word):
        """The known words that are most alike (ratio ≥ NEAR), nearest first."""
        if len(word) > LONGEST_WORD:
            return []
        return [
            match
            for match, *_ in process.extract(
                word, self.counts.keys(), scorer=fuzz.ratio, score_cutoff=NEAR, limit=GUESSES
            )
        ]

    def rarest(self, words, number, rows):
        """At most `number` of `words`, rarest first, as long as they stand in about `rows` listings together; at least one."""
        chosen, total = [], 0
        for word in sorted(dict.fromkeys(words), key=lambda word: self.counts[word] or 1):
            total += self.counts[word]
            if chosen and (total > rows or len(chosen) == number):
                break
            chosen.append(word)
        return chosen

    def read(self, newest):
        """Add the words of the open listings that were written since the last time."""
        rows = RegisteredModel.objects.published().filter(
            visibility=RegisteredModel.Visibility.ENTERPRISE
        )
        if self.read_to:
            rows = rows.filter(search_document__written_at__gte=self.read_to - OVERLAP)
        texts = rows.values_list("name", "summary", "description", "tags")
        for text in texts.iterator():
            self.listings += 1
            if len(self.counts) < MOST_WORDS:
                words = {
                    word for word in words_of(" ".join(map(str, text))) if len(word) <= LONGEST_WORD
                }
                self.counts.update(words)
                self.stems.update({stem(word) for word in words})
        self.read_to = newest


_vocabulary = Vocabulary()
_read_lock = threading.Lock()


def last_written():
    """When the database wrote the words or the visibility of a listing last; None before the first. One look into an index."""
    return SearchDocument.objects.aggregate(newest=Max("written_at"))["newest"]


def current():
    """This process's Vocabulary, with what was committed until now."""
    newest = last_written()
    if newest and newest != _vocabulary.read_to:
        with _read_lock:
            if newest != _vocabulary.read_to:
                _vocabulary.read(newest)
    return _vocabulary
