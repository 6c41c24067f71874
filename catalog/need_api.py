"""Needs in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import need_actions
from catalog.filters import NeedFilter
from catalog.models import Capability, Need, RegisteredModel
from catalog.models.needs import TEXT_MAX, VALUE_MAX
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField


class NeedRow(serializers.ModelSerializer[Need]):
    """What teams need and no model does yet. `value` is what those who joined expect of a year, in USD."""

    number = serializers.CharField(source="__str__")
    team = serializers.CharField(source="team.slug")
    opened_by = serializers.CharField(source="opened_by.username")
    capability = serializers.CharField(source="capability.slug", default=None, allow_null=True)
    commissioned_team = serializers.CharField(
        source="commissioned_team.slug", default=None, allow_null=True
    )
    stage = serializers.ChoiceField(choices=Need.Stage.choices)
    teams = serializers.IntegerField(help_text="that have joined")
    value = serializers.IntegerField()

    class Meta:
        model = Need
        fields = [
            "id",
            "number",
            "title",
            "text",
            "capability",
            "team",
            "opened_by",
            "opened_at",
            "state",
            "stage",
            "commissioned_team",
            "budget",
            "ready_by",
            "decision_reason",
            "teams",
            "value",
        ]
        read_only_fields = fields


class OfTeam(serializers.Serializer[Any]):
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())


class NeedGiven(OfTeam):
    """A need of a team, in its own words; everybody in the company reads it."""

    title = LineField(max_length=120)
    text = ProseField(max_length=TEXT_MAX)
    capability = serializers.SlugRelatedField(
        slug_field="slug", queryset=Capability.objects.current(), required=False
    )
    value_a_year = serializers.IntegerField(min_value=0, max_value=VALUE_MAX, required=False)


class JoinGiven(OfTeam):
    """A team needs it, too. `value_a_year`: what a year of it is worth to the team, in USD."""

    value_a_year = serializers.IntegerField(min_value=0, max_value=VALUE_MAX, required=False)
    note = ProseField(max_length=REASON, required=False, allow_blank=True)


class CommissionGiven(OfTeam, Reason):
    """The team that builds it, and why; for how much (USD), and by when."""

    budget = serializers.IntegerField(min_value=0, max_value=VALUE_MAX, required=False)
    ready_by = serializers.DateField(required=False)


class LinkGiven(serializers.Serializer[Any]):
    """The model that is to meet the need."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())


class Needs(ReadableResource):
    """Demand, the largest first."""

    queryset = Need.objects.for_list()
    serializer_class = NeedRow
    filterset_class = NeedFilter

    @extend_schema(request=NeedGiven, responses={201: NeedRow})
    def create(self, request: ApiRequest) -> Response:
        """Say what is missing; the team joins at once."""
        return self.answer(
            need_actions.open_need(request.user, **self.given(NeedGiven)), status=201
        )

    @extend_schema(request=JoinGiven, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def join(self, request: ApiRequest, pk: str) -> Response:
        """Join for a team, or change its estimate."""
        need = self.get_object()
        need_actions.join_need(request.user, need, **self.given(JoinGiven))
        return self.answer(need)

    @extend_schema(request=OfTeam, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def leave(self, request: ApiRequest, pk: str) -> Response:
        """The team needs it no longer."""
        need = self.get_object()
        need_actions.leave_need(request.user, need, **self.given(OfTeam))
        return self.answer(need)

    @extend_schema(request=LinkGiven, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def link(self, request: ApiRequest, pk: str) -> Response:
        """Name the model that is to meet it."""
        given = self.given(LinkGiven)
        return self.answer(need_actions.link_model(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def triage(self, request: ApiRequest, pk: str) -> Response:
        """Say that it was looked at and is a need."""
        self.given(Nothing)
        return self.answer(need_actions.triage(request.user, self.get_object()))

    @extend_schema(request=CommissionGiven, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def commission(self, request: ApiRequest, pk: str) -> Response:
        """Have a team build it."""
        given = self.given(CommissionGiven)
        return self.answer(need_actions.commission(request.user, self.get_object(), **given))

    @extend_schema(request=Reason, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def decline(self, request: ApiRequest, pk: str) -> Response:
        """Say that nobody will build it."""
        given = self.given(Reason)
        return self.answer(need_actions.decline_need(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=NeedRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take it back while no other team has joined."""
        self.given(Nothing)
        return self.answer(need_actions.withdraw_need(request.user, self.get_object()))
