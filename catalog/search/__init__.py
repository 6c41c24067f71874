"""Finding models: by words and by meaning, over all that a listing says, forgiving of typing errors (docs/search.md).

    found = search.find(user, filterset.asked)      what the person may see and fits: counts, facets, pages of Hits with reasons
    search.suggest(user, text)                      models, teams, people and tags while somebody types
    search.rank(models, text)                       a queryset, ordered by fit: for the API
    search.similar_to(models, name, summary)        what may already do the same

A process holds the words, facts and vectors of all listings in memory (`index`) and reads what changed. What a person may
not see is left out before anything is ranked or counted.
"""

import json

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, FloatField, Func, JSONField, QuerySet, TextField, Value
from django.db.models.functions import Cast

from catalog.models import RegisteredModel
from catalog.search import meaning
from catalog.search.alike import (
    RELATED,
    SIMILAR_ENOUGH,
    Alike,
    Weights,
    like,
    likeness,
    scores,
    similar_to,
)
from catalog.search.facets import GROUPS, Facet, Option
from catalog.search.findings import Finding, Part
from catalog.search.index import current, forget
from catalog.search.ranking import Band
from catalog.search.ranking import rank as rank_rows
from catalog.search.results import (
    OTHER_FILTERS,
    PAGE_SIZE,
    RANKED_MOST,
    SORTS,
    Asked,
    Found,
    Hit,
    Widening,
    find,
    label_of,
)
from catalog.search.suggestions import Suggestions, suggest
from catalog.search.understanding import LONGEST_QUERY, content_words, understand

GOOD, WEAK = Band.GOOD, Band.WEAK

__all__ = [
    "GOOD",
    "GROUPS",
    "LONGEST_QUERY",
    "OTHER_FILTERS",
    "PAGE_SIZE",
    "RELATED",
    "SIMILAR_ENOUGH",
    "SORTS",
    "WEAK",
    "Alike",
    "Weights",
    "Asked",
    "Band",
    "Facet",
    "Finding",
    "Found",
    "Hit",
    "Option",
    "Part",
    "Suggestions",
    "Widening",
    "content_words",
    "find",
    "forget",
    "label_of",
    "like",
    "likeness",
    "meaning",
    "rank",
    "scores",
    "similar_to",
    "suggest",
]


def rank(models: "QuerySet[RegisteredModel]", text: str) -> "QuerySet[RegisteredModel]":
    """Those of `models` (already limited to what the person may see, in any state) that fit `text`, best first: RANKED_MOST at most.

    `score` is annotated.
    """
    if not text.strip():
        return models
    index = current()
    is_visible = index.facts["is_published"] < 0  # nobody
    ids = models.order_by().aggregate(ids=ArrayAgg("pk", default=[]))["ids"]
    is_visible[index.rows(ids)] = True
    ranking = rank_rows(index, is_visible, understand(index, is_visible, text))
    best = dict(
        zip(
            index.ids[ranking.rows[:RANKED_MOST]].tolist(),
            ranking.score[:RANKED_MOST].round(6).tolist(),
            strict=True,
        )
    )
    score = Func(
        Value(json.dumps(best), JSONField()),
        Cast("pk", TextField()),
        template="(%(expressions)s)::float",
        arg_joiner=" ->> ",
        output_field=FloatField(),
    )
    return (
        models.filter(pk__in=list(best)).annotate(score=score).order_by(F("score").desc(), "name")
    )
