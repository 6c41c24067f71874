"""Moves of subscriptions to other versions and plans in the REST API: the pages' verbs, and what they show first."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import ModelVersion
from consumption import actions, affected
from consumption.filters import MoveFilter
from consumption.models import Move, Plan, Subscription
from consumption.moving import differences
from consumption.permissions import can_manage_application
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import (
    Nothing,
    OptionalReason,
    ReadableResource,
    Reason,
    Visible,
)
from marketplace.core.errors import Invalid
from marketplace.core.guard import require
from marketplace.core.serializers import LineField, ProseField


class MoveRow(serializers.ModelSerializer[Move]):
    """A move of one subscription. A version or a plan is where it goes, the other one is null."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="subscription.model.slug")
    from_version = serializers.CharField(
        source="from_version.number", default=None, allow_null=True
    )
    to_version = serializers.CharField(source="to_version.number", default=None, allow_null=True)
    from_plan = serializers.CharField(source="from_plan.slug", default=None, allow_null=True)
    to_plan = serializers.CharField(source="to_plan.slug", default=None, allow_null=True)
    asked_by = serializers.CharField(source="asked_by.username")

    class Meta:
        model = Move
        fields = [
            "id",
            "subscription",
            "application",
            "model",
            "from_version",
            "to_version",
            "from_plan",
            "to_plan",
            "version_policy",
            "state",
            "effective_at",
            "undo_until",
            "undone_at",
            "reason",
            "note",
            "asked_by",
            "asked_at",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class MoveWanted(serializers.Serializer[Any]):
    """Either `version` or `plan`."""

    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())
    version = LineField(
        max_length=40, required=False, help_text="The number of a version of the same model."
    )
    version_policy = serializers.ChoiceField(
        choices=Subscription.Policy.choices,
        required=False,
        help_text="How new versions are followed from then on; as now by default.",
    )
    plan = Visible(slug_field="id", queryset=Plan.objects.all(), required=False)
    at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Empty: now."
    )
    reason = ProseField(
        max_length=4000,
        required=False,
        allow_blank=True,
        default="",
        help_text="What for, where the owner approves who gets the plan.",
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """The version itself, and only what goes with it."""
        if bool(data.get("version")) == bool(data.get("plan")):
            raise serializers.ValidationError({"version": ["Send either a version or a plan."]})
        if data.get("plan") and data.get("version_policy"):
            raise serializers.ValidationError(
                {"version_policy": ["It goes with a version, not with a plan."]}
            )
        if data.get("version"):
            data["version"] = version_of(data["subscription"], data["version"])
        return data


class CallDifferenceRow(serializers.Serializer[Any]):
    """One thing that changes in the caller's calls. `must`: calls fail, or mean something else, unless it is done."""

    act = serializers.ChoiceField(choices=[(act.value, act.value) for act in differences.Act])
    old = serializers.CharField(
        allow_blank=True, help_text="A field of today; empty where there is none."
    )
    new = serializers.CharField(allow_blank=True)
    names = serializers.ListField(
        child=serializers.CharField(), help_text="Of fields that stay as they are."
    )
    text = serializers.CharField()
    must = serializers.BooleanField()


class MovePreviewWanted(serializers.Serializer[Any]):
    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())
    version = LineField(max_length=40)


class MovePreview(serializers.Serializer[Any]):
    """What a move would change. Nothing is kept."""

    from_version = serializers.CharField(help_text="What answers now.")
    to_version = serializers.CharField()
    differences = CallDifferenceRow(many=True)
    stops_at = serializers.DateTimeField(
        allow_null=True, help_text="When the version of today stops; null: not announced."
    )


class Moves(ReadableResource):
    """Moves of the subscriptions of one's teams, and of those to one's models."""

    queryset = Move.objects.for_list()
    serializer_class = MoveRow
    filterset_class = MoveFilter

    @extend_schema(request=MoveWanted, responses={201: MoveRow})
    def create(self, request: ApiRequest) -> Response:
        """Move a subscription of your team to another version or plan, now or at a time; its keys stay."""
        wanted = self.given(MoveWanted)
        subscription, at = wanted["subscription"], wanted["at"]
        if plan := wanted.get("plan"):
            made = actions.move_plan(
                request.user, subscription, plan, at=at, reason=wanted["reason"]
            )
        else:
            policy = wanted.get("version_policy", "")
            made = actions.move_version(
                request.user, subscription, wanted["version"], at=at, version_policy=policy
            )
        return self.answer(made, status=201)

    @extend_schema(request=MovePreviewWanted, responses=MovePreview)
    @action(detail=False, methods=["post"])
    def preview(self, request: ApiRequest) -> Response:
        """What would change in your calls; nothing is changed."""
        wanted = self.given(MovePreviewWanted)
        subscription = wanted["subscription"]
        team = subscription.application.team
        require(
            can_manage_application(request.user, subscription.application),
            f"Only members of {team} move its subscriptions.",
            ask=str(team),
        )
        current = affected.answering([subscription])[subscription.pk]
        target = version_of(subscription, wanted["version"])
        shown = {
            "from_version": current.number,
            "to_version": target.number,
            "differences": differences.between(
                current.signature, target.signature, current.sla, target.sla
            ),
            "stops_at": current.sunset_at,
        }
        return Response(MovePreview(shown).data)

    @extend_schema(request=Reason, responses=MoveRow)
    @action(detail=True, methods=["post"])
    def approve(self, request: ApiRequest, pk: str) -> Response:
        """The owner's yes to a plan."""
        return self.answer(
            actions.approve_move(request.user, self.get_object(), **self.given(Reason))
        )

    @extend_schema(request=Reason, responses=MoveRow)
    @action(detail=True, methods=["post"])
    def deny(self, request: ApiRequest, pk: str) -> Response:
        """The owner's no, with a reason of at least 20 characters."""
        return self.answer(actions.deny_move(request.user, self.get_object(), **self.given(Reason)))

    @extend_schema(request=Nothing, responses=MoveRow)
    @action(detail=True, methods=["post"])
    def cancel(self, request: ApiRequest, pk: str) -> Response:
        """Take it back before it is made."""
        move = self.get_object()
        self.given(Nothing)
        return self.answer(actions.cancel_move(request.user, move))

    @extend_schema(request=OptionalReason, responses=MoveRow)
    @action(detail=True, methods=["post"])
    def undo(self, request: ApiRequest, pk: str) -> Response:
        """Bring back what was before, within its period; the keys stay."""
        return self.answer(
            actions.undo_move(request.user, self.get_object(), **self.given(OptionalReason))
        )


def version_of(subscription: Subscription, number: str) -> ModelVersion:
    """A version that somebody who subscribes to the model may know of. Raises Invalid."""
    listed = subscription.model.versions.filter(state__in=ModelVersion.LISTED, number=number)
    version = listed.select_related("model__owner_team").first()
    if version is None:
        raise Invalid(f"{subscription.model} has no version {number[:40]}.", field="version")
    return version
