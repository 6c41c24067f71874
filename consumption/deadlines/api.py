"""What needs the caller, in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from consumption import deadlines
from consumption.models import Subscription
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import StrictParameters


class DeadlineRow(serializers.Serializer[Any]):
    """`act` is what settles it, `act_url` the page where it is done; `is_at_risk`: calls stop then, unless somebody acts."""

    kind = serializers.ChoiceField(choices=deadlines.Kind.choices)
    due = serializers.DateTimeField()
    title = serializers.CharField()
    url = serializers.CharField()
    text = serializers.CharField()
    act = serializers.CharField()
    act_url = serializers.CharField()
    is_at_risk = serializers.BooleanField()
    subscription = serializers.IntegerField(
        source="subscription.pk", allow_null=True, default=None, help_text="Empty: about none."
    )


class Deadlines(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """What needs the caller: dates and acts about their teams' subscriptions, and what waits for their decision."""

    @extend_schema(responses=DeadlineRow(many=True))
    def list(self, request: ApiRequest) -> Response:
        """All of it, the soonest first."""
        held = list(Subscription.objects.held_by(request.user).going_on().for_list())
        return Response(DeadlineRow(deadlines.for_person(request.user, held), many=True).data)
