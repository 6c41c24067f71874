"""Conditions of approvals in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from governance import actions
from governance.filters import ConditionFilter
from governance.models import Condition
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Reason
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField


class ConditionRow(serializers.ModelSerializer[Condition]):
    """What the owner team must do by a day, and who confirms it."""

    version = serializers.IntegerField(source="version_id")
    model = serializers.CharField(source="version.model.slug")
    number = serializers.CharField(source="version.number")
    review = serializers.IntegerField(source="decision.review_id")
    kind = serializers.CharField(source="decision.review.kind")
    owner = serializers.CharField(source="owner.username")
    fulfilled_by = serializers.CharField(
        source="fulfilled_by.username", default=None, allow_null=True
    )
    confirmed_by = serializers.CharField(
        source="confirmed_by.username", default=None, allow_null=True
    )

    class Meta:
        model = Condition
        fields = [
            "id",
            "version",
            "model",
            "number",
            "review",
            "kind",
            "text",
            "owner",
            "due_on",
            "is_overdue",
            "state",
            "evidence",
            "fulfilled_by",
            "fulfilled_at",
            "returned",
            "confirmed_by",
            "confirmed_at",
        ]
        read_only_fields = fields


class FulfilledGiven(serializers.Serializer[Any]):
    """What was done, and where it is seen, in at least 20 characters."""

    evidence = ProseField(max_length=REASON)


class Conditions(ReadableResource):
    """What approvals ask of owner teams."""

    queryset = Condition.objects.for_page()
    serializer_class = ConditionRow
    filterset_class = ConditionFilter

    @extend_schema(request=FulfilledGiven, responses=ConditionRow)
    @action(detail=True, methods=["post"])
    def fulfil(self, request: ApiRequest, pk: str) -> Response:
        """Say what was done; a reviewer of the kind that set it then confirms it."""
        given = self.given(FulfilledGiven)
        return self.answer(actions.fulfil(request.user, self.get_object(), **given))

    @extend_schema(request=Reason, responses=ConditionRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request: ApiRequest, pk: str) -> Response:
        """Confirm that it is met; never by who fulfilled it or by the owner team."""
        return self.answer(actions.confirm(request.user, self.get_object(), **self.given(Reason)))

    @extend_schema(request=Reason, responses=ConditionRow)
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, request: ApiRequest, pk: str) -> Response:
        """Say why the evidence is not enough."""
        return self.answer(actions.send_back(request.user, self.get_object(), **self.given(Reason)))
