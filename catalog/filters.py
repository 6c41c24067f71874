"""One filter set for the catalog's page and its API: what can be chosen, and how many there are of each."""

from dataclasses import dataclass

import django_filters
from drf_spectacular.utils import extend_schema_field

from catalog import counts, search
from catalog.models import (
    Capability,
    Domain,
    ModelType,
    ModelVersion,
    Need,
    RegisteredModel,
    ReuseDecision,
    SearchRecord,
)
from marketplace.accounts.models import BusinessUnit
from marketplace.core.filters import FilterSet, OrderFilter, SlugFilter, TextFilter

TIERS = [("low", "Low"), ("medium", "Medium"), ("high", "High")]


def _any_of(path, kind, label):
    """Rows whose `path` is any of the given slugs of `kind`; in the schema they are plain strings."""
    choice = django_filters.ModelMultipleChoiceFilter(
        field_name=f"{path}__slug",
        queryset=kind.objects.all(),
        to_field_name="slug",
        label=label,
        distinct=False,
    )
    return extend_schema_field(str)(choice)


class ModelFilter(FilterSet):
    """Each choice is "any of"; several choices are "all of". `q` searches and orders by fit."""

    q = TextFilter(method="search", label="Search", max_length=search.LONGEST_QUERY)
    domain = _any_of("domain", Domain, "Domain")
    capability = _any_of("capability", Capability, "Capability")
    type = _any_of("model_type", ModelType, "Model type")
    unit = _any_of("owner_team__business_unit", BusinessUnit, "Business unit")
    tier = django_filters.MultipleChoiceFilter(
        field_name="risk_tier", choices=TIERS, label="Risk tier", distinct=False
    )
    state = django_filters.MultipleChoiceFilter(
        choices=RegisteredModel.State.choices, label="State", distinct=False
    )
    sort = OrderFilter(
        fields=["name", "calls_30d", "created_at", "consumer_teams", "rating_mean"], label="Sort"
    )

    class Meta:
        model = RegisteredModel
        fields = ["q", "domain", "capability", "type", "unit", "tier", "state", "sort"]

    def search(self, queryset, name, text):
        return search.rank(queryset, text)

    @property
    def corrected(self):
        """The search words as understood, when they differ from what was typed; else ""."""
        typed = search.content_words(self.data.get("q", "")) if self.is_valid() else []
        understood = search.correct(self.queryset, typed) if typed else []
        return " ".join(understood) if understood != typed else ""


class VersionFilter(FilterSet):
    """Versions of one model, or in some states."""

    model = SlugFilter(field_name="model__slug", label="Model")
    number = SlugFilter(label="Version number")
    state = django_filters.MultipleChoiceFilter(choices=ModelVersion.State.choices, label="State")
    kind = django_filters.MultipleChoiceFilter(choices=ModelVersion.Kind.choices, label="Kind")
    tier = django_filters.MultipleChoiceFilter(
        field_name="risk_tier", choices=TIERS, label="Risk tier"
    )

    class Meta:
        model = ModelVersion
        fields = ["model", "number", "state", "kind", "tier"]


class SearchRecordFilter(FilterSet):
    """Records of a team, in some states, with some decisions."""

    team = SlugFilter(field_name="team__slug", label="Team")
    state = django_filters.MultipleChoiceFilter(choices=SearchRecord.State.choices, label="State")
    decision = django_filters.MultipleChoiceFilter(choices=ReuseDecision.choices, label="Decision")

    class Meta:
        model = SearchRecord
        fields = ["team", "state", "decision"]


class NeedFilter(FilterSet):
    """Needs of a team, in some states, for a capability."""

    team = SlugFilter(field_name="team__slug", label="Team")
    state = django_filters.MultipleChoiceFilter(choices=Need.State.choices, label="State")
    capability = SlugFilter(field_name="capability__slug", label="Capability")

    class Meta:
        model = Need
        fields = ["team", "state", "capability"]


# (title, parameter, column that is counted, vocabulary of what it names; a tier names itself)
FACETS = [
    ("Business domain", "domain", "domain_id", Domain),
    ("Capability", "capability", "capability_id", Capability),
    ("Model type", "type", "model_type_id", ModelType),
    ("Business unit", "unit", "owner_team__business_unit_id", BusinessUnit),
    ("Risk tier", "tier", "risk_tier", None),
]


@dataclass(frozen=True)
class Option:
    """One line of a facet: how many models have the value, and whether it is chosen."""

    value: str
    label: str
    count: int
    selected: bool


@dataclass(frozen=True)
class Facet:
    """One group of filters, drawn by components/facet.html."""

    title: str
    param: str
    options: list[Option]


@dataclass(frozen=True)
class Chip:
    """One filter in force, and the address without it, drawn by components/chips.html."""

    label: str
    remove_url: str


def facets(models, filterset, counted=None):
    """The groups of filters. `counted`: the counts.Counts of `models`, when they are known."""
    counted = counted or counts.of(models)
    return [
        _facet(filterset.data, title, param, kind, counted.by[column])
        for title, param, column, kind in FACETS
    ]


def chips(data):
    """The filters in force, from a page's query."""
    titles = {param: title for title, param, _, _ in FACETS}
    return [
        Chip(f"{titles[param]}: {value.replace('-', ' ')}", _without(data, param, value))
        for param in titles
        for value in data.getlist(param)
    ]


def _facet(data, title, param, kind, numbers):
    chosen = data.getlist(param) if hasattr(data, "getlist") else []
    rows = (
        [
            (term.slug, term.name, numbers[term.pk])
            for term in kind.objects.filter(pk__in=list(numbers))
        ]
        if kind
        else [(tier, label, numbers[tier]) for tier, label in TIERS if tier in numbers]
    )
    options = [Option(value, label, count, value in chosen) for value, label, count in rows]
    return Facet(title, param, options)


def _without(data, param, value):
    kept = data.copy()
    kept.setlist(param, [other for other in kept.getlist(param) if other != value])
    kept.pop("page", None)
    return "?" + kept.urlencode()
