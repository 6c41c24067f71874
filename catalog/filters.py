"""One filter set for the catalog's page and its API: what can be chosen, and what is in force."""

from dataclasses import dataclass
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field

from catalog import need_offers, results, search
from catalog.models import (
    Capability,
    Collection,
    Domain,
    ModelType,
    ModelVersion,
    Need,
    RegisteredModel,
    ReuseDecision,
    SearchRecord,
)
from catalog.search import facets as grouping
from marketplace.accounts.models import BusinessUnit
from marketplace.core.filters import FilterSet, OrderFilter, SlugFilter, TextFilter, TruthFilter

TIERS = [("low", "Low"), ("medium", "Medium"), ("high", "High")]
LONGEST_TAG = 60  # characters


def _any_of(path: str, kind: Any, label: str) -> Any:
    """Rows whose `path` is any of the given slugs of `kind`; in the schema they are plain strings."""
    choice = django_filters.ModelMultipleChoiceFilter(
        field_name=f"{path}__slug",
        queryset=kind.objects.all(),
        to_field_name="slug",
        label=label,
        distinct=False,
    )
    return extend_schema_field(str)(choice)


def _choice(param: str) -> Any:
    """Rows that any of the chosen values of a group of search holds for."""
    group = grouping.BY_PARAM[param]
    return django_filters.MultipleChoiceFilter(
        method="filter_group",
        choices=[(choice.value, choice.label) for choice in group.choices],
        label=group.title,
        distinct=False,
    )


class ModelFilter(FilterSet):
    """Each choice is "any of"; several choices are "all of". `q` searches and orders by fit."""

    q = TextFilter(method="filter_text", label="Search", max_length=search.LONGEST_QUERY)
    exact = TruthFilter(method="pass_by", label="Search for exactly these words")
    domain = _any_of("domain", Domain, "Domain")
    capability = _any_of("capability", Capability, "Capability")
    type = _any_of("model_type", ModelType, "Model type")
    collection = extend_schema_field(str)(
        django_filters.ModelMultipleChoiceFilter(
            method="filter_collections",
            queryset=Collection.objects.published(),
            to_field_name="slug",
            label="Collection",
        )
    )
    unit = _any_of("owner_team__business_unit", BusinessUnit, "Business unit")
    tier = _choice("tier")
    status = _choice("status")
    service = _choice("service")
    latency = _choice("latency")
    rating = _choice("rating")
    data = _choice("data")
    price = _choice("price")
    access = _choice("access")
    framework = _choice("framework")
    language = _choice("language")
    team = SlugFilter(field_name="owner_team__slug", label="Team")
    owner = SlugFilter(field_name="owner__username", label="Owner")
    tag = TextFilter(method="filter_tag", label="Tag", max_length=LONGEST_TAG)
    state = django_filters.MultipleChoiceFilter(
        choices=RegisteredModel.State.choices, label="State", distinct=False
    )
    sort = OrderFilter(
        fields=["name", "calls_30d", "created_at", "consumer_teams", "rating_mean"], label="Sort"
    )

    class Meta:
        model = RegisteredModel
        fields = ["q", "exact", *grouping.BY_PARAM, *search.OTHER_FILTERS, "state", "sort"]

    def filter_text(
        self, queryset: "QuerySet[RegisteredModel]", name: str, text: str
    ) -> "QuerySet[RegisteredModel]":
        return search.rank(queryset, text)

    def pass_by(
        self, queryset: "QuerySet[RegisteredModel]", name: str, value: object
    ) -> "QuerySet[RegisteredModel]":
        """It says how to read `q`, and filters nothing."""
        return queryset

    def filter_group(
        self, queryset: "QuerySet[RegisteredModel]", name: str, values: list[str]
    ) -> "QuerySet[RegisteredModel]":
        return queryset.filter(grouping.query(name, values)) if values else queryset

    def filter_collections(
        self, queryset: "QuerySet[RegisteredModel]", name: str, chosen: list[Collection]
    ) -> "QuerySet[RegisteredModel]":
        return self.filter_group(queryset, name, _values(chosen))

    def filter_tag(
        self, queryset: "QuerySet[RegisteredModel]", name: str, tag: str
    ) -> "QuerySet[RegisteredModel]":
        return queryset.filter(tags__contains=[tag])

    @property
    def asked(self) -> search.Asked:
        """The same question for search.find."""
        if not self.is_valid():
            return search.Asked(is_refused=True)
        given = self.form.cleaned_data
        chosen = {param: _values(given[param]) for param in grouping.BY_PARAM}
        chosen |= {param: [given[param]] for param in search.OTHER_FILTERS if given[param]}
        sort = (given["sort"] or [""])[0]
        return search.Asked(
            text=given["q"],
            exact=bool(given["exact"]),
            chosen={param: tuple(values) for param, values in chosen.items() if values},
            sort=sort if sort in search.SORTS else "",
        )


def _values(chosen: Any) -> list[str]:
    """The chosen values of a group: slugs of terms, or the values themselves."""
    return [getattr(one, "slug", one) for one in chosen or ()]


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


class CollectionFilter(FilterSet):
    """Featured ones, in some states, with a model."""

    model = SlugFilter(field_name="entries__model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Collection.State.choices, label="State")

    class Meta:
        model = Collection
        fields = ["model", "state", "is_featured"]


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
    about = TextFilter(
        method="filter_about",
        label="At most three that wait and say this already",
        max_length=search.LONGEST_QUERY,
    )

    class Meta:
        model = Need
        fields = ["team", "state", "capability", "about"]

    def filter_about(self, queryset: "QuerySet[Need]", name: str, text: str) -> "QuerySet[Need]":
        if not text.strip():
            return queryset
        needs = need_offers.offered(self.request.user, text)
        return queryset.filter(pk__in=[need.pk for need in needs])


@dataclass(frozen=True)
class Chip:
    """One filter in force, and the address without it, drawn by components/chips.html."""

    label: str
    remove_url: str


def chips(data: QueryDict) -> list[Chip]:
    """The filters in force, from a page's query."""
    titles = {group.param: group.title for group in search.GROUPS}
    titles |= {"team": "Team", "owner": "Owner", "tag": "Tag"}
    return [
        Chip(f"{title}: {search.label_of(param, value)}", results.without(data, param, value))
        for param, title in titles.items()
        for value in data.getlist(param)
        if value
    ]
