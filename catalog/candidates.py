"""What a search before a project finds: the ranked models, each with a score and why it was found.

The engine is catalog.search; a record keeps its name and version with what it said, so that a later engine changes no record.
"""

from dataclasses import dataclass
from typing import Any

from catalog import search
from marketplace.accounts.models import User

ENGINE = "catalog.search/2"
BY_MEANING, BY_WORDS = "words and meaning", "words alone"
MOST = 10


@dataclass(frozen=True)
class Candidate:
    """A model that may do what is needed.

    score      0..1, of the engine.
    is_strong  a good match, or one with many of the telling words: whoever builds all the same says why.
    findings   sentences.
    """

    model: Any
    score: float
    is_strong: bool
    findings: list[str]


@dataclass(frozen=True)
class Findings:
    """What was found, and by what: the engine with its version, and whether it knew meanings."""

    engine: str
    candidates: list[Candidate]


def find(user: User, text: str) -> Findings:
    """The MOST best published models that the person may see, for a need in own words; the strongest first."""
    found = search.find(user, search.Asked(text=text))
    weights = search.Weights(found.index)
    candidates = [
        Candidate(
            hit.model,
            min(1.0, hit.score),
            hit.band == search.GOOD
            or search.likeness(weights, text, hit.model) >= search.SIMILAR_ENOUGH,
            [_sentence(finding) for finding in hit.findings],
        )
        for hit in found.page(1, size=MOST)
    ]
    return Findings(f"{ENGINE}, {BY_MEANING if found.by_meaning else BY_WORDS}", candidates)


def _sentence(finding: search.Finding) -> str:
    text = "".join(part.text for part in finding.parts)
    return f"{finding.title}{', by meaning' if finding.kind == 'meaning' else ''}: “{text}”"
