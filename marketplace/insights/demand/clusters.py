"""Texts that mean one thing: the same when half of their stemmed words are the same (docs/demand.md, "What is one gap").

Bounded: a text is compared only with clusters that share a word with it, at most MOST_COMPARED of them; a text has at most
MOST_WORDS words.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from catalog.search.understanding import content_words, stems_of
from marketplace.insights.models import DemandGap

ALIKE = 0.5  # Jaccard's index of the stems
MOST_WORDS = 20
MOST_COMPARED = 200
Stems = frozenset[str]


@dataclass
class Cluster:
    """Texts around the words of the first one. key: the gap that it was made for; None for a new one."""

    stems: Stems
    key: DemandGap | None = None
    texts: list[str] = field(default_factory=list)


def stems_of_texts(texts: Iterable[str]) -> dict[str, Stems]:
    """{text: the stems of its words}; one query for all words that are new to this process."""
    words = {text: content_words(text)[:MOST_WORDS] for text in texts}
    stems = stems_of(word for listed in words.values() for word in listed)
    return {text: frozenset(stems[word] for word in listed) for text, listed in words.items()}


def clustered(texts: Mapping[str, Stems], seeds: Iterable[Cluster]) -> list[Cluster]:
    """The seeds, then new clusters, with the texts in each. `texts` in the order in which they found new ones."""
    clusters: list[Cluster] = []
    by_stem: dict[str, list[int]] = defaultdict(list)

    def add(cluster: Cluster) -> Cluster:
        for stem in cluster.stems:
            by_stem[stem].append(len(clusters))
        clusters.append(cluster)
        return cluster

    for seed in seeds:
        add(seed)
    for text, stems in texts.items():
        if stems:
            (_nearest(stems, clusters, by_stem) or add(Cluster(stems))).texts.append(text)
    return clusters


def _nearest(
    stems: Stems, clusters: list[Cluster], by_stem: Mapping[str, list[int]]
) -> Cluster | None:
    """The cluster that is most alike, the earliest among equals; None when none is alike enough."""
    rarest = sorted(stems, key=lambda stem: len(by_stem.get(stem, ())))
    near: dict[int, None] = {}
    for stem in rarest:
        for place in by_stem.get(stem, ())[:MOST_COMPARED]:
            near[place] = None
        if len(near) >= MOST_COMPARED:
            break
    scored = [(jaccard(stems, clusters[place].stems), -place) for place in near]
    best, place = max(scored, default=(0.0, 0))
    return clusters[-place] if best >= ALIKE else None


def jaccard(one: Stems, other: Stems) -> float:
    """0..1; 0 of two empty sets."""
    return len(one & other) / len(one | other) if one | other else 0.0
