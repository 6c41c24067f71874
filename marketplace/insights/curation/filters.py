"""What can be chosen in lists of findings."""

import django_filters

from marketplace.core.filters import FilterSet, SlugFilter
from marketplace.insights.models import CurationItem


class CurationFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")
    team = SlugFilter(field_name="model__owner_team__slug", label="Team")
    owner = SlugFilter(field_name="owner__username", label="Who has it")
    kind = django_filters.MultipleChoiceFilter(choices=CurationItem.Kind.choices, label="Kind")
    state = django_filters.MultipleChoiceFilter(choices=CurationItem.State.choices, label="State")

    class Meta:
        model = CurationItem
        fields = ["model", "team", "owner", "kind", "state"]
