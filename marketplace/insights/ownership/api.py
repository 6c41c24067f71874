"""Successions in the REST API."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.filters import FilterSet, SlugFilter
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.models import Succession
from marketplace.insights.ownership import actions


class SuccessionRow(serializers.ModelSerializer[Succession]):
    """Who is to keep a model, named by one person and agreed by another."""

    model = serializers.CharField(source="model.slug")
    team = serializers.CharField(source="team.slug")
    owner = serializers.CharField(source="owner.username")
    proposed_by = serializers.CharField(source="proposed_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = Succession
        fields = [
            "id",
            "model",
            "team",
            "owner",
            "support_contact",
            "state",
            "reason",
            "proposed_by",
            "proposed_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class SuccessionFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")
    state = django_filters.MultipleChoiceFilter(choices=Succession.State.choices, label="State")

    class Meta:
        model = Succession
        fields = ["model", "state"]


class SuccessionGiven(serializers.Serializer[Any]):
    """The new owner, on the team that keeps the model, and whom consumers ask then."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    owner = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_active=True, is_system=False)
    )
    support_contact = LineField(max_length=120)
    reason = ProseField(max_length=REASON)


class SuccessionDecisionGiven(Reason):
    outcome = serializers.ChoiceField(choices=[("agreed", "agreed"), ("refused", "refused")])


class Successions(ReadableResource):
    """Successors of owners, the newest first."""

    queryset = Succession.objects.for_page()
    serializer_class = SuccessionRow
    filterset_class = SuccessionFilter

    @extend_schema(request=SuccessionGiven, responses={201: SuccessionRow})
    def create(self, request: ApiRequest) -> Response:
        """Name a successor."""
        made = actions.name_successor(request.user, **self.given(SuccessionGiven))
        return self.answer(made, status=201)

    @extend_schema(request=SuccessionDecisionGiven, responses=SuccessionRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: ApiRequest, pk: str) -> Response:
        """Agree, or refuse."""
        given = self.given(SuccessionDecisionGiven)
        return self.answer(actions.decide_succession(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=SuccessionRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take it back."""
        self.given(Nothing)
        return self.answer(actions.take_back(request.user, self.get_object()))
