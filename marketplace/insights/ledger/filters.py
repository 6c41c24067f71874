"""What can be chosen in lists of the ledger."""

from marketplace.core.filters import FilterSet, SlugFilter
from marketplace.insights.models import (
    BusinessCase,
    PublishingEffort,
    ReuseEvent,
    SignedQuarter,
    ValueClaim,
)


class ReuseEventFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    unit = SlugFilter(field_name="business_unit__slug", label="Business unit")
    model = SlugFilter(field_name="model__slug", label="Model")

    class Meta:
        model = ReuseEvent
        fields = ["team", "unit", "model", "kind", "grade"]


class ValueClaimFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")

    class Meta:
        model = ValueClaim
        fields = ["team", "state", "kind"]


class SignedQuarterFilter(FilterSet):
    class Meta:
        model = SignedQuarter
        fields: list[str] = []


class PublishingEffortFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")

    class Meta:
        model = PublishingEffort
        fields = ["model", "kind"]


class BusinessCaseFilter(FilterSet):
    class Meta:
        model = BusinessCase
        fields = ["shared"]
