"""What can be chosen in lists of consumption."""

import django_filters

from consumption.metering import rejections
from consumption.models import (
    AcceptanceExample,
    AcceptanceRun,
    ApiKey,
    Application,
    BatchEvaluation,
    Budget,
    ClosedMonth,
    Discussion,
    Dispute,
    Move,
    Plan,
    RejectedHour,
    Rollout,
    ScheduledChange,
    SharedCost,
    Subscription,
    UnitCharging,
    UsageHour,
)
from marketplace.core.filters import FilterSet, IdFilter, MomentFilter, SlugFilter


class PlanFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")

    class Meta:
        model = Plan
        fields = ["model", "is_offered"]


class ApplicationFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")

    class Meta:
        model = Application
        fields = ["team", "environment"]


class SubscriptionFilter(FilterSet):
    application = SlugFilter(field_name="application__slug", label="Application")
    model = SlugFilter(field_name="model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Subscription.State.choices, label="State")

    class Meta:
        model = Subscription
        fields = ["application", "model", "state"]


class ChangeFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(
        choices=ScheduledChange.State.choices, label="State"
    )

    class Meta:
        model = ScheduledChange
        fields = ["model", "kind", "state"]


class BudgetFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    unit = SlugFilter(field_name="unit__slug", label="Business unit")

    class Meta:
        model = Budget
        fields = ["team", "unit", "cost_centre", "is_hard"]


class SharedCostFilter(FilterSet):
    class Meta:
        model = SharedCost
        fields = ["method"]


class UnitChargingFilter(FilterSet):
    unit = SlugFilter(field_name="unit__slug", label="Business unit")

    class Meta:
        model = UnitCharging
        fields = ["unit", "is_charged"]


class ClosedMonthFilter(FilterSet):
    class Meta:
        model = ClosedMonth
        fields: list[str] = []


class DisputeFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    state = django_filters.MultipleChoiceFilter(choices=Dispute.State.choices, label="State")

    class Meta:
        model = Dispute
        fields = ["team", "state"]


class MoveFilter(FilterSet):
    subscription = IdFilter(field_name="subscription_id", label="Subscription id")
    model = SlugFilter(field_name="subscription__model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Move.State.choices, label="State")

    class Meta:
        model = Move
        fields = ["subscription", "model", "state"]


class AcceptanceExampleFilter(FilterSet):
    subscription = IdFilter(field_name="subscription_id", label="Subscription id")

    class Meta:
        model = AcceptanceExample
        fields = ["subscription"]


class AcceptanceRunFilter(FilterSet):
    subscription = IdFilter(field_name="subscription_id", label="Subscription id")
    model = SlugFilter(field_name="subscription__model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=AcceptanceRun.State.choices, label="State")

    class Meta:
        model = AcceptanceRun
        fields = ["subscription", "model", "state"]


class RolloutFilter(FilterSet):
    model = SlugFilter(field_name="version__model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Rollout.State.choices, label="State")

    class Meta:
        model = Rollout
        fields = ["model", "state"]


class BatchEvaluationFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    state = django_filters.MultipleChoiceFilter(
        choices=BatchEvaluation.State.choices, label="State"
    )

    class Meta:
        model = BatchEvaluation
        fields = ["team", "state"]


class KeyFilter(FilterSet):
    subscription = IdFilter(field_name="subscription_id", label="Subscription id")
    state = django_filters.MultipleChoiceFilter(choices=ApiKey.State.choices, label="State")

    class Meta:
        model = ApiKey
        fields = ["subscription", "state"]


class UsageFilter(FilterSet):
    subscription = IdFilter(field_name="subscription_id", label="Subscription id")
    application = SlugFilter(field_name="subscription__application__slug", label="Application")
    model = SlugFilter(field_name="version__model__slug", label="Model")
    since = MomentFilter(field_name="hour", lookup_expr="gte", label="From (UTC), inclusive")
    until = MomentFilter(field_name="hour", lookup_expr="lt", label="To (UTC), exclusive")

    class Meta:
        model = UsageHour
        fields = ["subscription", "application", "model", "since", "until"]


class RejectionFilter(FilterSet):
    subscription = IdFilter(field_name="subscription_id", label="Subscription id")
    application = SlugFilter(field_name="subscription__application__slug", label="Application")
    model = SlugFilter(field_name="subscription__model__slug", label="Model")
    limit = django_filters.MultipleChoiceFilter(
        choices=[(slug, limit.name) for slug, limit in rejections.LIMITS.items()], label="Limit"
    )
    since = MomentFilter(field_name="hour", lookup_expr="gte", label="From (UTC), inclusive")
    until = MomentFilter(field_name="hour", lookup_expr="lt", label="To (UTC), exclusive")

    class Meta:
        model = RejectedHour
        fields = ["subscription", "application", "model", "limit", "since", "until"]


class DiscussionFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")
    team = SlugFilter(field_name="team__slug", label="Team")
    owner_team = SlugFilter(field_name="model__owner_team__slug", label="Owner team")
    kind = django_filters.MultipleChoiceFilter(choices=Discussion.Kind.choices, label="Kind")
    state = django_filters.MultipleChoiceFilter(choices=Discussion.State.choices, label="State")

    class Meta:
        model = Discussion
        fields = ["model", "team", "owner_team", "kind", "state"]
