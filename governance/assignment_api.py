"""Absences of reviewers in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from governance import actions
from governance.models import Absence
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, Resource


class AbsenceRow(serializers.ModelSerializer[Absence]):
    """The days on which one is away, first and last included."""

    class Meta:
        model = Absence
        fields = ["id", "starts_on", "ends_on", "cancelled_at"]
        read_only_fields = fields


class AbsenceGiven(serializers.Serializer[Any]):
    """From today on, at most 90 days after the first day."""

    starts_on = serializers.DateField()
    ends_on = serializers.DateField()


class Absences(ListModelMixin, Resource):  # type: ignore[misc]
    """The own absences: nothing is given to who is away."""

    queryset = Absence.objects.order_by("starts_on", "pk")
    serializer_class = AbsenceRow

    @extend_schema(request=AbsenceGiven, responses={201: AbsenceRow})
    def create(self, request: ApiRequest) -> Response:
        """Plan one; from its first day on, others get what you have."""
        return self.answer(actions.be_away(request.user, **self.given(AbsenceGiven)), status=201)

    @extend_schema(request=Nothing, responses=AbsenceRow)
    @action(detail=True, methods=["post"])
    def cancel(self, request: ApiRequest, pk: str) -> Response:
        """Be there after all."""
        self.given(Nothing)
        return self.answer(actions.cancel_absence(request.user, self.get_object()))
