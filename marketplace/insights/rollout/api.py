"""The rollout in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import StrictParameters
from marketplace.insights.rollout.phases import phases


class RolloutCriterion(serializers.Serializer[Any]):
    """Something that has to be true; `is_met` is null while it cannot be told."""

    criterion = serializers.CharField(source="label")
    is_met = serializers.BooleanField(source="ok", allow_null=True)
    detail = serializers.CharField()
    url = serializers.CharField()


class RolloutPhase(serializers.Serializer[Any]):
    """A step of the rollout; reached when all criteria are met."""

    number = serializers.IntegerField()
    title = serializers.CharField()
    aim = serializers.CharField()
    is_reached = serializers.BooleanField()
    criteria = RolloutCriterion(many=True)


class Rollout(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """The phases of the rollout."""

    @extend_schema(responses=RolloutPhase(many=True), operation_id="rollout")
    def retrieve(self, request: ApiRequest) -> Response:
        """All phases with their criteria and the figures now."""
        return Response(RolloutPhase(phases(request.user), many=True).data)
