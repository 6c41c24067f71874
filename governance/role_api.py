"""Marketplace roles in the REST API: who proposed which for whom, and the second person's decision."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from governance import actions
from governance.filters import RoleChangeFilter
from governance.models import RoleChange
from marketplace.accounts.models import RoleGrant, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField


class RoleChangeRow(serializers.ModelSerializer[RoleChange]):
    """A role that one person asks for another, and what a second person said."""

    user = serializers.CharField(source="user.username")
    proposed_by = serializers.CharField(source="proposed_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = RoleChange
        fields = [
            "id",
            "user",
            "role",
            "state",
            "reason",
            "proposed_by",
            "proposed_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class RoleProposed(serializers.Serializer[Any]):
    """A role for another person, with a reason of at least 20 characters."""

    user = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_active=True, is_system=False)
    )
    role = serializers.ChoiceField(choices=RoleGrant.Role.choices)
    reason = ProseField(max_length=REASON)


class RoleDecided(serializers.Serializer[Any]):
    """granted or refused, with a reason of at least 20 characters."""

    outcome = serializers.ChoiceField(choices=["granted", "refused"])
    reason = ProseField(max_length=REASON)


class RoleChanges(ReadableResource):
    """Roles that were proposed, and who agreed."""

    queryset = RoleChange.objects.for_page()
    serializer_class = RoleChangeRow
    filterset_class = RoleChangeFilter

    @extend_schema(request=RoleProposed, responses={201: RoleChangeRow})
    def create(self, request: ApiRequest) -> Response:
        """Propose a role for another person; operator, finance and executive begin at once."""
        return self.answer(
            actions.propose_role(request.user, **self.given(RoleProposed)), status=201
        )

    @extend_schema(request=RoleDecided, responses=RoleChangeRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: ApiRequest, pk: str) -> Response:
        """Grant or refuse; never by who proposed it or whom it is for."""
        given = self.given(RoleDecided)
        return self.answer(actions.decide_role(request.user, self.get_object(), **given))
