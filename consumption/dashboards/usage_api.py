"""Usage and rejections in the REST API."""

from rest_framework import serializers
from rest_framework.mixins import ListModelMixin

from consumption.filters import RejectionFilter, UsageFilter
from consumption.metering import measures, rejections
from consumption.models import RejectedHour, UsageHour
from marketplace.accounts.resources import Resource


class OfSubscription(serializers.ModelSerializer):
    """Whose a row is."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")
    team = serializers.CharField(source="subscription.application.team.slug")


class UsageRow(OfSubscription):
    """One hour of one subscription on one version; durations in microseconds, bytes are never kept.

    calls = ok + client_errors + upstream_errors + aborted + unknown. `cost` is exact: what the terms in force asked for these `units`.
    Team, unit, plan and price are those of the time; where one of them changed within the hour, there is a row for each.
    """

    team = serializers.CharField(source="team.slug", help_text="Who paid.")
    business_unit = serializers.CharField(source="business_unit.slug")
    model = serializers.CharField(source="version.model.slug")
    version = serializers.CharField(source="version.number")
    plan = serializers.CharField(source="terms.plan.slug")
    price_micros_per_1000 = serializers.IntegerField(source="terms.price_micros_per_1000")
    currency = serializers.CharField(source="terms.plan.currency")

    class Meta:
        model = UsageHour
        fields = [
            "hour",
            "subscription",
            "application",
            "team",
            "business_unit",
            "model",
            "version",
            *measures.COUNTS,
            "units",
            "plan",
            "price_micros_per_1000",
            "currency",
            "cost",
            "duration_us",
            "p50_us",
            "p95_us",
            "p99_us",
        ]
        read_only_fields = fields


class Usage(ListModelMixin, Resource):
    """Usage by the hour: of one's own subscriptions, and of one's own models per consuming team. Never a payload."""

    queryset = UsageHour.objects.select_related(
        "subscription__application", "team", "business_unit", "version__model", "terms__plan"
    ).order_by("-hour")
    serializer_class = UsageRow
    filterset_class = UsageFilter


class RejectionRow(OfSubscription):
    """Calls of one subscription that one limit rejected in one hour, before they were forwarded; `last_at` is the last of them."""

    model = serializers.CharField(source="subscription.model.slug")
    plan = serializers.CharField(source="subscription.plan.slug")
    limit = serializers.ChoiceField(
        choices=[(slug, limit.name) for slug, limit in rejections.LIMITS.items()]
    )
    remedy = serializers.SerializerMethodField(help_text="What the caller's team can do.")

    class Meta:
        model = RejectedHour
        fields = [
            "hour",
            "subscription",
            "application",
            "team",
            "model",
            "plan",
            "limit",
            "calls",
            "last_at",
            "remedy",
        ]
        read_only_fields = fields

    def get_remedy(self, row) -> str:
        return rejections.LIMITS[row.limit].remedy


class Rejections(ListModelMixin, Resource):
    """Refused calls by the hour and limit, newest first: of one's own subscriptions, and of those to one's own models."""

    queryset = RejectedHour.objects.select_related(
        "subscription__application__team", "subscription__model", "subscription__plan"
    ).order_by("-hour")
    serializer_class = RejectionRow
    filterset_class = RejectionFilter
