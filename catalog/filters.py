"""One filter set for the catalog's page and its API: what can be chosen, and how many there are of each."""

import django_filters
from django.db.models import Count
from drf_spectacular.utils import extend_schema_field

from catalog import search
from catalog.models import Capability, Domain, ModelType, ModelVersion, RegisteredModel
from marketplace.accounts.models import BusinessUnit
from marketplace.lib.filters import FilterSet, OrderFilter, SlugFilter, TextFilter

TIERS = [("low", "Low"), ("medium", "Medium"), ("high", "High")]


def _any_of(path, kind, label):
    """Rows whose `path` is any of the given slugs of `kind`; in the schema they are plain strings."""
    choice = django_filters.ModelMultipleChoiceFilter(
        field_name=f"{path}__slug", queryset=kind.objects.all(), to_field_name="slug", label=label
    )
    return extend_schema_field(str)(choice)


class ModelFilter(FilterSet):
    """Each choice is "any of"; several choices are "all of". `q` searches and orders by fit."""

    q = TextFilter(method="search", label="Search", max_length=search.LONGEST_QUERY)
    domain = _any_of("domain", Domain, "Domain")
    capability = _any_of("capability", Capability, "Capability")
    type = _any_of("model_type", ModelType, "Model type")
    unit = _any_of("owner_team__business_unit", BusinessUnit, "Business unit")
    tier = django_filters.MultipleChoiceFilter(field_name="risk_tier", choices=TIERS, label="Risk tier")
    state = django_filters.MultipleChoiceFilter(choices=RegisteredModel.State.choices, label="State")
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
    tier = django_filters.MultipleChoiceFilter(field_name="risk_tier", choices=TIERS, label="Risk tier")

    class Meta:
        model = ModelVersion
        fields = ["model", "number", "state", "kind", "tier"]


FACETS = [
    ("Business domain", "domain", "domain__slug", "domain__name"),
    ("Capability", "capability", "capability__slug", "capability__name"),
    ("Model type", "type", "model_type__slug", "model_type__name"),
    ("Business unit", "unit", "owner_team__business_unit__slug", "owner_team__business_unit__name"),
    ("Risk tier", "tier", "risk_tier", "risk_tier"),
]


def facets(models, found):
    """The groups of filters with counts over `models`, as components/facet.html wants them: one query a group."""
    return [_facet(models, found.data, *facet) for facet in FACETS]


def chips(found, data):
    """The filters in force: [{label, remove_url}], each with the address without it."""
    titles = {param: title for title, param, _, _ in FACETS}
    return [
        {"label": f"{titles[param]}: {value.replace('-', ' ')}", "remove_url": _without(data, param, value)}
        for param in titles
        for value in data.getlist(param)
    ]


def _facet(models, data, title, param, value_field, label_field):
    rows = models.exclude(**{value_field: ""}).order_by(label_field).values(value_field, label_field)
    chosen = data.getlist(param) if hasattr(data, "getlist") else []
    options = [
        {
            "value": row[value_field],
            "label": row[label_field].capitalize() if param == "tier" else row[label_field],
            "count": row["count"],
            "selected": row[value_field] in chosen,
        }
        for row in rows.annotate(count=Count("pk", distinct=True))
    ]
    return {"title": title, "param": param, "options": options}


def _without(data, param, value):
    kept = data.copy()
    kept.setlist(param, [other for other in kept.getlist(param) if other != value])
    kept.pop("page", None)
    return "?" + kept.urlencode()
