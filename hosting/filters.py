"""What can be chosen in lists of the runtime."""

import django_filters

from hosting.models import Deployment, HealthSample, Incident
from marketplace.core.filters import FilterSet, IdFilter, MomentFilter, SlugFilter, TruthFilter


class OfVersionFilter(FilterSet):
    """Lists whose rows are about a version can be narrowed to it, or to its model."""

    model = SlugFilter(field_name="version__model__slug", label="Model")
    version = IdFilter(field_name="version_id", label="Version id")


class DeploymentFilter(OfVersionFilter):
    state = django_filters.MultipleChoiceFilter(choices=Deployment.State.choices, label="State")

    class Meta:
        model = Deployment
        fields = ["model", "version", "state"]


class IncidentFilter(OfVersionFilter):
    is_open = TruthFilter(field_name="closed_at", lookup_expr="isnull", label="Not closed yet")
    since = MomentFilter(
        field_name="opened_at", lookup_expr="gte", label="Opened from (UTC), inclusive"
    )

    class Meta:
        model = Incident
        fields = ["model", "version", "is_open", "since"]


class HealthSampleFilter(OfVersionFilter):
    since = MomentFilter(field_name="at", lookup_expr="gte", label="From (UTC), inclusive")

    class Meta:
        model = HealthSample
        fields = ["model", "version", "is_ok", "since"]
