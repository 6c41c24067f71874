"""The value ledger in the REST API: lines, quarters, what publishing took, and the year's sums."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import (
    ReadableResource,
    Reason,
    Resource,
    StrictParameters,
    Visible,
)
from marketplace.core.field_limits import REASON
from marketplace.core.query import whole_number
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.ledger import actions, headline, quarters, rules, unqualified
from marketplace.insights.ledger.filters import (
    PublishingEffortFilter,
    ReuseEventFilter,
    SignedQuarterFilter,
)
from marketplace.insights.models import EffortKind, PublishingEffort, ReuseEvent, SignedQuarter

QUARTER = "^20[0-9]{2}-Q[1-4]$"
YEAR = OpenApiParameter(
    "year",
    {"type": "integer", "minimum": quarters.FIRST_YEAR, "maximum": quarters.LAST_YEAR},
    description="By default the running year.",
)


class QuarterField(serializers.CharField):
    """A quarter's first day as 2026-Q3."""

    def to_representation(self, value: Any) -> str:
        return quarters.name_of(value)


class DollarField(serializers.DecimalField):
    """An amount of US dollars, at least 0."""

    def __init__(self, **kwargs: Any) -> None:
        limits: dict[str, Any] = {
            "max_digits": 12,
            "decimal_places": 2,
            "min_value": 0,
            "max_value": rules.MOST,
        }
        super().__init__(**limits | kwargs)


class ReuseEventRow(serializers.ModelSerializer[ReuseEvent]):
    """A line of the ledger with every input of its amounts, USD."""

    team = serializers.CharField(source="team.slug")
    business_unit = serializers.CharField(source="business_unit.slug")
    capability = serializers.CharField(source="capability.slug")
    model = serializers.CharField(source="model.slug")
    quarter = QuarterField(help_text="2026-Q3")
    complexity = serializers.DictField(child=serializers.CharField())
    search_record = serializers.SerializerMethodField(help_text="SBR-14")
    confirmed_by = serializers.CharField(
        source="confirmed_by.username", default=None, allow_null=True
    )
    is_reversed = serializers.BooleanField()
    is_signed = serializers.BooleanField(
        help_text="Finance signed its quarter: it does not change."
    )

    class Meta:
        model = ReuseEvent
        fields = (
            "id kind team business_unit capability model subscription qualified_on window_from calls days counterfactual complexity size"
            " licence_price booked_cost cost_low cost_mid cost_high grade confidence share integration_logged integration low mid high"
            " rules_version quarter search_record plan_reference plan_amount plan_ended_on plan_text confirmed_by confirmed_at"
            " confirmation reverses reason posted_at is_reversed is_signed"
        ).split()
        read_only_fields = fields

    def get_search_record(self, line: ReuseEvent) -> str | None:
        return f"SBR-{line.search_record_id}" if line.search_record_id else None


class DescribeGiven(serializers.Serializer[Any]):
    """What integrating took; the plan that was given up, whole or not at all."""

    integration = DollarField(required=False, allow_null=True)
    plan_reference = LineField(max_length=120, required=False, allow_blank=True)
    plan_amount = DollarField(required=False, allow_null=True)
    plan_ended_on = serializers.DateField(required=False, allow_null=True)
    plan_text = ProseField(max_length=REASON, required=False, allow_blank=True)


class ConfirmGiven(Reason):
    """What the team would have done; `licence_price` where it would have bought."""

    counterfactual = serializers.ChoiceField(choices=Subscription.COUNTERFACTUALS)
    licence_price = DollarField(required=False, allow_null=True)
    complexity = serializers.DictField(
        child=LineField(max_length=20),
        required=False,
        help_text="Answers about size; docs/value.md.",
    )


class ReuseEvents(ReadableResource):
    """Lines of the ledger: of one's own business units; all for executives, finance and auditors."""

    queryset = ReuseEvent.objects.for_list()
    serializer_class = ReuseEventRow
    filterset_class = ReuseEventFilter

    @extend_schema(request=DescribeGiven, responses=ReuseEventRow)
    @action(detail=True, methods=["post"])
    def describe(self, request: ApiRequest, pk: str) -> Response:
        """Say what integrating took and which plan was given up. The team does."""
        return self.answer(
            actions.describe_line(request.user, self.get_object(), **self.given(DescribeGiven))
        )

    @extend_schema(request=ConfirmGiven, responses=ReuseEventRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request: ApiRequest, pk: str) -> Response:
        """Attest what the team would have done without the model. Somebody who leads a team of its unit does."""
        return self.answer(
            actions.confirm_line(request.user, self.get_object(), **self.given(ConfirmGiven))
        )

    @extend_schema(request=Reason, responses={201: ReuseEventRow})
    @action(detail=True, methods=["post"])
    def reject(self, request: ApiRequest, pk: str) -> Response:
        """Take the line back by a reversal, because its evidence does not hold. Finance does."""
        reason = self.given(Reason)["reason"]
        return self.answer(actions.reject_line(request.user, self.get_object(), reason), status=201)


class SignedQuarterRow(serializers.ModelSerializer[SignedQuarter]):
    """A quarter that finance signed; `sha256` is over its lines and stands on the record."""

    quarter = QuarterField(help_text="2026-Q3")
    signed_by = serializers.CharField(source="signed_by.username")

    class Meta:
        model = SignedQuarter
        fields = ["quarter", "signed_by", "signed_at", "sha256", "audit_event_id"]
        read_only_fields = fields


class QuarterGiven(serializers.Serializer[Any]):
    quarter = serializers.RegexField(QUARTER)


class SignedQuarters(ListModelMixin, Resource):  # type: ignore[misc]
    """The quarters that finance signed, newest first."""

    queryset = SignedQuarter.objects.select_related("signed_by").order_by("-quarter")
    serializer_class = SignedQuarterRow
    filterset_class = SignedQuarterFilter

    def get_queryset(self) -> Any:
        """Everybody may know which quarters are final; sums are in `value`."""
        return self.queryset.none() if getattr(self, "swagger_fake_view", False) else self.queryset

    @extend_schema(request=QuarterGiven, responses={201: SignedQuarterRow})
    def create(self, request: ApiRequest) -> Response:
        """Sign a quarter that is over. Finance does: nobody who had a part in its lines."""
        first = quarters.parsed(self.given(QuarterGiven)["quarter"])
        assert first is not None
        return self.answer(actions.sign_quarter(request.user, first), status=201)


class EffortRow(serializers.ModelSerializer[PublishingEffort]):
    """What a model took its owners: USD to build it, or hours to publish it."""

    model = serializers.CharField(source="model.slug")
    logged_by = serializers.CharField(source="logged_by.username")

    class Meta:
        model = PublishingEffort
        fields = ["id", "model", "kind", "amount", "note", "spent_on", "logged_by", "logged_at"]
        read_only_fields = fields


class EffortGiven(serializers.Serializer[Any]):
    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    kind = serializers.ChoiceField(choices=EffortKind.choices)
    amount = DollarField()
    note = LineField(max_length=200)
    spent_on = serializers.DateField()


class PublishingEfforts(ReadableResource):
    """What models took their owners: of one's own teams; all for executives, finance and auditors."""

    queryset = PublishingEffort.objects.select_related("model", "logged_by")
    serializer_class = EffortRow
    filterset_class = PublishingEffortFilter

    @extend_schema(request=EffortGiven, responses={201: EffortRow})
    def create(self, request: ApiRequest) -> Response:
        """Log it. The owner team does."""
        given = self.given(EffortGiven)
        return self.answer(
            actions.log_effort(request.user, given.pop("model"), **given), status=201
        )


class RangeRow(serializers.Serializer[Any]):
    low = serializers.DecimalField(max_digits=14, decimal_places=2, help_text="What counts.")
    mid = serializers.DecimalField(max_digits=14, decimal_places=2)
    high = serializers.DecimalField(max_digits=14, decimal_places=2)


class QuarterRow(serializers.Serializer[Any]):
    quarter = serializers.CharField(source="name", help_text="2026-Q3")
    sign_state = serializers.ChoiceField(["signed", "open", "ahead"], source="state")
    lines = serializers.IntegerField()
    avoided = RangeRow()


class UnitValueRow(serializers.Serializer[Any]):
    unit_name = serializers.CharField(source="name")
    avoided = RangeRow()


class NetRow(serializers.Serializer[Any]):
    """The net sum of the company, USD."""

    avoided = serializers.DecimalField(max_digits=14, decimal_places=2)
    claims = serializers.DecimalField(max_digits=14, decimal_places=2)
    platform = serializers.DecimalField(max_digits=14, decimal_places=2)
    publishing = serializers.DecimalField(max_digits=14, decimal_places=2)
    total = serializers.DecimalField(max_digits=14, decimal_places=2)


class UnqualifiedRow(serializers.Serializer[Any]):
    """A use that counts nothing, and why."""

    team = serializers.CharField()
    model = serializers.CharField()
    subscription = serializers.IntegerField()
    why_not = serializers.CharField(source="reason")
    calls = serializers.IntegerField(help_text="Answered in production in 90 days.")
    days = serializers.IntegerField()


class ValueYear(serializers.Serializer[Any]):
    """What reuse avoided in a year, USD, of what the caller sees. `net` is null for who sees only their own units."""

    year = serializers.IntegerField()
    is_whole = serializers.BooleanField(
        help_text="The whole company, not the caller's own units only."
    )
    avoided = RangeRow()
    signed = serializers.DecimalField(max_digits=14, decimal_places=2)
    open = serializers.DecimalField(max_digits=14, decimal_places=2)
    quarters = QuarterRow(many=True)
    units = UnitValueRow(many=True)
    net = NetRow(allow_null=True)


class Value(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """What reuse avoided in a year."""

    def _parameters(self) -> dict[str, bool]:
        return {"year": False}

    @extend_schema(parameters=[YEAR], responses=ValueYear, operation_id="value")
    def retrieve(self, request: ApiRequest) -> Response:
        """The counted figure with its range, by quarter and by unit, and the net sum."""
        text = request.query_params.get("year")
        year = headline.years(request.user)[0] if text is None else whole_number(text)
        if year is None or not quarters.FIRST_YEAR <= year <= quarters.LAST_YEAR:
            raise serializers.ValidationError({"year": ["Give a year as 2026."]}, code="invalid")
        return Response(ValueYear(headline.headline(request.user, year)).data)


class CounterfactualGiven(serializers.Serializer[Any]):
    counterfactual = serializers.ChoiceField(choices=Subscription.COUNTERFACTUALS)


class Counterfactuals(Resource):
    """What teams would have done without the models of their subscriptions."""

    queryset = Subscription.objects.for_list()
    serializer_class = CounterfactualGiven

    @extend_schema(request=CounterfactualGiven, responses=CounterfactualGiven)
    def update(self, request: ApiRequest, pk: str) -> Response:
        """Say it, once, where nobody said it at the subscription. Members of the team do."""
        said = self.given(CounterfactualGiven)["counterfactual"]
        actions.state_counterfactual(request.user, self.get_object(), said)
        return Response({"counterfactual": said})


class UncountedUses(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """Uses that count nothing."""

    def _parameters(self) -> dict[str, bool]:
        return {}

    @extend_schema(responses=UnqualifiedRow(many=True), operation_id="uncounted_uses")
    def retrieve(self, request: ApiRequest) -> Response:
        """Uses of models that count nothing as avoided cost, each with the reason; at most 100."""
        return Response(UnqualifiedRow(unqualified.uses(request.user), many=True).data)
