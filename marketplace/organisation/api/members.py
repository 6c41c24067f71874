"""Who is on which team, and who wants to be, in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.models import Membership, Team, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import (
    Nothing,
    OptionalReason,
    ReadableResource,
)
from marketplace.core.field_limits import REASON
from marketplace.core.guard import require
from marketplace.core.serializers import LineField, ProseField
from marketplace.organisation import following
from marketplace.organisation.actions import joining, members
from marketplace.organisation.filters import JoinRequestFilter, MembershipFilter
from marketplace.organisation.models import JoinRequest
from marketplace.organisation.permissions import LEADS, can_end


class MembershipRow(serializers.ModelSerializer[Membership]):
    """A person on a team, from when until when."""

    team = serializers.CharField(source="team.slug")
    user = serializers.CharField(source="user.username")
    display_name = serializers.CharField(source="user.__str__")

    class Meta:
        model = Membership
        fields = ["id", "team", "user", "display_name", "role", "joined_at", "left_at"]
        read_only_fields = fields


class MembershipGiven(serializers.Serializer[Any]):
    """Another person for a team."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    user = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_active=True, is_system=False)
    )
    role = serializers.ChoiceField(choices=Membership.Role.choices, required=False)


class ConsequenceRow(serializers.Serializer[Any]):
    """One thing that follows; `ask` is who can take it on."""

    text = serializers.CharField()
    ask = serializers.CharField(allow_blank=True)


class Consequences(serializers.Serializer[Any]):
    """What follows from an act, before it is done."""

    consequences = ConsequenceRow(many=True)


class Memberships(ReadableResource):
    """Who is on which team now; who was, for administrators and auditors. Leads and administrators change it, no token does."""

    queryset = Membership.objects.for_list()
    serializer_class = MembershipRow
    filterset_class = MembershipFilter

    @extend_schema(request=MembershipGiven, responses={201: MembershipRow})
    def create(self, request: ApiRequest) -> Response:
        """Put another person on a team."""
        return self.answer(
            members.add_member(request.user, **self.given(MembershipGiven)), status=201
        )

    @extend_schema(responses=Consequences)
    @action(detail=True, methods=["get"])
    def consequences(self, request: ApiRequest, pk: str) -> Response:
        """What follows when the membership ends."""
        membership = self.get_object()
        require(can_end(request.user, membership), LEADS, ask=f"a lead of {membership.team}")
        rows = following.of_leaving(membership, request.user)
        return Response(Consequences({"consequences": rows}).data)

    @extend_schema(request=Nothing, responses=MembershipRow)
    @action(detail=True, methods=["post"])
    def lead(self, request: ApiRequest, pk: str) -> Response:
        """Have them lead the team, besides those who do; nobody makes themself lead."""
        self.given(Nothing)
        return self.answer(members.make_lead(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=MembershipRow)
    @action(detail=True, methods=["post"], url_path="step-down")
    def step_down(self, request: ApiRequest, pk: str) -> Response:
        """Lead no more, and stay; the last lead does not."""
        self.given(Nothing)
        return self.answer(members.step_down(request.user, self.get_object()))

    @extend_schema(request=OptionalReason, responses=MembershipRow)
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, pk: str) -> Response:
        """Leave, or take somebody off; the last lead does not leave."""
        given = self.given(OptionalReason)
        return self.answer(members.end_membership(request.user, self.get_object(), **given))


class JoinRequestRow(serializers.ModelSerializer[JoinRequest]):
    """Somebody wants to be on a team, and what its lead answered."""

    team = serializers.CharField(source="team.slug")
    person = serializers.CharField(source="person.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = JoinRequest
        fields = [
            "id",
            "team",
            "person",
            "words",
            "state",
            "asked_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class JoinAsked(serializers.Serializer[Any]):
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    words = LineField(max_length=200, required=False, allow_blank=True)


class JoinDecided(serializers.Serializer[Any]):
    """accepted, or declined with a sentence that the person reads."""

    outcome = serializers.ChoiceField(choices=["accepted", "declined"])
    reason = ProseField(max_length=REASON, required=False, allow_blank=True, default="")


class JoinRequests(ReadableResource):
    """Requests to join: one's own, and of the teams that one leads."""

    queryset = JoinRequest.objects.for_page()
    serializer_class = JoinRequestRow
    filterset_class = JoinRequestFilter

    @extend_schema(request=JoinAsked, responses={201: JoinRequestRow})
    def create(self, request: ApiRequest) -> Response:
        """Ask to join a team; its leads are told."""
        return self.answer(joining.ask_to_join(request.user, **self.given(JoinAsked)), status=201)

    @extend_schema(request=JoinDecided, responses=JoinRequestRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: ApiRequest, pk: str) -> Response:
        """Add the person, or decline; by a lead of the team or an administrator."""
        given = self.given(JoinDecided)
        return self.answer(joining.decide_request(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=JoinRequestRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take one's own request back."""
        self.given(Nothing)
        return self.answer(joining.withdraw_request(request.user, self.get_object()))
