"""What can be chosen in lists of consumption."""

import django_filters

from consumption.models import ApiKey, Application, Plan, RefusedHour, Subscription, UsageHour
from consumption.refusals import LIMITS


class PlanFilter(django_filters.FilterSet):
    model = django_filters.CharFilter(field_name="model__slug", label="Model")

    class Meta:
        model = Plan
        fields = ["model", "is_offered"]


class ApplicationFilter(django_filters.FilterSet):
    team = django_filters.CharFilter(field_name="team__slug", label="Team")

    class Meta:
        model = Application
        fields = ["team", "environment"]


class SubscriptionFilter(django_filters.FilterSet):
    application = django_filters.CharFilter(field_name="application__slug", label="Application")
    model = django_filters.CharFilter(field_name="model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Subscription.State.choices, label="State")

    class Meta:
        model = Subscription
        fields = ["application", "model", "state"]


class KeyFilter(django_filters.FilterSet):
    subscription = django_filters.NumberFilter(field_name="subscription_id", label="Subscription id")
    state = django_filters.MultipleChoiceFilter(choices=ApiKey.State.choices, label="State")

    class Meta:
        model = ApiKey
        fields = ["subscription", "state"]


class UsageFilter(django_filters.FilterSet):
    subscription = django_filters.NumberFilter(field_name="subscription_id", label="Subscription id")
    application = django_filters.CharFilter(field_name="subscription__application__slug", label="Application")
    model = django_filters.CharFilter(field_name="version__model__slug", label="Model")
    since = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="gte", label="From (UTC), inclusive")
    until = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="lt", label="To (UTC), exclusive")

    class Meta:
        model = UsageHour
        fields = ["subscription", "application", "model", "since", "until"]


class RefusalFilter(django_filters.FilterSet):
    subscription = django_filters.NumberFilter(field_name="subscription_id", label="Subscription id")
    application = django_filters.CharFilter(field_name="subscription__application__slug", label="Application")
    model = django_filters.CharFilter(field_name="subscription__model__slug", label="Model")
    limit = django_filters.MultipleChoiceFilter(choices=[(slug, limit.name) for slug, limit in LIMITS.items()], label="Limit")
    since = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="gte", label="From (UTC), inclusive")
    until = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="lt", label="To (UTC), exclusive")

    class Meta:
        model = RefusedHour
        fields = ["subscription", "application", "model", "limit", "since", "until"]
