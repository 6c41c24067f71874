"""Demand in the REST API: gaps, and the board that joins them with needs."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import Capability, Need
from catalog.models.needs import TEXT_MAX
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Reason, StrictParameters, Visible
from marketplace.core.filters import FilterSet
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.demand import actions, board
from marketplace.insights.models import DemandGap


class GapRow(serializers.ModelSerializer[DemandGap]):
    """Searches in vain that mean one thing. `score` has the decay; the other numbers are counted as they are, over a year."""

    need = serializers.CharField(default=None, allow_null=True, help_text="As NEED-12")
    queries = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = DemandGap
        fields = [
            "id",
            "title",
            "queries",
            "teams",
            "searches",
            "votes",
            "refusals",
            "score",
            "first_on",
            "last_on",
            "state",
            "need",
            "decision_reason",
            "counted_at",
        ]
        read_only_fields = fields


class GapFilter(FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=DemandGap.State.choices, label="State")

    class Meta:
        model = DemandGap
        fields = ["state"]


class TakeUpGiven(serializers.Serializer[Any]):
    """The gap as a need, in words that everybody in the company reads."""

    title = LineField(max_length=120)
    text = ProseField(max_length=TEXT_MAX)
    capability = serializers.SlugRelatedField(
        slug_field="slug", queryset=Capability.objects.current(), required=False
    )


class JoinNeedGiven(serializers.Serializer[Any]):
    need = Visible(slug_field="id", queryset=Need.objects.all())


class DemandGaps(ReadableResource):
    """What people look for and do not find; for those who look after demand."""

    queryset = DemandGap.objects.for_list()
    serializer_class = GapRow
    filterset_class = GapFilter

    @extend_schema(request=TakeUpGiven, responses=GapRow)
    @action(detail=True, methods=["post"], url_path="take-up")
    def take_up(self, request: ApiRequest, pk: str) -> Response:
        """Make a need of it."""
        gap = self.get_object()
        actions.take_up(request.user, gap, **self.given(TakeUpGiven))
        return self.answer(gap)

    @extend_schema(request=JoinNeedGiven, responses=GapRow)
    @action(detail=True, methods=["post"])
    def join(self, request: ApiRequest, pk: str) -> Response:
        """Say that it is what a need is about."""
        gap = self.get_object()
        actions.join(request.user, gap, **self.given(JoinNeedGiven))
        return self.answer(gap)

    @extend_schema(request=Reason, responses=GapRow)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: ApiRequest, pk: str) -> Response:
        """Say that it is no gap."""
        given = self.given(Reason)
        return self.answer(actions.dismiss(request.user, self.get_object(), **given))


class DemandEntry(serializers.Serializer[Any]):
    """One card of the board: a need, or a gap that is none yet."""

    title = serializers.CharField()
    url = serializers.CharField()
    score = serializers.FloatField()
    teams = serializers.IntegerField()
    searches = serializers.IntegerField()
    votes = serializers.IntegerField()
    refusals = serializers.IntegerField()
    value = serializers.IntegerField(help_text="USD a year, as those who joined say")
    need = serializers.CharField(default=None, allow_null=True, help_text="As NEED-12")
    model = serializers.CharField(
        source="model.slug", default=None, allow_null=True, help_text="If you may see it"
    )


class DemandColumn(serializers.Serializer[Any]):
    stage = serializers.ChoiceField(choices=Need.Stage.choices)
    entries = DemandEntry(many=True)


class DemandBoard(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """The demand board."""

    @extend_schema(responses=DemandColumn(many=True), operation_id="demand_board")
    def list(self, request: ApiRequest) -> Response:
        """All columns, the largest number first in each."""
        return Response(DemandColumn(board.board(request.user), many=True).data)
