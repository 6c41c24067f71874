"""What a search before a project finds: the ranked models, each with a score and why it was found.

The engine is catalog.search; a record keeps its name and version with what it said, so that a later engine changes no record.
"""

from dataclasses import dataclass
from typing import Any

from catalog import search
from catalog.models import RegisteredModel
from marketplace.accounts.models import User

ENGINE = "catalog.search/1"
MOST = 10
WORDS_SHOWN = 8


@dataclass(frozen=True)
class Candidate:
    """A model that may do what is needed.

    score      0..1, of the engine.
    is_strong  so alike that whoever builds all the same says why.
    findings   sentences.
    """

    model: Any
    score: float
    is_strong: bool
    findings: list[str]


def find(user: User, text: str) -> list[Candidate]:
    """The MOST best published models that the person may see, for a need in own words; the strongest first."""
    models = RegisteredModel.objects.visible_to(user).published()
    ranked: Any = search.rank(models, text)
    found = [_candidate(model, text) for model in ranked.for_list()[:MOST]]
    return sorted(found, key=lambda candidate: -candidate.score)


def _candidate(model: RegisteredModel, text: str) -> Candidate:
    score, words = search.likeness(text, search.gist(model))
    shared = ", ".join(words[:WORDS_SHOWN])
    findings = [f"Same words: {shared}."] if shared else ["Some words stand in its description."]
    return Candidate(model, min(1.0, score), score >= search.SIMILAR_ENOUGH, findings)
