"""Tokens in the REST API: made by people, listed and ended."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.fields import empty
from rest_framework.response import Response

from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import OptionalReason, ReadableResource
from marketplace.core.serializers import LineField
from marketplace.tokens import actions
from marketplace.tokens.models import ApiToken, Scope


class TokenRow(serializers.ModelSerializer[ApiToken]):
    """A token without its secret. `team` is null of a personal one, which reaches all teams of its person."""

    user = serializers.CharField(source="user.username")
    team = serializers.CharField(source="membership.team.slug", default=None, allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    is_live = serializers.BooleanField()

    class Meta:
        model = ApiToken
        fields = [
            "kid",
            "name",
            "user",
            "team",
            "scopes",
            "state",
            "is_live",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        ]
        read_only_fields = fields


class TokenOnce(TokenRow):
    """A new token. `text` is in this one answer only; an answer repeated by Idempotency-Key has null there."""

    text = serializers.CharField(allow_null=True)

    class Meta(TokenRow.Meta):
        fields = [*TokenRow.Meta.fields, "text"]
        read_only_fields = fields


class TeamGiven(serializers.SlugRelatedField[Team]):
    """A team by its slug, or null. An empty text is neither, where REST framework takes it for null."""

    def run_validation(self, data: Any = empty) -> Any:
        if data == "":
            self.fail("does_not_exist", slug_name=self.slug_field, value=data)
        return super().run_validation(data)


class TokenWanted(serializers.Serializer[Any]):
    name = LineField(max_length=60)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        allow_empty=False,
        max_length=len(Scope.values),
    )
    team = TeamGiven(
        slug_field="slug", queryset=Team.objects.all(), required=False, allow_null=True
    )
    days = serializers.IntegerField(min_value=1, max_value=365, default=90)


class Tokens(ReadableResource):
    """One's own tokens and those of one's teams."""

    queryset = ApiToken.objects.for_list()
    serializer_class = TokenRow
    filterset_fields = ["state"]
    lookup_field = "kid"
    lookup_value_regex = "[0-9A-Za-z]{8}"
    token_scopes = {"revoke": Scope.KEYS}

    @extend_schema(request=TokenWanted, responses={201: TokenOnce})
    def create(self, request: ApiRequest) -> Response:
        """Make a token; its text is shown in this answer only. No token makes tokens."""
        wanted = self.given(TokenWanted)
        life = timedelta(days=wanted.pop("days"))
        token, text = actions.make_token(request.user, life=life, **wanted)
        kept = TokenRow(token).data | {"text": None}
        response = Response(
            kept | {"text": text}, status=201, headers={"Cache-Control": "no-store"}
        )
        response.kept_data = kept  # type: ignore[attr-defined]
        return response

    @extend_schema(request=OptionalReason, responses=TokenRow)
    @action(detail=True, methods=["post"])
    def revoke(self, request: ApiRequest, kid: str) -> Response:
        """End a token now."""
        token = self.get_object()
        return self.answer(actions.revoke_token(request.user, token, **self.given(OptionalReason)))
