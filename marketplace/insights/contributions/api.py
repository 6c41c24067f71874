"""The contribution board in the REST API."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import StrictParameters
from marketplace.insights.contributions.board import Board, board, name_of, quarter_of
from marketplace.insights.quarters import Quarter


class ContributionTerm(serializers.Serializer[Any]):
    """A part of the formula: points for each row."""

    term = serializers.CharField(source="name")
    meaning = serializers.CharField(source="label")
    points = serializers.IntegerField()


class ContributionRow(serializers.Serializer[Any]):
    """One thing that earned points, and where to see it."""

    term = serializers.CharField()
    points = serializers.IntegerField()
    what = serializers.CharField(source="label")
    url = serializers.CharField()


class TeamContribution(serializers.Serializer[Any]):
    """A team: its points are those of its rows and `lost`, what is above the cap of a model (0 or less)."""

    team = serializers.CharField(source="team.slug")
    points = serializers.IntegerField()
    lost = serializers.IntegerField()
    rows = ContributionRow(many=True)


class ContributionBoard(serializers.Serializer[Any]):
    """The teams with points in a quarter, most points first."""

    quarter = serializers.SerializerMethodField()
    formula = ContributionTerm(many=True)
    model_cap = serializers.IntegerField()
    teams = TeamContribution(many=True)

    def get_quarter(self, shown: Board) -> str:
        return name_of(shown.quarter)


class Contributions(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """Points of teams for what they contribute."""

    def _parameters(self) -> dict[str, bool]:
        return {"quarter": False}

    @extend_schema(
        parameters=[OpenApiParameter("quarter", str, description="As 2026-Q3; else the running.")],
        responses=ContributionBoard,
        operation_id="contributions",
    )
    def retrieve(self, request: ApiRequest) -> Response:
        """The board of a quarter, with the rows behind each team's points."""
        running = Quarter.of(timezone.localdate())
        chosen = quarter_of(request.query_params.get("quarter", "")[:20], running)
        return Response(ContributionBoard(board(request.user, chosen)).data)
