"""Finding models: words first, weighted by where they stand, forgiving of typing errors.

Finding by meaning joins in with its own issue; `rank` keeps its shape. What is compared stands in SearchDocument, which the
database writes; no search reads all listings.
"""

import math
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F

from catalog import vocabulary
from catalog.models import RegisteredModel
from catalog.vocabulary import LONGEST_WORD
from catalog.words import words_of

STOP = frozenset(
    "a an and are as at be by can could do does find for from has have how i in is it its me model models my need of on "
    "or our out should some somebody someone that the their them they this to use want was we what when where which "
    "who will with would you your".split()
)
# Any model predicts, scores or estimates something: these words say nothing about what it is for.
ANY_MODEL = frozenset(
    "predict predicting predicted prediction estimate estimating estimated estimator score scoring scored classifie classify"
    " classifying rank ranking detect detecting detection forecast model real time next year month day based how likely"
    " chance probability new within".split()
)
RELATED, SIMILAR_ENOUGH = 0.10, 0.20  # likeness: shown; a reason for another one is asked for
LONGEST_QUERY = 1000  # characters
MOST_WORDS = 40  # the rest of a long text adds nothing to the order of what is found
MOST_CORRECTED = 12  # words of one query that are compared with every known word
TELLING_WORDS = 6  # of a text by which models like it are looked for: the rarest
CANDIDATES = 1_000  # models that are ranked to find those like one
BY_LENGTH, BELOW_ONE = (
    1,
    1 | 32,
)  # how ts_rank is scaled: by the length of the text; and to less than one
BEGUN_WEIGHT = 0.3  # of having a word that begins with what was typed, against having the word


def rank(models, text):
    """Those of `models` (RegisteredModel queryset, already limited to what the person may see) that fit `text`, best first.

    Any word may match, and the last one may be a beginning; the rank says how well. Words nobody's listing has are corrected
    to the nearest known word.
    """
    words = correct(models, content_words(text))
    if not words:
        return models.none() if text.strip() else models
    begun = _beginning(words[-1])
    score = _score(words) + BEGUN_WEIGHT * SearchRank(
        F("search_document__document"), begun, normalization=BELOW_ONE
    )
    return (
        models.annotate(score=score)
        .filter(search_document__document=_any_of(words) | begun)
        .order_by(F("score").desc(), "name")
    )


def content_words(text):
    """The words that carry meaning, as words_of has them; at most MOST_WORDS of the first LONGEST_QUERY characters.

    Where none does, all: a model may be called "The One".
    """
    words = [word for word in words_of(text[:LONGEST_QUERY]) if len(word) <= LONGEST_WORD]
    return ([word for word in words if word not in STOP] or words)[:MOST_WORDS]


def correct(models, words):
    """Replace words that no listing of `models` has by the nearest one that some listing has, if there is one.

    The nearest comes from the vocabulary of what everybody may see, and counts only where `models` has it.
    """
    known = vocabulary.current()
    looked_for = [
        word for word in words if len(word) >= vocabulary.CORRECTED_FROM and word not in known
    ][:MOST_CORRECTED]
    corrected = {word: _corrected(models, word, known) for word in looked_for}
    if words and words[-1] in corrected and _has(models, _beginning(words[-1])):
        del corrected[words[-1]]  # somebody is still typing it
    return [corrected.get(word, word) for word in words]


@dataclass(frozen=True)
class Alike:
    """A model that may already do what a text says, and why it seems so."""

    model: RegisteredModel
    score: float  # 0..1, see `likeness`
    words: list[str]  # that both have, the most telling first


def similar_to(models, name, summary, limit=5):
    """Models of `models` that may already do what `name` and `summary` say: [Alike], best first; those from RELATED on.

    Looked for by the rarest words of the text. From SIMILAR_ENOUGH on, who registers another one says why.
    """
    text = f"{name} {summary}"
    wanted = content_words(text)
    words = vocabulary.current().rarest(correct(models, wanted), TELLING_WORDS, CANDIDATES)
    if not words:
        return []
    candidates = (
        models.filter(search_document__document=_any_of(words))
        .order_by()
        .values_list("pk", flat=True)[:CANDIDATES]
    )
    best = (
        models.filter(pk__in=list(candidates))
        .annotate(score=_score(words))
        .order_by(F("score").desc(), "name")[:20]
    )
    scored = [Alike(model, *likeness(text, gist(model))) for model in best]
    related = [alike for alike in scored if alike.score >= RELATED]
    return sorted(related, key=lambda alike: -alike.score)[:limit]


def sharing_words(models, model):
    """Those of `models` that have any word of the model's name and summary."""
    words = content_words(f"{model.name} {model.summary}")
    return models.filter(search_document__document=_any_of(words)) if words else models.none()


def likeness(first, second):
    """How alike two texts are, 0..1: the cosine of their words, rare ones weighing more (TF-IDF). Returns (score, shared words)."""
    one, other = telling_words(first), telling_words(second)
    shared = sorted(one.keys() & other.keys(), key=lambda stem: -one[stem][0])
    length = math.sqrt(_squares(one, one) * _squares(other, other))
    score = _squares(one, shared) / length if length else 0.0
    return score, [one[stem][1] for stem in shared]


def telling_words(text):
    """{stem: (weight, the word as it stands)} of the words that say what a model is about."""
    known = vocabulary.current()
    words = {vocabulary.stem(word): word for word in content_words(text)}
    return {
        stem: (known.weight(stem), word) for stem, word in words.items() if stem not in ANY_MODEL
    }


def _squares(weighted, stems):
    return sum(weighted[stem][0] ** 2 for stem in stems)


def gist(model):
    """What likeness compares of a model: its name, summary and tags."""
    return f"{model.name} {model.summary} {' '.join(map(str, model.tags))}"


def _score(words):
    return SearchRank(F("search_document__document"), _any_of(words), normalization=BY_LENGTH)


class _Lexemes(SearchQuery):
    """A tsquery as it is written. Its words hold nothing of tsquery's own signs (catalog/words.py)."""

    template = "(%(expressions)s)::tsquery"


def _any_of(words):
    """Listings that have any of the words, by its English stem or as it stands."""
    stems = (SearchQuery(word, search_type="plain", config="english") for word in words)
    return reduce(or_, stems) | _Lexemes(" | ".join(f"'{word}'" for word in words))


def _beginning(word):
    """Listings that have a word beginning so."""
    return _Lexemes(f"'{word}':*")


def _corrected(models, word, known):
    if _has(models, _any_of([word])):
        return word
    return next((near for near in known.nearest(word) if _has(models, _any_of([near]))), word)


def _has(models, query):
    return models.filter(search_document__document=query).exists()
