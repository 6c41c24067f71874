"""Outcomes in the REST API: what turned out to be true of calls."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consumption import actions
from consumption.feedback.key_authentication import ByKey
from consumption.models import ApiKey, OutcomeReport
from consumption.models.outcomes import LABEL_MAX, ROW_MAX
from marketplace.accounts.authentication import PortalSession
from marketplace.accounts.resources import Resource, StrictParameters
from marketplace.core.serializers import LineField
from marketplace.tokens.authentication import ByToken

MOST = actions.MOST_OUTCOMES


@extend_schema_field(
    {"oneOf": [{"type": "number"}, {"type": "string", "maxLength": LABEL_MAX}, {"type": "boolean"}]}
)
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """A number, a text or a truth value."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | int | float | bool):
            raise serializers.ValidationError("Send a number, a text, true or false.")
        if isinstance(data, str) and len(data) > LABEL_MAX:
            raise serializers.ValidationError(
                f"A label has at most {LABEL_MAX} characters.", code="max_length"
            )
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class OutcomeGiven(serializers.Serializer[Any]):
    """What came of one row of a call. `predicted` is what the model answered: the marketplace keeps no answers."""

    request_id = serializers.UUIDField(help_text="X-Request-Id of the answer")
    row = serializers.IntegerField(min_value=0, max_value=ROW_MAX, required=False, default=0)
    output = LineField(max_length=80, required=False, allow_blank=True, default="")
    actual = ValueField()
    predicted = ValueField(required=False, allow_null=True, default=None)


class OutcomesGiven(serializers.Serializer[Any]):
    outcomes = serializers.ListField(child=OutcomeGiven(), min_length=1, max_length=MOST)


class RefusedRow(serializers.Serializer[Any]):
    request_id = serializers.UUIDField()
    reason = serializers.CharField()


class OutcomesTaken(serializers.Serializer[Any]):
    taken = serializers.IntegerField()
    refused = RefusedRow(many=True)


class Feedback(Resource):
    """Outcome feedback, by the key that made the calls, or by somebody of the consumer's team. No token reports."""

    queryset = OutcomeReport.objects.all()
    serializer_class = OutcomesTaken
    authentication_classes = [ByKey, ByToken, PortalSession]
    pagination_class = None
    filterset_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The same report again changes nothing: no Idempotency-Key is needed, and keys share one user."""
        StrictParameters.initial(self, request, *args, **kwargs)

    @extend_schema(request=OutcomesGiven, responses={200: OutcomesTaken})
    def create(self, request: Any) -> Response:
        """Report what turned out to be true; a row of a call that was reported before is corrected."""
        key = request.auth if isinstance(request.auth, ApiKey) else None
        outcomes = [actions.Outcome(**one) for one in self.given(OutcomesGiven)["outcomes"]]
        subscription = key.subscription if key else None
        refused = actions.report_outcomes(request.user, outcomes, subscription)
        taken = len(outcomes) - len(refused)
        return Response(OutcomesTaken({"taken": taken, "refused": refused}).data)
