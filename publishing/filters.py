"""What can be chosen in lists of the journey."""

import django_filters

from marketplace.core.filters import FilterSet, IdFilter, SlugFilter
from publishing.models import RetirementWaiver


class RetirementWaiverFilter(FilterSet):
    model = SlugFilter(field_name="version__model__slug", label="Model")
    version = IdFilter(field_name="version_id", label="Version id")
    state = django_filters.MultipleChoiceFilter(
        choices=RetirementWaiver.State.choices, label="State"
    )

    class Meta:
        model = RetirementWaiver
        fields = ["model", "version", "state"]
