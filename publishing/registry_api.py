"""Connected model registries in the REST API: connected and ended by people, and what came of each version."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource
from marketplace.core.serializers import LineField
from publishing.models import (
    RegistryConnection,
    RegistryDelivery,
    RegistryImport,
    RegistryTrigger,
)
from publishing.registry import actions
from publishing.registry.actions import CREDENTIAL_MAX

DELIVERIES = 20  # the last ones, with a connection


class RegistryDeliveryRow(serializers.ModelSerializer[RegistryDelivery]):
    """A signed event that came; `import` is null when it publishes nothing."""

    class Meta:
        model = RegistryDelivery
        fields = [
            "delivery_id",
            "event",
            "registered_model",
            "registered_version",
            "imported",
            "received_at",
        ]
        read_only_fields = fields


class RegistryConnectionRow(serializers.ModelSerializer[RegistryConnection]):
    """A connected registry without its secret. `events_url` is what the tracking server posts to."""

    team = serializers.CharField(source="team.slug")
    acts_for = serializers.CharField(source="acts_for.username")
    events_url = serializers.CharField()

    class Meta:
        model = RegistryConnection
        fields = [
            "key",
            "name",
            "team",
            "tracking_url",
            "trigger",
            "marker",
            "acts_for",
            "events_url",
            "created_at",
        ]
        read_only_fields = fields


class RegistryConnectionDetail(RegistryConnectionRow):
    """A connection with its last deliveries."""

    deliveries = serializers.SerializerMethodField()

    class Meta(RegistryConnectionRow.Meta):
        fields = [*RegistryConnectionRow.Meta.fields, "deliveries"]
        read_only_fields = fields

    @extend_schema_field(RegistryDeliveryRow(many=True))
    def get_deliveries(self, connection: RegistryConnection) -> list[dict[str, Any]]:
        return list(RegistryDeliveryRow(connection.deliveries.all()[:DELIVERIES], many=True).data)


class RegistrySecret(RegistryConnectionRow):
    """A connection with its new secret, in this one answer only; an answer repeated by Idempotency-Key has null there."""

    secret = serializers.CharField(allow_null=True)

    class Meta(RegistryConnectionRow.Meta):
        fields = [*RegistryConnectionRow.Meta.fields, "secret"]
        read_only_fields = fields


class RegistryGiven(serializers.Serializer[Any]):
    """Which registry, and what in it publishes: `marker` is the alias, or the tag as name=value."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    name = LineField(max_length=60)
    tracking_url = LineField(max_length=RegistryConnection.URL_MAX)
    trigger = serializers.ChoiceField(
        choices=RegistryTrigger.choices, default=RegistryTrigger.ALIAS.value
    )
    marker = LineField(max_length=200, required=False, allow_blank=True)
    credential = LineField(max_length=CREDENTIAL_MAX, required=False, allow_blank=True)


class RegistryConnections(ReadableResource):
    """Model registries of one's teams that publish by themselves. No token connects one."""

    queryset = RegistryConnection.objects.for_list()
    serializer_class = RegistryConnectionRow
    lookup_field = "key"
    lookup_value_regex = "[0-9a-f-]+"

    def get_serializer_class(self) -> Any:
        return RegistryConnectionDetail if self.action == "retrieve" else RegistryConnectionRow

    @extend_schema(request=RegistryGiven, responses={201: RegistrySecret})
    def create(self, request: ApiRequest) -> Response:
        """Connect a registry; its secret is in this answer only."""
        connection, secret = actions.connect(request.user, **self.given(RegistryGiven))
        return _once(connection, secret, status=201)

    @extend_schema(request=Nothing, responses=RegistrySecret)
    @action(detail=True, methods=["post"])
    def rotate(self, request: ApiRequest, key: str) -> Response:
        """A new secret, in this answer only; the old one verifies too for a day, and the connection acts for you from now on."""
        self.given(Nothing)
        return _once(*actions.rotate(request.user, self.get_object()))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, key: str) -> Response:
        """Remove the connection; what it published stays."""
        actions.remove(request.user, self.get_object())
        return Response(status=204)


class MissingThere(serializers.Serializer[Any]):
    field = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    page = serializers.CharField(allow_blank=True)


class RegistryImportRow(serializers.ModelSerializer[RegistryImport]):
    """A version of a registry on its way into the catalog, and what it lacks."""

    connection = serializers.UUIDField(source="connection.key")
    model = serializers.CharField(source="version.model.slug", default=None, allow_null=True)
    problems = MissingThere(many=True)

    class Meta:
        model = RegistryImport
        fields = [
            "id",
            "connection",
            "registered_model",
            "registered_version",
            "state",
            "state_since",
            "said",
            "problems",
            "model",
            "number",
            "attempts",
            "created_at",
        ]
        read_only_fields = fields


class RegistryImports(ReadableResource):
    """What came of the versions that the registries of one's teams told of."""

    queryset = RegistryImport.objects.for_list()
    serializer_class = RegistryImportRow
    filterset_fields = ["state"]

    @extend_schema(request=Nothing, responses=RegistryImportRow)
    @action(detail=True, methods=["post"])
    def again(self, request: ApiRequest, pk: str) -> Response:
        """Read the version once more, after what was missing is there."""
        self.given(Nothing)
        return self.answer(actions.read_again(request.user, self.get_object()))


def _once(connection: RegistryConnection, secret: str, status: int = 200) -> Response:
    """The connection with its secret, which the answer that is kept for repetitions does not have."""
    kept = RegistryConnectionRow(connection).data | {"secret": None}
    response = Response(
        kept | {"secret": secret}, status=status, headers={"Cache-Control": "no-store"}
    )
    response.kept_data = kept  # type: ignore[attr-defined]
    return response
