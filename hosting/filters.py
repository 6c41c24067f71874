"""What can be chosen in lists of the runtime."""

import django_filters

from hosting.models import Deployment


class DeploymentFilter(django_filters.FilterSet):
    model = django_filters.CharFilter(field_name="version__model__slug", label="Model")
    version = django_filters.NumberFilter(field_name="version_id", label="Version id")
    state = django_filters.MultipleChoiceFilter(choices=Deployment.State.choices, label="State")

    class Meta:
        model = Deployment
        fields = ["model", "version", "state"]
