"""Finding models: words first, weighted by where they stand, forgiving of typing errors.

Finding by meaning joins in with its own issue; `rank` keeps its shape.
"""

import re
from itertools import islice

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import F, TextField
from django.db.models.functions import Cast
from rapidfuzz import fuzz, process

WORDS = re.compile(r"[a-z0-9]+")
STOP = frozenset(
    "a an and are as at be by can could do does find for from has have how i in is it its me model models my need of on "
    "or our out should some somebody someone that the their them they this to use want was we what when where which "
    "who will with would you your".split()
)
DOCUMENT = (
    SearchVector("name", weight="A", config="english")
    + SearchVector("summary", Cast("tags", TextField()), "capability__name", weight="B", config="english")
    + SearchVector("description", "domain__name", "model_type__name", weight="C", config="english")
    + SearchVector("limitations", "owner_team__name", weight="D", config="english")
)
SIMILAR_ENOUGH = 0.30
LONGEST_QUERY = 1000  # characters
LONGEST_WORD = 40  # characters: a longer one is no word of a language, and no listing has it
MOST_WORDS = 40  # the rest of a long text adds nothing to the order of what is found
MOST_CORRECTED = 12  # words of one query that are compared with every known word


def rank(models, text):
    """Those of `models` (RegisteredModel queryset, already limited to what the person may see) that fit `text`, best first.

    Any word may match; the rank says how well. Words nobody's listing has are corrected to the nearest known word.
    """
    words = correct(models, content_words(text))
    if not words:
        return models.none() if text.strip() else models
    query = SearchQuery(" | ".join(words), search_type="raw", config="english")
    found = models.annotate(search=DOCUMENT, score=SearchRank(DOCUMENT, query, normalization=1)).filter(search=query)
    return found.order_by(F("score").desc(), "name")


def content_words(text):
    """The words that carry meaning, lower case, in order, each once; at most MOST_WORDS of the first LONGEST_QUERY characters."""
    words = (word for word in WORDS.findall(text[:LONGEST_QUERY].lower()) if word not in STOP and len(word) <= LONGEST_WORD)
    return list(islice(dict.fromkeys(words), MOST_WORDS))


def correct(models, words):
    """Replace words unknown to every listing by the nearest known one (rapidfuzz ratio ≥ 80), if there is one."""
    known = _vocabulary(models)
    unknown = [word for word in words if word not in known and len(word) >= 4][:MOST_CORRECTED]
    nearest = {word: _nearest(word, known) for word in unknown}
    return [nearest.get(word, word) for word in words]


def similar_to(models, name, summary, limit=5):
    """Models of `models` that may already do what `name` and `summary` say: [(model, score 0..1)], best first.

    The score is rapidfuzz's token-set ratio over name, summary and tags; above SIMILAR_ENOUGH it is worth a look.
    """
    wanted = " ".join(content_words(f"{name} {summary}"))
    if not wanted:
        return []
    scored = [(model, fuzz.token_set_ratio(wanted, _gist(model)) / 100) for model in rank(models, wanted)[:20]]
    return sorted(((m, s) for m, s in scored if s >= SIMILAR_ENOUGH), key=lambda pair: -pair[1])[:limit]


def _gist(model):
    return " ".join(content_words(f"{model.name} {model.summary} {' '.join(model.tags)}"))


def _vocabulary(models):
    rows = models.values_list("name", "summary", "description", "tags")
    return {word for row in rows for word in WORDS.findall(" ".join(map(str, row)).lower())}


def _nearest(word, known):
    match = process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=80)
    return match[0] if match else word
