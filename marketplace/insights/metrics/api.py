"""The success metrics in the REST API: what the pages show, as data."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import SLUG, StrictParameters
from marketplace.core.query import whole_number
from marketplace.insights.metrics import BY_NAME, board
from marketplace.insights.metrics.board import Line
from marketplace.insights.metrics.metric import VERDICTS, Metric
from marketplace.insights.metrics.scope import sight_of

PAGE = 100  # rows
QUARTER = OpenApiParameter(
    "quarter", {"type": "string", "format": "date"}, description="Its first day; else the newest."
)
NAME = OpenApiParameter("name", str, OpenApiParameter.PATH, pattern=f"^{SLUG}$")


class MetricPart(serializers.Serializer[Any]):
    """The metric over the rows of one unit or team; "" is nobody's."""

    name = serializers.CharField(allow_blank=True)
    numerator = serializers.IntegerField()
    denominator = serializers.IntegerField(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class MetricPoint(serializers.Serializer[Any]):
    """The value of one quarter."""

    quarter = serializers.DateField()
    value = serializers.FloatField(allow_null=True)
    is_fixed = serializers.BooleanField()


class MetricAnswer(serializers.Serializer[Any]):
    """A metric in one quarter. `value` is null where it would mislead; `reason` says why. `unit` is that of the value."""

    name = serializers.CharField(source="metric.name")
    title = serializers.CharField(source="metric.title")
    definition = serializers.CharField(source="metric.definition")
    definition_version = serializers.CharField(source="value.definition_version")
    numerator_is = serializers.CharField(source="metric.numerator")
    denominator_is = serializers.CharField(source="metric.denominator", allow_blank=True)
    target = serializers.CharField(source="metric.target", allow_blank=True)
    unit = serializers.ChoiceField(
        ["count", "percent", "days", "calls", "minutes"], source="metric.unit"
    )
    quarter = serializers.DateField(source="value.quarter")
    numerator = serializers.IntegerField(source="value.numerator")
    denominator = serializers.IntegerField(source="value.denominator", allow_null=True)
    value = serializers.FloatField(source="value.value", allow_null=True)
    reason = serializers.CharField(source="value.reason", allow_blank=True)
    verdict = serializers.ChoiceField(VERDICTS, source="value.verdict")
    verdict_text = serializers.CharField(source="value.verdict_text")
    counted_at = serializers.DateTimeField(source="value.computed_at")
    is_fixed = serializers.BooleanField(source="value.is_fixed")
    trend = MetricPoint(many=True)


class MetricDetail(MetricAnswer):
    """With its parts by unit and by team, and what else was counted (docs/metrics.md)."""

    details = serializers.JSONField(source="value.details")
    by_unit = serializers.SerializerMethodField()
    by_team = serializers.SerializerMethodField()

    @extend_schema_field(MetricPart(many=True))
    def get_by_unit(self, line: Line) -> Any:
        return MetricPart(board.split_of(line, "unit"), many=True).data

    @extend_schema_field(MetricPart(many=True))
    def get_by_team(self, line: Line) -> Any:
        return MetricPart(board.split_of(line, "team"), many=True).data


class MetricRowAnswer(serializers.Serializer[Any]):
    """What one thing adds to the metric; `facts` in the order of `columns`."""

    row = serializers.CharField(source="label")
    team = serializers.CharField(allow_blank=True)
    unit = serializers.CharField(allow_blank=True)
    numerator = serializers.IntegerField()
    denominator = serializers.IntegerField()
    facts = serializers.ListField(child=serializers.JSONField())


@extend_schema_serializer(many=False)
class MetricRows(serializers.Serializer[Any]):
    """One page; `after` asks for the next one and is null at the end."""

    count = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField())
    after = serializers.IntegerField(allow_null=True)
    results = MetricRowAnswer(many=True)


class Metrics(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """The success metrics: definitions, figures by quarter, parts, and the rows behind them."""

    lookup_field = "name"
    lookup_value_regex = SLUG

    def _parameters(self) -> dict[str, bool]:
        return {
            "retrieve": {"quarter": False},
            "rows": {"quarter": False, "after": False},
        }.get(self.action, {})

    @extend_schema(responses=MetricAnswer(many=True))
    def list(self, request: ApiRequest) -> Response:
        """All of them in the newest quarter that was counted; none before the first count."""
        lines = board.board(sight_of(request.user)).lines
        return Response(MetricAnswer(lines, many=True).data)

    @extend_schema(parameters=[NAME, QUARTER], responses={200: MetricDetail, 204: None})
    def retrieve(self, request: ApiRequest, name: str) -> Response:
        """One metric in one quarter; 204 before the first count."""
        line = board.line(_metric(name), sight_of(request.user), _quarter(request))
        return Response(MetricDetail(line).data) if line else Response(status=204)

    @extend_schema(
        parameters=[
            NAME,
            QUARTER,
            OpenApiParameter(
                "after", int, description="The position of the last row of the page before."
            ),
        ],
        responses={200: MetricRows, 204: None},
    )
    @action(detail=True)
    def rows(self, request: ApiRequest, name: str) -> Response:
        """The rows that the metric was counted from, a hundred at a time; 204 before the first count."""
        line = board.line(_metric(name), sight_of(request.user), _quarter(request))
        if line is None:
            return Response(status=204)
        after = whole_number(request.query_params.get("after", "0"))
        if after is None:
            raise serializers.ValidationError({"after": ["Give a whole number."]}, code="invalid")
        rows = board.rows_of([line.value])
        page = list(rows.filter(position__gt=after)[: PAGE + 1])
        answer = {
            "count": rows.count(),
            "columns": line.metric.columns,
            "after": page[PAGE - 1].position if len(page) > PAGE else None,
            "results": page[:PAGE],
        }
        return Response(MetricRows(answer).data)


def _metric(name: str) -> Metric:
    if name not in BY_NAME:
        raise Http404
    return BY_NAME[name]


def _quarter(request: ApiRequest) -> str | None:
    return request.query_params.get("quarter")
