"""Statements, disputes and shared costs in the REST API."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from consumption.filters import ClosedMonthFilter, DisputeFilter
from consumption.models import ClosedMonth, Dispute
from consumption.statements import actions, statement
from consumption.statements.statement import Statement
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Resource
from marketplace.core.serializers import MonthField, ProseField

MONTH = "^20[0-9]{2}-[01][0-9]$"
OF_MONTH = OpenApiParameter("month", str, OpenApiParameter.PATH, pattern=MONTH)


class StatementLineRow(serializers.Serializer[Any]):
    """One line of a month. `cost` is exact, `amount` is what is charged: rounded half to even to the currency's digits."""

    month = serializers.CharField(help_text="2026-11")
    kind = serializers.CharField(help_text="usage, fee, correction, platform or adjustment")
    business_unit = serializers.CharField()
    team = serializers.CharField()
    cost_centre = serializers.CharField()
    application = serializers.CharField()
    model = serializers.CharField()
    version = serializers.CharField()
    plan = serializers.CharField()
    business_unit_name = serializers.CharField()
    team_name = serializers.CharField()
    application_name = serializers.CharField()
    model_name = serializers.CharField()
    plan_name = serializers.CharField()
    subscription = serializers.IntegerField(allow_null=True)
    calls = serializers.IntegerField()
    ok = serializers.IntegerField()
    client_errors = serializers.IntegerField()
    upstream_errors = serializers.IntegerField()
    aborted = serializers.IntegerField()
    unknown = serializers.IntegerField()
    units = serializers.IntegerField(help_text="Calls that are billed.")
    price_kind = serializers.CharField()
    price_micros_per_1000 = serializers.IntegerField(allow_null=True)
    price = serializers.CharField(help_text="In words.")
    currency = serializers.CharField()
    cost = serializers.DecimalField(max_digits=38, decimal_places=9)
    amount = serializers.DecimalField(max_digits=24, decimal_places=4)
    is_charged = serializers.BooleanField(help_text="Charged back; else only shown.")
    about = serializers.CharField(help_text="The month that a correction corrects.")
    description = serializers.CharField()
    key = serializers.CharField(help_text="Names the line in its month.")


class ClosedMonthBrief(serializers.ModelSerializer[ClosedMonth]):
    """A month that finance closed; `sha256` is of all its lines and stands on the record."""

    month = MonthField()
    closed_by = serializers.CharField(source="closed_by.username")

    class Meta:
        model = ClosedMonth
        fields = ["month", "closed_at", "closed_by", "sha256"]
        read_only_fields = fields


class ClosedMonthRow(serializers.ModelSerializer[ClosedMonth]):
    """What the close of a month wrote down: sums of all teams, and what was compared."""

    month = MonthField()
    closed_by = serializers.CharField(source="closed_by.username")
    totals = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))
    reconciled = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))

    class Meta:
        model = ClosedMonth
        fields = ["month", "closed_at", "closed_by", "line_count", "totals", "reconciled", "sha256"]
        read_only_fields = fields


class DisputeRow(serializers.ModelSerializer[Dispute]):
    """A line that a team holds to be wrong, and the answer."""

    month = MonthField()
    team = serializers.CharField(source="team.slug")
    opened_by = serializers.CharField(source="opened_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = Dispute
        fields = [
            "id",
            "month",
            "line_key",
            "team",
            "about",
            "currency",
            "amount",
            "reason",
            "state",
            "credit",
            "opened_by",
            "opened_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class DisputeGiven(serializers.Serializer[Any]):
    """Which line is wrong, and why."""

    month = serializers.RegexField(MONTH)
    line_key = serializers.RegexField("^[0-9a-f]{16}$")
    reason = ProseField(max_length=4000)


class DisputeAnswerGiven(serializers.Serializer[Any]):
    """Finance's answer; `credit` is given back when accepted, by default the whole line."""

    accept = serializers.BooleanField()
    credit = serializers.DecimalField(
        max_digits=20, decimal_places=4, required=False, allow_null=True
    )
    reason = ProseField(max_length=4000)


def _month_or_404(text: str) -> Any:
    first = statement.month(text)
    if f"{first:%Y-%m}" != text:
        raise NotFound("There is no statement of this month yet.")
    return first


class ClosedMonths(ListModelMixin, Resource):  # type: ignore[misc]
    """The months that finance closed, newest first."""

    queryset = ClosedMonth.objects.select_related("closed_by").order_by("-month")
    serializer_class = ClosedMonthBrief
    filterset_class = ClosedMonthFilter

    def get_queryset(self) -> Any:
        """Everybody may know which statements are final."""
        return self.queryset.none() if getattr(self, "swagger_fake_view", False) else self.queryset


class Statements(Resource):
    """The statement of a month, by the month: /statements/2026-11/."""

    queryset = ClosedMonth.objects.all()
    serializer_class = StatementLineRow
    pagination_class = None
    lookup_value_regex = "[0-9-]{7,8}"
    lookup_field = "month"

    @extend_schema(parameters=[OF_MONTH], responses=StatementLineRow(many=True))
    def retrieve(self, request: ApiRequest, month: str) -> Response:
        """All lines of one's teams; for those who oversee, of all teams. A month to come has none."""
        first = statement.month(month)
        if f"{first:%Y-%m}" != month:
            return Response([])
        lines = Statement(request.user, first).lines()
        rows = [statement.as_row(line, first) for line in lines]
        return Response(StatementLineRow(rows, many=True).data)

    @extend_schema(parameters=[OF_MONTH], request=Nothing, responses={201: ClosedMonthRow})
    @action(detail=True, methods=["post"])
    def close(self, request: ApiRequest, month: str) -> Response:
        """Make the month's statements final. Finance does it, when the month is over and adds up."""
        self.given(Nothing)
        made = actions.close_month(request.user, _month_or_404(month))
        return Response(ClosedMonthRow(made).data, status=201)


class Disputes(ReadableResource):
    """Disputes of lines: of one's teams; all for those who oversee."""

    queryset = Dispute.objects.for_list()
    serializer_class = DisputeRow
    filterset_class = DisputeFilter

    @extend_schema(request=DisputeGiven, responses={201: DisputeRow})
    def create(self, request: ApiRequest) -> Response:
        """Say that a line of your team is wrong."""
        given = self.given(DisputeGiven)
        first = _month_or_404(given["month"])
        lines = Statement(request.user, first).lines(key=given["line_key"])
        line = next(iter(lines), None)
        if line is None:
            raise NotFound("No such line in what you may see of this month.")
        made = actions.open_dispute(request.user, first, line, given["reason"])
        return self.answer(made, status=201)

    @extend_schema(request=DisputeAnswerGiven, responses=DisputeRow)
    @action(detail=True, methods=["post"], url_path="answer", url_name="answer")
    def answer_it(self, request: ApiRequest, pk: str) -> Response:
        """Finance's answer."""
        given = self.given(DisputeAnswerGiven)
        return self.answer(actions.answer_dispute(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=DisputeRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take it back."""
        self.given(Nothing)
        return self.answer(actions.withdraw_dispute(request.user, self.get_object()))
