"""Automatic minor updates in the REST API: how far each is, what its guard counted, and the pages' verbs."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from consumption import actions
from consumption.filters import RolloutFilter
from consumption.models import Rollout, Subscription
from consumption.rollouts import page
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason, Visible


class RolloutSideRow(serializers.Serializer[Any]):
    """Calls of one side; `p95_us` is null while none was answered."""

    calls = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Answered with 5xx.")
    refused = serializers.IntegerField(help_text="Answered with 4xx.")
    p95_us = serializers.IntegerField(allow_null=True)


class RolloutEvidenceRow(serializers.Serializer[Any]):
    """`is_earlier`: `old` is what the same applications called before."""

    canary = RolloutSideRow()
    old = RolloutSideRow()
    is_earlier = serializers.BooleanField()


class RolloutMemberRow(serializers.Serializer[Any]):
    """One application that the update concerns."""

    subscription = serializers.IntegerField(source="subscription.pk")
    application = serializers.CharField(source="subscription.application.slug")
    from_version = serializers.CharField(source="member.from_version.number")
    is_canary = serializers.BooleanField(source="member.is_canary")
    got_at = serializers.DateTimeField(source="member.got_at", allow_null=True)
    agreed_at = serializers.DateTimeField(source="member.agreed_at", allow_null=True)
    standing = serializers.CharField(help_text="Where it stands, in words.")


class RolloutStepRow(serializers.Serializer[Any]):
    """One share of the applications; what it takes before the next one."""

    percent = serializers.IntegerField(help_text="Of the applications that may get it.")
    hours = serializers.IntegerField(help_text="The next step begins at the earliest after them.")
    calls = serializers.IntegerField(help_text="So many calls are judged at least.")
    days = serializers.IntegerField(help_text="It is given up where they were fewer after them.")


class RolloutRow(serializers.ModelSerializer[Rollout]):
    """An automatic minor update. `step` is a place in `steps`; `figures` is null while nobody has it."""

    model = serializers.CharField(source="version.model.slug")
    version = serializers.CharField(source="version.number")
    stopped_by = serializers.CharField(
        source="stopped_by.username", default=None, allow_null=True, help_text="Null: the guard."
    )
    follows_at = serializers.DateTimeField(allow_null=True)
    given_up_at = serializers.DateTimeField(allow_null=True)
    steps = RolloutStepRow(many=True)
    figures = serializers.SerializerMethodField()

    class Meta:
        model = Rollout
        fields = [
            "id",
            "model",
            "version",
            "state",
            "announced_at",
            "starts_at",
            "canary_at",
            "follows_at",
            "given_up_at",
            "ended_at",
            "steps",
            "step",
            "step_at",
            "needs_yes",
            "figures",
            "reason",
            "stopped_by",
        ]
        read_only_fields = fields

    @extend_schema_field(RolloutEvidenceRow(allow_null=True))
    def get_figures(self, rollout: Rollout) -> Any:
        return RolloutEvidenceRow(rollout.figures).data if rollout.figures else None


class RolloutAgreed(serializers.Serializer[Any]):
    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())


class Rollouts(ReadableResource):
    """Automatic minor updates of one's models, and of those that one's applications follow."""

    queryset = Rollout.objects.for_list()
    serializer_class = RolloutRow
    filterset_class = RolloutFilter

    @extend_schema(request=Reason, responses=RolloutRow)
    @action(detail=True, methods=["post"])
    def stop(self, request: ApiRequest, pk: str) -> Response:
        """End it, with a reason of at least 20 characters: who has it goes back."""
        reason = self.given(Reason)["reason"]
        return self.answer(actions.stop_rollout(request.user, self.get_object(), reason))

    @extend_schema(request=Nothing, responses={201: RolloutRow})
    @action(detail=True, methods=["post"])
    def restart(self, request: ApiRequest, pk: str) -> Response:
        """Try an update that was given up again, from its first share on."""
        self.given(Nothing)
        return self.answer(actions.restart_rollout(request.user, self.get_object()), status=201)

    @extend_schema(request=RolloutAgreed, responses=RolloutRow)
    @action(detail=True, methods=["post"])
    def agree(self, request: ApiRequest, pk: str) -> Response:
        """Say yes to an update of high risk for a subscription of your team."""
        rollout = self.get_object()
        subscription = self.given(RolloutAgreed)["subscription"]
        actions.agree_to_update(request.user, rollout, subscription)
        return self.answer(rollout)

    @extend_schema(responses=RolloutMemberRow(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def members(self, request: ApiRequest, pk: str) -> Response:
        """The applications that it concerns: all for the model's owners, else one's own. At most 200."""
        rows, _ = page.rows_of(request.user, self.get_object())
        return Response(RolloutMemberRow(rows, many=True).data)
