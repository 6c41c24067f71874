"""One filter set for the catalog's page and its API: what can be chosen, and how many there are of each."""

import django_filters
from django.db.models import Count

from catalog import search
from catalog.models import Capability, Domain, ModelType, RegisteredModel
from marketplace.accounts.models import BusinessUnit

TIERS = [("low", "Low"), ("medium", "Medium"), ("high", "High")]


class ModelFilter(django_filters.FilterSet):
    """Each choice is "any of"; several choices are "all of". `q` searches and orders by fit."""

    q = django_filters.CharFilter(method="search", label="Search")
    domain = django_filters.ModelMultipleChoiceFilter(
        field_name="domain__slug", queryset=Domain.objects.all(), to_field_name="slug", label="Domain"
    )
    capability = django_filters.ModelMultipleChoiceFilter(
        field_name="capability__slug", queryset=Capability.objects.all(), to_field_name="slug", label="Capability"
    )
    type = django_filters.ModelMultipleChoiceFilter(
        field_name="model_type__slug", queryset=ModelType.objects.all(), to_field_name="slug", label="Model type"
    )
    unit = django_filters.ModelMultipleChoiceFilter(
        field_name="owner_team__business_unit__slug", queryset=BusinessUnit.objects.all(), to_field_name="slug",
        label="Business unit",
    )  # fmt: skip
    tier = django_filters.MultipleChoiceFilter(field_name="risk_tier", choices=TIERS, label="Risk tier")
    sort = django_filters.OrderingFilter(
        fields=["name", "calls_30d", "created_at", "consumer_teams", "rating_mean"], label="Sort"
    )

    class Meta:
        model = RegisteredModel
        fields = ["q", "domain", "capability", "type", "unit", "tier", "sort"]

    def search(self, queryset, name, text):
        return search.rank(queryset, text)

    @property
    def corrected(self):
        """The search words as understood, when they differ from what was typed; else ""."""
        typed = search.content_words(self.data.get("q", ""))
        understood = search.correct(self.queryset, typed) if typed else []
        return " ".join(understood) if understood != typed else ""


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
