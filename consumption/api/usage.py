"""Usage and rejections in the REST API."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from consumption import statement
from consumption.filters import RejectionFilter, UsageFilter
from consumption.metering import measures, rejections
from consumption.models import RejectedHour, UsageHour
from marketplace.accounts.resources import Resource, StrictParameters


class OfSubscription(serializers.ModelSerializer):
    """Whose a row is."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")
    team = serializers.CharField(source="subscription.application.team.slug")


class UsageRow(OfSubscription):
    """One hour of one subscription on one version; durations in microseconds, bytes are never kept.

    calls = ok + client_errors + upstream_errors + aborted + unknown. `cost` is exact: `units` × the price that was in force.
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


MONTH = "^20[0-9]{2}-[01][0-9]$"


class StatementLineRow(serializers.Serializer):
    """One price of one application on one version in one month. `cost` is exact: `units` × price ÷ 1 000."""

    month = serializers.CharField(help_text="2026-11")
    business_unit = serializers.CharField()
    team = serializers.CharField()
    application = serializers.CharField()
    model = serializers.CharField()
    version = serializers.CharField()
    plan = serializers.CharField()
    business_unit_name = serializers.CharField()
    team_name = serializers.CharField()
    application_name = serializers.CharField()
    model_name = serializers.CharField()
    plan_name = serializers.CharField()
    subscription = serializers.IntegerField()
    calls = serializers.IntegerField()
    ok = serializers.IntegerField()
    client_errors = serializers.IntegerField()
    upstream_errors = serializers.IntegerField()
    aborted = serializers.IntegerField()
    unknown = serializers.IntegerField()
    units = serializers.IntegerField(help_text="Calls that are billed.")
    price_micros_per_1000 = serializers.IntegerField()
    currency = serializers.CharField()
    cost = serializers.DecimalField(max_digits=38, decimal_places=9)


class Statements(StrictParameters, viewsets.ViewSet):
    """The statement of a month, by its first day's month: /statements/2026-11/."""

    lookup_value_regex = "20[0-9]{2}-[01][0-9]"
    lookup_field = "month"

    @extend_schema(
        parameters=[OpenApiParameter("month", str, OpenApiParameter.PATH, pattern=MONTH)],
        responses=StatementLineRow(many=True),
    )
    def retrieve(self, request, month):
        """All lines that one may see: of one's teams' calls and of one's own models."""
        first = statement.month(month)
        lines = statement.Lines(request.user, first) if f"{first:%Y-%m}" == month else []
        rows = [line.__dict__ | {"month": month} for line in lines]
        return Response(StatementLineRow(rows, many=True).data)
