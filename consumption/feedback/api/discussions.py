"""Discussions in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import ModelVersion, RegisteredModel
from consumption import actions
from consumption.filters import DiscussionFilter
from consumption.models import Discussion, DiscussionMessage
from consumption.models.discussions import MESSAGE_MAX, PAYLOAD_MAX
from consumption.permissions import can_see_example
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Visible
from marketplace.core.errors import Invalid
from marketplace.core.serializers import LineField, ProseField


class MessageRow(serializers.ModelSerializer[DiscussionMessage]):
    by = serializers.CharField(source="by.username")

    class Meta:
        model = DiscussionMessage
        fields = ["by", "is_publisher", "text", "at"]
        read_only_fields = fields


class DiscussionRow(serializers.ModelSerializer[Discussion]):
    """A bug, a request or an observation about a model."""

    model = serializers.CharField(source="model.slug")
    version = serializers.CharField(source="version.number")
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    opened_by = serializers.CharField(source="opened_by.username")
    fixed_in = serializers.CharField(source="fixed_in.number", default=None, allow_null=True)

    class Meta:
        model = Discussion
        fields = [
            "id",
            "model",
            "version",
            "kind",
            "title",
            "team",
            "opened_by",
            "opened_at",
            "state",
            "state_since",
            "fixed_in",
        ]
        read_only_fields = fields


class DiscussionDetail(DiscussionRow):
    """With its messages. `request_id` and `payload` are for the two sides; others read nothing there."""

    request_id = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()
    messages = MessageRow(many=True)

    class Meta(DiscussionRow.Meta):
        fields = [*DiscussionRow.Meta.fields, "request_id", "payload", "messages"]
        read_only_fields = fields

    def get_request_id(self, discussion: Discussion) -> str | None:
        sees = can_see_example(self.context["request"].user, discussion)
        return str(discussion.request_id) if sees and discussion.request_id else None

    def get_payload(self, discussion: Discussion) -> str:
        sees = can_see_example(self.context["request"].user, discussion)
        return discussion.payload if sees else ""


class DiscussionGiven(serializers.Serializer[Any]):
    """`request_id` of a call that the team made; the marketplace keeps no requests, so an example is what you add as `payload`."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    version = LineField(max_length=30)
    kind = serializers.ChoiceField(choices=Discussion.Kind.choices)
    title = LineField(max_length=120)
    text = ProseField(max_length=MESSAGE_MAX)
    team = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), required=False
    )
    request_id = serializers.UUIDField(required=False)
    payload = ProseField(max_length=PAYLOAD_MAX, required=False, allow_blank=True)


class MessageGiven(serializers.Serializer[Any]):
    text = ProseField(max_length=MESSAGE_MAX)


class ResponseGiven(serializers.Serializer[Any]):
    """`fixed_in`: the number of the published version that fixes it."""

    becomes = serializers.ChoiceField(
        choices=[
            (state.value, state.label)
            for state in (Discussion.State.ACKNOWLEDGED, *Discussion.RESPONSES)
        ]
    )
    text = ProseField(max_length=MESSAGE_MAX, required=False, allow_blank=True)
    fixed_in = LineField(max_length=30, required=False, allow_blank=True)


class Discussions(ReadableResource):
    """What is said about models that one may see; what waits for its publisher first."""

    queryset = Discussion.objects.select_related(
        "model__owner_team", "version", "team", "opened_by", "fixed_in"
    ).prefetch_related("messages__by")
    serializer_class = DiscussionDetail
    filterset_class = DiscussionFilter

    def get_serializer_class(self) -> Any:
        return DiscussionRow if self.action == "list" else DiscussionDetail

    @extend_schema(request=DiscussionGiven, responses={201: DiscussionDetail})
    def create(self, request: ApiRequest) -> Response:
        """Report a bug, ask for something, or tell what was observed."""
        given = self.given(DiscussionGiven)
        model, number = given.pop("model"), given.pop("version").strip().lower()
        listed = ModelVersion.objects.visible_to(request.user).filter(
            model=model, state__in=ModelVersion.LISTED
        )
        version = listed.filter(number=number).select_related("model__owner_team").first()
        if version is None:
            raise Invalid(f"{model} has no such version.", field="version")
        return self.answer(actions.open_discussion(request.user, version, **given), status=201)

    @extend_schema(request=MessageGiven, responses=DiscussionDetail)
    @action(detail=True, methods=["post"])
    def say(self, request: ApiRequest, pk: str) -> Response:
        """Say more; the other side is told."""
        discussion = self.get_object()
        actions.say(request.user, discussion, **self.given(MessageGiven))
        return self.answer(discussion)

    @extend_schema(request=ResponseGiven, responses=DiscussionDetail)
    @action(detail=True, methods=["post"])
    def respond(self, request: ApiRequest, pk: str) -> Response:
        """Acknowledge, answer, fix or decline it, for the owner team."""
        given = self.given(ResponseGiven)
        state = given.pop("becomes")
        discussion = actions.respond(request.user, self.get_object(), state=state, **given)
        return self.answer(discussion)

    @extend_schema(request=Nothing, responses=DiscussionDetail)
    @action(detail=True, methods=["post"])
    def close(self, request: ApiRequest, pk: str) -> Response:
        """Nothing is left to say; for whoever opened it."""
        self.given(Nothing)
        return self.answer(actions.close_discussion(request.user, self.get_object()))

    @extend_schema(request=MessageGiven, responses=DiscussionDetail)
    @action(detail=True, methods=["post"])
    def reopen(self, request: ApiRequest, pk: str) -> Response:
        """The answer does not help: say why."""
        given = self.given(MessageGiven)
        return self.answer(actions.reopen_discussion(request.user, self.get_object(), **given))
