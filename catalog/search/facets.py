"""What can be filtered by, and how many models each choice leads to: one table for the page, the counts and the API's query."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import F, Q

from catalog.languages import LANGUAGES
from catalog.models import (
    Capability,
    Collection,
    CollectionEntry,
    CollectionState,
    Domain,
    ModelType,
)
from catalog.search.embedders import Array
from catalog.search.index import Index
from catalog.search.ranking import MET, MISSED, TOO_FEW, service_of
from marketplace.accounts.models import BusinessUnit

Chosen = Mapping[str, Sequence[str]]
QUICK_MS, SLOW_MS = 50, 250
STARS = (4, 3)  # "and more"


@dataclass(frozen=True)
class Option:
    """One line of a facet: how many models the choice leads to, and whether it is chosen."""

    value: str
    label: str
    count: int
    selected: bool


@dataclass(frozen=True)
class Facet:
    """One group of filters, drawn by components/facet.html. `is_folded`: it stands under "More filters"."""

    title: str
    param: str
    options: list[Option]
    is_folded: bool = False


@dataclass(frozen=True)
class Choice:
    """A value of a group that names itself: the rows that have it, in memory and in SQL."""

    value: str
    label: str
    has: Callable[[Index], Array]
    query: Q


@dataclass(frozen=True)
class Group:
    """A group of filters. Either its `choices` are known, or its values are the rows of `terms`.

    A listing has one of those (`fact` holds their ids), or several (`members` says which listings have which).
    """

    title: str
    param: str
    is_folded: bool = False
    choices: tuple[Choice, ...] = ()
    fact: str = ""
    terms: Any = None
    path: str = ""
    members: Callable[[Index], "list[Value]"] | None = None
    condition: Callable[[Sequence[str]], Q] | None = None


def _collections(index: Index) -> "list[Value]":
    """Published collections with the rows of their models. Two queries."""
    entries = CollectionEntry.objects.order_by().values_list("collection_id", "model_id")
    ids: dict[int, list[int]] = {}
    for collection, model in entries.filter(collection__state=CollectionState.PUBLISHED):
        ids.setdefault(collection, []).append(model)
    return [
        Value(one.slug, one.name, np.isin(index.ids, ids[one.pk]), True)
        for one in Collection.objects.published().filter(pk__in=ids)
    ]


def _in_collections(slugs: Sequence[str]) -> Q:
    entries = CollectionEntry.objects.filter(
        collection__slug__in=list(slugs), collection__state=CollectionState.PUBLISHED
    )
    return Q(pk__in=entries.order_by().values("model"))


def _bit(fact: str, bit: int) -> Callable[[Index], Array]:
    return lambda index: (np.maximum(index.facts[fact], 0) & bit) > 0


def _named(fact: str, path: str, choices: Sequence[tuple[str, str]]) -> tuple[Choice, ...]:
    """Choices whose place in the list is the number in the fact (index.FACTS)."""
    return tuple(
        Choice(value, label, _between(fact, number, number), Q(**{path: value}))
        for number, (value, label) in enumerate(choices)
    )


def _between(fact: str, least: int, most: int = 2**31) -> Callable[[Index], Array]:
    """From `least` to `most`, both included."""
    return lambda index: (index.facts[fact] >= least) & (index.facts[fact] <= most)


def _judged(verdict: int) -> Callable[[Index], Array]:
    return lambda index: service_of(index) == verdict


_PROMISED_P95 = Q(search_document__promised_p95_ms__isnull=False)
_PROMISED_AVAILABILITY = Q(search_document__promised_availability__isnull=False)
_PROMISED = _PROMISED_P95 | _PROMISED_AVAILABILITY
_MEASURED = Q(measured_availability__isnull=False)
_KEEPS_P95 = (
    ~_PROMISED_P95
    | Q(measured_p95_ms__isnull=True)
    | Q(search_document__promised_p95_ms__gte=F("measured_p95_ms"))
)
_KEEPS_AVAILABILITY = ~_PROMISED_AVAILABILITY | Q(
    search_document__promised_availability__lte=F("measured_availability")
)
_KEEPS = _KEEPS_P95 & _KEEPS_AVAILABILITY
_DOCUMENT = "search_document__"

GROUPS = (
    Group(
        "Data",
        "data",
        choices=_named(
            "data",
            f"{_DOCUMENT}data_class",
            (
                ("public", "Public"),
                ("internal", "Internal"),
                ("confidential", "Confidential"),
                ("personal", "Personal"),
                ("special", "Special categories"),
            ),
        ),
    ),
    Group(
        "Access",
        "access",
        choices=(
            Choice("at-once", "At once", _bit("access", 1), Q(search_document__opens_at_once=True)),
            Choice(
                "owner", "Owner decides", _bit("access", 2), Q(search_document__asks_owner=True)
            ),
        ),
    ),
    Group(
        "Service level, 30 days",
        "service",
        choices=(
            Choice("met", "Promise met", _judged(MET), _PROMISED & _MEASURED & _KEEPS),
            Choice("missed", "Promise missed", _judged(MISSED), _PROMISED & _MEASURED & ~_KEEPS),
            Choice("few-calls", "Too few calls", _judged(TOO_FEW), _PROMISED & ~_MEASURED),
        ),
    ),
    Group(
        "Measured p95",
        "latency",
        choices=(
            Choice(
                "quick",
                f"Under {QUICK_MS} ms",
                _between("p95", 0, QUICK_MS - 1),
                Q(measured_p95_ms__lt=QUICK_MS),
            ),
            Choice(
                "medium",
                f"{QUICK_MS} to {SLOW_MS} ms",
                _between("p95", QUICK_MS, SLOW_MS),
                Q(measured_p95_ms__gte=QUICK_MS, measured_p95_ms__lte=SLOW_MS),
            ),
            Choice(
                "slow",
                f"Over {SLOW_MS} ms",
                _between("p95", SLOW_MS + 1),
                Q(measured_p95_ms__gt=SLOW_MS),
            ),
        ),
    ),
    Group(
        "Price",
        "price",
        choices=(
            Choice("free", "Free", _bit("price", 1), Q(search_document__has_free_plan=True)),
            Choice(
                "per-call", "Per call", _bit("price", 2), Q(search_document__has_paid_plan=True)
            ),
        ),
    ),
    Group("Business domain", "domain", fact="domain", terms=Domain, path="domain"),
    Group("Capability", "capability", fact="capability", terms=Capability, path="capability"),
    Group(
        "Collection",
        "collection",
        True,
        terms=Collection,
        members=_collections,
        condition=_in_collections,
    ),
    Group(
        "Business unit",
        "unit",
        True,
        fact="unit",
        terms=BusinessUnit,
        path="owner_team__business_unit",
    ),
    Group("Model type", "type", True, fact="type", terms=ModelType, path="model_type"),
    Group(
        "Language of its texts",
        "language",
        True,
        choices=tuple(
            Choice(
                code,
                name,
                _bit("languages", 1 << place),
                Q(**{f"{_DOCUMENT}languages__contains": code}),
            )
            for place, (code, name) in enumerate(LANGUAGES)
        ),
    ),
    Group(
        "Status",
        "status",
        True,
        choices=_named(
            "status",
            f"{_DOCUMENT}version_state",
            (("published", "Current"), ("deprecated", "Deprecated")),
        ),
    ),
    Group(
        "Risk tier",
        "tier",
        True,
        choices=_named(
            "tier", "risk_tier", (("low", "Low"), ("medium", "Medium"), ("high", "High"))
        ),
    ),
    Group(
        "Rating",
        "rating",
        True,
        choices=tuple(
            Choice(
                str(stars),
                f"{stars} and more",
                _between("rating", stars * 100),
                Q(rating_mean__gte=stars),
            )
            for stars in STARS
        ),
    ),
    Group(
        "Packaging",
        "framework",
        True,
        choices=_named(
            "framework",
            f"{_DOCUMENT}version_kind",
            (("onnx", "ONNX"), ("mlflow", "MLflow"), ("external", "External endpoint")),
        ),
    ),
)
BY_PARAM = {group.param: group for group in GROUPS}


@dataclass(frozen=True)
class Value:
    """One value of a group, with the rows of the index that have it. `is_had`: some have it."""

    value: str
    label: str
    has: Array
    is_had: bool


def values(index: Index, group: Group) -> list[Value]:
    """The Values of a group in their order; of terms, those that any row of the index has. Kept with the index."""
    kept: dict[str, list[Value]] = index.kept.setdefault("values", {})
    if group.param not in kept:
        if group.members:
            found = group.members(index)
        elif group.choices:
            rows = [(one, one.has(index)) for one in group.choices]
            found = [Value(one.value, one.label, has, bool(has.any())) for one, has in rows]
        else:
            ids = index.facts[group.fact]
            terms = group.terms.objects.filter(pk__in=np.unique(ids).tolist())
            found = [Value(term.slug, term.name, ids == term.pk, True) for term in terms]
        kept[group.param] = found
    return kept[group.param]


def selection(index: Index, param: str, chosen: Sequence[str]) -> Array:
    """The rows that have any of the chosen values. Values that do not exist are had by none."""
    has = np.zeros(len(index), bool)
    for one in values(index, BY_PARAM[param]):
        if one.value in chosen:
            has |= one.has
    return has


def query(param: str, chosen: Sequence[str]) -> Q:
    """The same as `selection`, for a RegisteredModel queryset."""
    group, condition = BY_PARAM[param], Q(pk__in=())
    if group.condition:
        return group.condition(chosen)
    if not group.choices:
        return Q(**{f"{group.path}__slug__in": list(chosen)})
    for choice in group.choices:
        if choice.value in chosen:
            condition |= choice.query
    return condition


def facets(
    index: Index, is_visible: Array, is_found: Array, chosen: Chosen, is_other: Array
) -> list[Facet]:
    """The groups, each counted among what was found under the choices in all other groups.

    is_visible  the rows that the person sees: a group that none of them has a value of is left out, and so is such a value.
    is_found    those that fit the question; is_other: those that fit the filters that are no group's (a team, a tag).
    """
    selections = {
        param: selection(index, param, chosen[param]) for param in BY_PARAM if chosen.get(param)
    }
    misses = np.zeros(len(index), np.int16)
    for has in selections.values():
        misses += ~has
    base = is_found & is_other
    found = []
    for group in GROUPS:
        own = selections.get(group.param)
        counted = base & ((misses if own is None else misses - ~own) == 0)
        picked = chosen.get(group.param, ())
        options = [
            Option(
                one.value,
                one.label,
                int(np.count_nonzero(one.has & counted)),
                one.value in picked,
            )
            for one in values(index, group)
            if one.value in picked or (one.is_had and (one.has & is_visible).any())
        ]
        if options:
            options.sort(key=lambda option: option.count == 0 and not option.selected)
            found.append(Facet(group.title, group.param, options, group.is_folded))
    return found
