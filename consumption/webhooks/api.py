"""Webhooks of teams in the REST API."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from consumption.models import Application
from consumption.webhooks.forms import DeliveryFilter
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, OptionalReason, ReadableResource, Visible
from marketplace.core.errors import Invalid
from marketplace.core.filters import FilterSet, IdFilter, SlugFilter
from marketplace.core.serializers import LineField
from marketplace.notices import webhooks
from marketplace.notices.models import Webhook, WebhookDelivery, WebhookFormat, WebhookTry


class WebhookRow(serializers.ModelSerializer[Webhook]):
    """Where a team's events go. `kinds` empty: all that go to teams; `application` empty: all of the team."""

    team = serializers.CharField(source="team.slug")
    created_by = serializers.CharField(source="created_by.username")
    url = serializers.CharField(
        source="shown_url",
        help_text="Without its query; of a chat, which has its secret there, the host.",
    )

    class Meta:
        model = Webhook
        fields = [
            "id",
            "team",
            "application",
            "name",
            "url",
            "format",
            "kinds",
            "state",
            "old_secret_until",
            "failing_since",
            "problem",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class WebhookOnce(WebhookRow):
    """A webhook with a new secret. It is in this one answer only; one repeated by Idempotency-Key has null there."""

    secret = serializers.CharField(allow_null=True)

    class Meta(WebhookRow.Meta):
        fields = [*WebhookRow.Meta.fields, "secret"]
        read_only_fields = fields


def _kinds() -> serializers.ListField:
    return serializers.ListField(child=LineField(max_length=40), max_length=50, required=False)


class WebhookWanted(serializers.Serializer[Any]):
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    application = Visible(slug_field="slug", queryset=Application.objects.all(), required=False)
    name = LineField(max_length=60)
    url = LineField(max_length=Webhook.URL_MAX)
    format = serializers.ChoiceField(choices=WebhookFormat.choices, default=WebhookFormat.STANDARD)
    kinds = _kinds()


class WebhookChange(serializers.Serializer[Any]):
    name = LineField(max_length=60)
    kinds = _kinds()


class Code(serializers.Serializer[Any]):
    code = LineField(max_length=20)


class Overlap(serializers.Serializer[Any]):
    hours = serializers.IntegerField(min_value=0, max_value=168, default=24)


class Replayed(serializers.Serializer[Any]):
    deliveries = serializers.IntegerField()


class WebhookFilter(FilterSet):
    team = SlugFilter(field_name="team__slug")

    class Meta:
        model = Webhook
        fields = ["team", "state"]


class Webhooks(ReadableResource):
    """Webhooks of one's teams. No token moves them: events go where they say."""

    queryset = Webhook.objects.for_list().order_by("name")
    serializer_class = WebhookRow
    filterset_class = WebhookFilter

    @extend_schema(request=WebhookWanted, responses={201: WebhookOnce})
    def create(self, request: ApiRequest) -> Response:
        """Register an address. Nothing but a challenge is sent there until it is answered."""
        given = self.given(WebhookWanted)
        application = given.pop("application", None)
        if application is not None and application.team_id != given["team"].pk:
            raise Invalid("It is not an application of this team.", field="application")
        slug = application.slug if application else ""
        made = webhooks.register(request.user, application=slug, **given)
        return self._with_secret(*made, status=201)

    @extend_schema(request=WebhookChange, responses=WebhookRow)
    def update(self, request: ApiRequest, pk: str) -> Response:
        """Change its name and the kinds that it gets."""
        given = {"kinds": []} | self.given(WebhookChange)
        return self.answer(webhooks.edit(request.user, self.get_object(), **given))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Give it up for good."""
        webhooks.remove(request.user, self.get_object())
        return Response(status=204)

    @extend_schema(request=Nothing, responses=WebhookRow)
    @action(detail=True, methods=["post"])
    def challenge(self, request: ApiRequest, pk: str) -> Response:
        """Send the challenge (again)."""
        self.given(Nothing)
        return self.answer(webhooks.challenge(request.user, self.get_object()))

    @extend_schema(request=Code, responses=WebhookRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request: ApiRequest, pk: str) -> Response:
        """Prove the address with the code that a chat shows."""
        return self.answer(webhooks.confirm(request.user, self.get_object(), **self.given(Code)))

    @extend_schema(request=Overlap, responses=WebhookOnce)
    @action(detail=True, methods=["post"])
    def rotate(self, request: ApiRequest, pk: str) -> Response:
        """A new secret; the old one signs too for so many hours."""
        overlap = timedelta(hours=self.given(Overlap)["hours"])
        return self._with_secret(*webhooks.rotate(request.user, self.get_object(), overlap))

    @extend_schema(request=OptionalReason, responses=WebhookRow)
    @action(detail=True, methods=["post"])
    def disable(self, request: ApiRequest, pk: str) -> Response:
        """Send it nothing more."""
        found = self.get_object()
        return self.answer(webhooks.disable(request.user, found, **self.given(OptionalReason)))

    @extend_schema(request=Nothing, responses=Replayed)
    @action(detail=True, methods=["post"])
    def replay(self, request: ApiRequest, pk: str) -> Response:
        """Send everything that was given up once more, under the same webhook-ids."""
        self.given(Nothing)
        count = webhooks.replay_failed(request.user, self.get_object())
        return Response({"deliveries": count})

    def _with_secret(self, webhook: Webhook, secret: str, status: int = 200) -> Response:
        kept = WebhookRow(webhook).data | {"secret": None}
        headers = {"Cache-Control": "no-store"}
        response = Response(kept | {"secret": secret}, status=status, headers=headers)
        response.kept_data = kept  # type: ignore[attr-defined]
        return response


class TryRow(serializers.ModelSerializer[WebhookTry]):
    class Meta:
        model = WebhookTry
        fields = ["at", "status", "took_ms", "problem", "answer"]
        read_only_fields = fields


class DeliveryRow(serializers.ModelSerializer[WebhookDelivery]):
    """One event on its way to one webhook; `message_id` is its webhook-id, the same at each try."""

    webhook = serializers.IntegerField(source="webhook_id")
    event = serializers.UUIDField(source="event_id")
    kind = serializers.CharField(source="event.kind")
    title = serializers.CharField(source="event.title")
    message_id = serializers.CharField(source="webhook_id_header")

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "webhook",
            "event",
            "message_id",
            "kind",
            "title",
            "state",
            "tries",
            "made_at",
            "try_at",
            "delivered_at",
        ]
        read_only_fields = fields


class DeliveryDetail(DeliveryRow):
    log = TryRow(many=True)

    class Meta(DeliveryRow.Meta):
        fields = [*DeliveryRow.Meta.fields, "log"]
        read_only_fields = fields


class OfWebhookFilter(DeliveryFilter):
    webhook = IdFilter(field_name="webhook")

    class Meta(DeliveryFilter.Meta):
        fields = ["webhook", "state", "kind"]


class WebhookDeliveries(ReadableResource):
    """What was sent to webhooks that one sees, the newest first, for 30 days."""

    queryset = WebhookDelivery.objects.for_list().order_by("-made_at")
    filterset_class = OfWebhookFilter

    def get_serializer_class(self) -> type[DeliveryRow]:
        return DeliveryRow if self.action == "list" else DeliveryDetail

    @extend_schema(request=Nothing, responses=DeliveryDetail)
    @action(detail=True, methods=["post"])
    def replay(self, request: ApiRequest, pk: str) -> Response:
        """Send it once more, under the same webhook-id."""
        self.given(Nothing)
        return self.answer(webhooks.replay(request.user, self.get_object()))
