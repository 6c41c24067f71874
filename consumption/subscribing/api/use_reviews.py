"""Uses above a model's tier in the REST API: what waits for governance, and its decision."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from consumption import actions
from consumption.models import UseReview
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Reason


class UseReviewRow(serializers.ModelSerializer[UseReview]):
    """The answers are those of the version, with what the consumer answered of this use."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="subscription.model.slug")
    purpose = serializers.CharField(source="subscription.purpose")
    reasons = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = UseReview
        fields = [
            "id",
            "subscription",
            "application",
            "model",
            "purpose",
            "answers",
            "tier",
            "model_tier",
            "reasons",
            "state",
            "opened_at",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class UseReviews(ReadableResource):
    """Of one's own teams and models; all of a tier for those who decide at it."""

    queryset = UseReview.objects.for_list()
    serializer_class = UseReviewRow
    filterset_fields = ["state", "tier"]

    @extend_schema(request=Reason, responses=UseReviewRow)
    @action(detail=True, methods=["post"])
    def approve(self, request: ApiRequest, pk: str) -> Response:
        """Governance's yes, with a reason of at least 20 characters."""
        return self.answer(
            actions.approve_use(request.user, self.get_object(), **self.given(Reason))
        )

    @extend_schema(request=Reason, responses=UseReviewRow)
    @action(detail=True, methods=["post"])
    def refuse(self, request: ApiRequest, pk: str) -> Response:
        """Governance's no: the request is denied with the reason."""
        return self.answer(
            actions.refuse_use(request.user, self.get_object(), **self.given(Reason))
        )
