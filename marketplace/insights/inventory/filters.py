"""What the inventory may be asked, by page, API and CSV."""

import django_filters
from django.db.models import Q, QuerySet

from marketplace.accounts.models import BusinessUnit
from marketplace.core.filters import FilterSet, IdFilter, SlugFilter, TextFilter
from marketplace.insights.models import (
    ProductionModel,
    ProductionState,
    PublicationCampaign,
    PublicationCampaignState,
    RiskTier,
    Standing,
)


def _units() -> list[tuple[str, str]]:
    return list(BusinessUnit.objects.values_list("slug", "name"))


class ProductionModelFilter(FilterSet):
    """Rows are annotated with `standing` (ProductionModelSet.with_standing)."""

    q = TextFilter(method="filter_text", label="Name")
    unit = SlugFilter(field_name="business_unit__slug", label="Business unit")
    team = SlugFilter(field_name="owner_team__slug", label="Owner team")
    standing = django_filters.ChoiceFilter(
        choices=Standing.choices, label="Standing", empty_label="All"
    )
    tier = django_filters.ChoiceFilter(
        field_name="risk_tier", choices=RiskTier.choices, label="Risk tier", empty_label="All"
    )
    state = django_filters.ChoiceFilter(
        choices=ProductionState.choices, label="State", empty_label="All"
    )

    campaign = IdFilter(field_name="campaigns", label="Campaign")

    class Meta:
        model = ProductionModel
        fields = ["q", "unit", "team", "standing", "tier", "state", "campaign"]

    def filter_text(
        self, queryset: "QuerySet[ProductionModel]", name: str, text: str
    ) -> "QuerySet[ProductionModel]":
        words = Q(name__icontains=text) | Q(registry_name__icontains=text)
        return queryset.filter(words | Q(description__icontains=text)) if text else queryset


class ProductionModelPageFilter(ProductionModelFilter):
    """The same on the page, where units are listed to choose from."""

    unit = django_filters.ChoiceFilter(
        field_name="business_unit__slug", choices=_units, label="Business unit", empty_label="All"
    )

    class Meta(ProductionModelFilter.Meta):
        fields = ["q", "unit", "standing", "tier", "state"]


class PublicationCampaignFilter(FilterSet):
    """Campaigns in some state."""

    state = django_filters.ChoiceFilter(choices=PublicationCampaignState.choices, label="State")

    class Meta:
        model = PublicationCampaign
        fields = ["state"]
