"""What can be chosen in lists of governance."""

import django_filters

from governance.models import Amendment, Condition, PolicyChange, Review, RoleChange, Waiver
from marketplace.core.filters import FilterSet, IdFilter, SlugFilter, TextFilter


class ReviewFilter(FilterSet):
    model = SlugFilter(field_name="version__model__slug", label="Model")
    version = IdFilter(field_name="version_id", label="Version id")
    kind = django_filters.MultipleChoiceFilter(choices=Review.Kind.choices, label="Kind")
    state = django_filters.MultipleChoiceFilter(choices=Review.State.choices, label="State")

    class Meta:
        model = Review
        fields = ["model", "version", "kind", "state"]


class AmendmentFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Amendment.State.choices, label="State")

    class Meta:
        model = Amendment
        fields = ["model", "state"]


class ConditionFilter(FilterSet):
    model = SlugFilter(field_name="version__model__slug", label="Model")
    version = IdFilter(field_name="version_id", label="Version id")
    state = django_filters.MultipleChoiceFilter(choices=Condition.State.choices, label="State")

    class Meta:
        model = Condition
        fields = ["model", "version", "state"]


class RoleChangeFilter(FilterSet):
    user = TextFilter(field_name="user__username", label="For whom")
    state = django_filters.MultipleChoiceFilter(choices=RoleChange.State.choices, label="State")

    class Meta:
        model = RoleChange
        fields = ["user", "role", "state"]


class PolicyChangeFilter(FilterSet):
    kind = django_filters.MultipleChoiceFilter(choices=PolicyChange.Kind.choices, label="Kind")
    state = django_filters.MultipleChoiceFilter(choices=PolicyChange.State.choices, label="State")

    class Meta:
        model = PolicyChange
        fields = ["kind", "state"]


class WaiverFilter(FilterSet):
    model = SlugFilter(field_name="version__model__slug", label="Model")
    version = IdFilter(field_name="version_id", label="Version id")
    state = django_filters.MultipleChoiceFilter(choices=Waiver.State.choices, label="State")

    class Meta:
        model = Waiver
        fields = ["model", "version", "state"]
