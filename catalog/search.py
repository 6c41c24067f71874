"""Finding models: words first, weighted by where they stand, forgiving of typing errors.

Finding by meaning joins in with its own issue; `rank` keeps its shape. What is compared stands in SearchDocument, which the
database writes; no search reads all listings.
"""

import unicodedata
from functools import reduce
from itertools import islice
from operator import or_

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F
from rapidfuzz import fuzz

from catalog import vocabulary
from catalog.vocabulary import LONGEST_WORD, WORDS

STOP = frozenset(
    "a an and are as at be by can could do does find for from has have how i in is it its me model models my need of on "
    "or our out should some somebody someone that the their them they this to use want was we what when where which "
    "who will with would you your".split()
)
SIMILAR_ENOUGH = 0.30
LONGEST_QUERY = 1000  # characters
MOST_WORDS = 40  # the rest of a long text adds nothing to the order of what is found
MOST_CORRECTED = 12  # words of one query that are compared with every known word
TELLING_WORDS = 6  # of a text by which models like it are looked for: the rarest
CANDIDATES = 1_000  # models that are ranked to find those like one


def rank(models, text):
    """Those of `models` (RegisteredModel queryset, already limited to what the person may see) that fit `text`, best first.

    Any word may match; the rank says how well. Words nobody's listing has are corrected to the nearest known word.
    """
    words = correct(models, content_words(text))
    if not words:
        return models.none() if text.strip() else models
    return (
        models.annotate(score=_score(words))
        .filter(search_document__document=_any_of(words))
        .order_by(F("score").desc(), "name")
    )


def content_words(text):
    """The words that carry meaning, lower case, in order, each once; at most MOST_WORDS of the first LONGEST_QUERY characters."""
    words = WORDS.findall(unicodedata.normalize("NFKC", text[:LONGEST_QUERY]).lower())
    return list(
        islice(
            dict.fromkeys(word for word in words if word not in STOP and len(word) <= LONGEST_WORD),
            MOST_WORDS,
        )
    )


def correct(models, words):
    """Replace words that no listing of `models` has by the nearest one that some listing has, if there is one.

    The nearest comes from the vocabulary of what everybody may see, and counts only where `models` has it.
    """
    known = vocabulary.current()
    looked_for = [
        word for word in words if len(word) >= vocabulary.CORRECTED_FROM and word not in known
    ][:MOST_CORRECTED]
    corrected = {word: _corrected(models, word, known) for word in looked_for}
    return [corrected.get(word, word) for word in words]


def similar_to(models, name, summary, limit=5):
    """Models of `models` that may already do what `name` and `summary` say: [(model, score 0..1)], best first.

    Looked for by the rarest words of the text. The score is `likeness`; above SIMILAR_ENOUGH it is worth a look.
    """
    wanted = content_words(f"{name} {summary}")
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
    scored = [(model, likeness(" ".join(wanted), gist(model))) for model in best]
    return sorted(((m, s) for m, s in scored if s >= SIMILAR_ENOUGH), key=lambda pair: -pair[1])[
        :limit
    ]


def sharing_words(models, model):
    """Those of `models` that have any word of the model's name and summary."""
    words = content_words(f"{model.name} {model.summary}")
    return models.filter(search_document__document=_any_of(words)) if words else models.none()


def likeness(first, second):
    """How alike two gists are, 0..1: rapidfuzz's token-set ratio."""
    return fuzz.token_set_ratio(first, second) / 100


def gist(model):
    """What likeness compares of a model: the words of its name, summary and tags."""
    return " ".join(content_words(f"{model.name} {model.summary} {' '.join(map(str, model.tags))}"))


def _score(words):
    return SearchRank(F("search_document__document"), _any_of(words), normalization=1)


def _any_of(words):
    return reduce(or_, (SearchQuery(word, search_type="plain", config="english") for word in words))


def _corrected(models, word, known):
    if _has(models, word):
        return word
    return next((near for near in known.nearest(word) if _has(models, near)), word)


def _has(models, word):
    return models.filter(search_document__document=_any_of([word])).exists()
