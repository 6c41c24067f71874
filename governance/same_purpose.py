"""Which models serve one purpose: likeness of pairs, and what speaks for either (docs/governance.md, "Models for one purpose")."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from catalog import search
from catalog.models import ModelVersion, Neighbour, RegisteredModel
from catalog.words import words_of
from governance.models import Evaluation
from governance.models.same_purpose import CANDIDATE

WEIGHTS = {"text": 0.45, "inputs": 0.25, "task": 0.15, "consumers": 0.15}
GRANTED = ("active", "paused")  # of consumption's subscriptions
MOST_LIKE = 12  # models that a new one is compared with


@dataclass(frozen=True)
class Facts:
    """What likeness needs of one model."""

    inputs: frozenset[tuple[str, ...]]
    outputs: frozenset[tuple[str, ...]]
    model_type: int
    teams: frozenset[int]


@dataclass(frozen=True)
class Pair:
    """Two models, the smaller id first, with the parts of their likeness."""

    first: int
    second: int
    parts: dict[str, float]

    @property
    def likeness(self) -> float:
        return sum(WEIGHTS[name] * part for name, part in self.parts.items())


def pairs_of(model: RegisteredModel) -> list[Pair]:
    """A model, new or not, with those published ones that are alike enough to be a case."""
    others = RegisteredModel.objects.published().exclude(pk=model.pk)
    alike = search.similar_to(others, model.name, model.summary, limit=MOST_LIKE)
    return list(_alike({(model.pk, one.model.pk): float(one.score) for one in alike}))


def pairs_among_neighbours(ids: Iterable[int]) -> Iterator[Pair]:
    """The pairs of published models, one of `ids` in each, that are alike enough, from the neighbourhoods that the catalog keeps."""
    listed, wanted = RegisteredModel.State.PUBLISHED, list(ids)
    rows = Neighbour.objects.filter(
        Q(model__in=wanted) | Q(other__in=wanted), model__state=listed, other__state=listed
    )
    texts = {
        (min(one, other), max(one, other)): score
        for one, other, score in rows.values_list("model", "other", "score")
    }
    yield from _alike(texts)


def _alike(texts: dict[tuple[int, int], float]) -> Iterator[Pair]:
    facts = _facts({pk for pair in texts for pk in pair})
    for (one, other), text in texts.items():
        pair = _pair(one, other, text, facts)
        if pair.likeness >= CANDIDATE:
            yield pair


def _pair(one: int, other: int, text: float, facts: dict[int, Facts]) -> Pair:
    a, b = facts[one], facts[other]
    same_type, same_target = a.model_type == b.model_type, bool(a.outputs & b.outputs)
    parts = {
        "text": min(1.0, text),
        "inputs": overlap(a.inputs, b.inputs),
        "task": (same_type + same_target) / 2,
        "consumers": overlap(a.teams, b.teams),
    }
    return Pair(min(one, other), max(one, other), parts)


def overlap(one: frozenset[Any], other: frozenset[Any]) -> float:
    """Jaccard's index, 0..1; 0 of two empty sets."""
    return len(one & other) / len(one | other) if one | other else 0.0


def _facts(ids: Iterable[int]) -> dict[int, Facts]:
    """Of the newest version that has a signature; three queries for any number of models."""
    wanted = list(ids)
    signatures: dict[int, dict[str, Any]] = {}
    versions = ModelVersion.objects.filter(model__in=wanted).exclude(signature={})
    for model, signature in versions.newest_first().values_list("model", "signature"):
        signatures.setdefault(model, signature)
    teams: dict[int, set[int]] = {}
    subscribed = RegisteredModel.objects.filter(pk__in=wanted, subscriptions__state__in=GRANTED)
    for model, team in subscribed.values_list("pk", "subscriptions__application__team"):
        teams.setdefault(model, set()).add(team)
    types = RegisteredModel.objects.filter(pk__in=wanted).values_list("pk", "model_type")
    return {
        pk: Facts(
            _fields(signatures.get(pk, {}), "inputs"),
            _fields(signatures.get(pk, {}), "outputs"),
            model_type,
            frozenset(teams.get(pk, ())),
        )
        for pk, model_type in types
    }


def _fields(signature: dict[str, Any], side: str) -> frozenset[tuple[str, ...]]:
    """(kind, *words of the name) of each field: monthlyIncome and monthly_income are one."""
    return frozenset(
        (_kind(str(field.get("datatype", ""))), *sorted(words_of(str(field.get("name", "")))))
        for field in signature.get(side, [])
    )


def _kind(datatype: str) -> str:
    return {"BYTES": "text", "BOOL": "truth"}.get(datatype, "number")


# ── What speaks for either ────────────────────────────────────────────────


@dataclass(frozen=True)
class Compared:
    """One metric that was measured of both on the same benchmark data.

    low, high  of first − second: from both intervals as if they were independent, so that the interval is rather too wide: on
               the same rows the two go up and down together. None where one has no interval.
    """

    data: str
    metric: str
    first: Evaluation
    second: Evaluation
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        return self.first.value - self.second.value

    @property
    def is_significant(self) -> bool:
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def compared(first: RegisteredModel, second: RegisteredModel) -> list[Compared]:
    """The metrics over all rows that were measured independently of both on the same data, by its digest."""
    one, other = _measured(first), _measured(second)
    return [_compared(one[key], other[key]) for key in one if key in other]


def _measured(model: RegisteredModel) -> dict[tuple[str, str], Evaluation]:
    """{(digest of the data, metric): newest figure of a listed version}."""
    figures: QuerySet[Evaluation] = Evaluation.objects.filter(
        version__model=model,
        version__state__in=ModelVersion.LISTED,
        kind=Evaluation.Kind.INDEPENDENT,
        slice="",
    )
    newest: dict[tuple[str, str], Evaluation] = {}
    for figure in figures.exclude(data_sha256="").select_related("version").order_by("-pk")[:500]:
        newest.setdefault((figure.data_sha256, figure.metric), figure)
    return newest


def _compared(first: Evaluation, second: Evaluation) -> Compared:
    halves = [(one.high - one.low) / 2 for one in (first, second) if _has_interval(one)]  # type: ignore[operator]
    low = high = None
    if len(halves) == 2:
        half, difference = math.hypot(*halves), first.value - second.value
        low, high = difference - half, difference + half
    return Compared(first.data, first.label, first, second, low, high)


def _has_interval(figure: Evaluation) -> bool:
    return figure.low is not None and figure.high is not None


def sentences(case: Any) -> list[str]:
    """What is known of a pair now, to be kept with a decision."""
    parts = case.parts
    found = [
        f"Likeness {case.likeness:.2f}: text {parts['text']:.2f}, inputs {parts['inputs']:.2f}, "
        f"task {parts['task']:.2f}, consumers {parts['consumers']:.2f}."
    ]
    for model in (case.first, case.second):
        found.append(
            f"{model}: {model.calls_30d:,} calls of {model.consumer_teams} teams in 30 days."
        )
    for row in compared(case.first, case.second):
        found.append(
            f"{row.metric} on {row.data}: {row.first.value:g} of {case.first}, {row.second.value:g} of {case.second}; "
            f"{'a significant difference' if row.is_significant else 'no significant difference'}."
        )
    return found
