"""Acceptance tests in the REST API: the team's examples, and their runs, of which the model's owners see passed or failed."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from consumption import actions
from consumption.filters import AcceptanceExampleFilter, AcceptanceRunFilter
from consumption.models import AcceptanceExample, AcceptanceResult, AcceptanceRun, Subscription
from consumption.moving.api import version_of
from consumption.permissions import can_manage_application
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Visible
from marketplace.core.errors import Invalid
from marketplace.core.guard import require
from marketplace.core.serializers import LineField, ProseField


class AcceptanceExampleRow(serializers.ModelSerializer[AcceptanceExample]):
    """A stored example and the answer that it accepts."""

    subscription = serializers.IntegerField(source="subscription_id")
    row = serializers.DictField(child=serializers.CharField(allow_blank=True))

    class Meta:
        model = AcceptanceExample
        fields = [
            "id",
            "subscription",
            "name",
            "row",
            "output",
            "low",
            "high",
            "expected",
            "created_at",
        ]
        read_only_fields = fields


class AcceptanceExampleGiven(serializers.Serializer[Any]):
    """Send `low`, `high` or both for a number, else `expected`."""

    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())
    name = LineField(max_length=80)
    row = serializers.DictField(
        child=ProseField(allow_blank=True, max_length=65_536),
        allow_empty=False,
        help_text="Texts by input.",
    )
    output = LineField(
        max_length=80, required=False, default="", help_text="Empty: what is answered first."
    )
    low = serializers.FloatField(required=False, allow_null=True, default=None)
    high = serializers.FloatField(required=False, allow_null=True, default=None)
    expected = LineField(max_length=200, required=False, default="")


class AcceptanceResultRow(serializers.ModelSerializer[AcceptanceResult]):
    example = serializers.IntegerField(source="example_id")
    name = serializers.CharField(source="example.name")
    is_accepted = serializers.SerializerMethodField()

    class Meta:
        model = AcceptanceResult
        fields = ["example", "name", "is_within", "why", "is_accepted", "accepted_reason"]
        read_only_fields = fields

    def get_is_accepted(self, result: AcceptanceResult) -> bool:
        return result.accepted_by_id is not None


class AcceptanceRunRow(serializers.ModelSerializer[AcceptanceRun]):
    """The examples of a subscription on a version. `results` is null for who is not on its team."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="subscription.model.slug")
    version = serializers.CharField(source="version.number")
    results = serializers.SerializerMethodField()

    class Meta:
        model = AcceptanceRun
        fields = [
            "id",
            "subscription",
            "application",
            "model",
            "version",
            "state",
            "is_automatic",
            "examples",
            "failed",
            "asked_at",
            "results",
        ]
        read_only_fields = fields

    @extend_schema_field(AcceptanceResultRow(many=True, allow_null=True))
    def get_results(self, run: AcceptanceRun) -> Any:
        if "teams" not in self.context:
            teams = set(self.context["request"].user.team_ids())
            self.context["teams"] = teams  # type: ignore[index]
        if run.subscription.application.team_id not in self.context["teams"]:
            return None
        return AcceptanceResultRow(run.results.all(), many=True).data


class AcceptanceRunWanted(serializers.Serializer[Any]):
    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())
    version = LineField(max_length=40)


class AcceptanceResultAccepted(serializers.Serializer[Any]):
    example = serializers.IntegerField(min_value=1)
    reason = ProseField(max_length=4000)


class AcceptanceExamples(ReadableResource):
    """The stored examples of one's teams; nobody else sees them."""

    queryset = AcceptanceExample.objects.for_list()
    serializer_class = AcceptanceExampleRow
    filterset_class = AcceptanceExampleFilter

    @extend_schema(request=AcceptanceExampleGiven, responses={201: AcceptanceExampleRow})
    def create(self, request: ApiRequest) -> Response:
        """Store an example; from the first one on, new versions pass them before they answer by themselves."""
        given = self.given(AcceptanceExampleGiven)
        return self.answer(
            actions.add_example(request.user, given.pop("subscription"), **given), status=201
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Delete it with all that was answered to it."""
        actions.delete_example(request.user, self.get_object())
        return Response(status=204)


class AcceptanceRuns(ReadableResource):
    """Runs of examples, of one's own subscriptions and of those to one's models."""

    queryset = AcceptanceRun.objects.for_list()
    serializer_class = AcceptanceRunRow
    filterset_class = AcceptanceRunFilter

    @extend_schema(request=AcceptanceRunWanted, responses={201: AcceptanceRunRow})
    def create(self, request: ApiRequest) -> Response:
        """Run the examples on a version now; it takes two calls of the person's hour."""
        wanted = self.given(AcceptanceRunWanted)
        subscription = wanted["subscription"]
        version = version_of(subscription, wanted["version"])
        return self.answer(actions.run_examples(request.user, subscription, version), status=201)

    @extend_schema(request=AcceptanceResultAccepted, responses=AcceptanceRunRow)
    @action(detail=True, methods=["post"])
    def accept(self, request: ApiRequest, pk: str) -> Response:
        """Accept an answer outside its range, with a reason of at least 20 characters."""
        run = self.get_object()
        application = run.subscription.application
        require(
            can_manage_application(request.user, application),
            f"Only members of {application.team} accept what differs.",
            ask=str(application.team),
        )
        given = self.given(AcceptanceResultAccepted)
        own = AcceptanceExample.objects.visible_to(request.user)
        results = run.results.filter(example__in=own).select_related("example", "run__subscription")
        result = results.filter(example=given["example"]).first()
        if result is None:
            raise Invalid("This run has no such example.", field="example")
        return self.answer(actions.accept_result(request.user, result, given["reason"]))
