"""Events in the REST API."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import Domain
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason
from marketplace.core.field_limits import REASON
from marketplace.core.filters import FilterSet, SlugFilter
from marketplace.core.guard import require
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.events import actions
from marketplace.insights.events.permissions import can_see_sign_ups
from marketplace.insights.models import CompanyEvent, EventState, SignUp
from marketplace.insights.models.events import CAPACITY_MAX, LINK_MAX, PLACE_MAX, TITLE_MAX


class EventFilter(FilterSet):
    """Events in some state, of a domain."""

    state = django_filters.ChoiceFilter(choices=EventState.choices, label="State")
    domain = SlugFilter(field_name="domain__slug", label="Domain")

    class Meta:
        model = CompanyEvent
        fields = ["state", "domain"]


class CompanyEventRow(serializers.ModelSerializer[CompanyEvent]):
    """Something that takes place. `taken`: people who are signed up; `capacity` is null for as many as come."""

    domain = serializers.CharField(source="domain.slug", default=None, allow_null=True)
    organised_by = serializers.CharField(source="organised_by.username")
    taken = serializers.IntegerField()

    class Meta:
        model = CompanyEvent
        fields = [
            "id",
            "title",
            "text",
            "starts_at",
            "ends_at",
            "place",
            "link",
            "capacity",
            "taken",
            "domain",
            "organised_by",
            "state",
        ]
        read_only_fields = fields


class CompanyEventGiven(serializers.Serializer[Any]):
    """What takes place, when and where: a place, a link, or both."""

    title = LineField(max_length=TITLE_MAX)
    text = ProseField(max_length=REASON)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    place = LineField(max_length=PLACE_MAX, required=False, allow_blank=True)
    link = serializers.URLField(max_length=LINK_MAX, required=False, allow_blank=True)
    capacity = serializers.IntegerField(
        min_value=1, max_value=CAPACITY_MAX, required=False, allow_null=True
    )
    domain = serializers.SlugRelatedField(
        slug_field="slug", queryset=Domain.objects.all(), required=False, allow_null=True
    )


class SignUpRow(serializers.ModelSerializer[SignUp]):
    """Who comes, and whether they came."""

    person = serializers.CharField(source="person.username")

    class Meta:
        model = SignUp
        fields = ["person", "at", "attended"]
        read_only_fields = fields


class AttendanceGiven(serializers.Serializer[Any]):
    """The sign-in names of those who came."""

    people = serializers.ListField(child=LineField(max_length=150), max_length=CAPACITY_MAX)


class CompanyEvents(ReadableResource):
    """Demo days and the like."""

    queryset = CompanyEvent.objects.for_list().order_by("-starts_at", "-id")
    serializer_class = CompanyEventRow
    filterset_class = EventFilter

    @extend_schema(request=CompanyEventGiven, responses={201: CompanyEventRow})
    def create(self, request: ApiRequest) -> Response:
        """Plan one."""
        return self.answer(actions.plan(request.user, **self.given(CompanyEventGiven)), status=201)

    @extend_schema(request=CompanyEventGiven, responses=CompanyEventRow)
    def partial_update(self, request: ApiRequest, pk: str) -> Response:
        """Change some of what was planned."""
        event = self.get_object()
        return self.answer(
            actions.edit(request.user, event, **self.given(CompanyEventGiven, partial=True))
        )

    @extend_schema(request=Nothing, responses=CompanyEventRow)
    @action(detail=True, methods=["post"], url_path="sign-up")
    def sign_up(self, request: ApiRequest, pk: str) -> Response:
        """Come to it."""
        self.given(Nothing)
        event = self.get_object()
        actions.sign_up(request.user, event)
        return self.answer(event)

    @extend_schema(request=Nothing, responses=CompanyEventRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Not come after all."""
        self.given(Nothing)
        return self.answer(actions.withdraw(request.user, self.get_object()))

    @extend_schema(request=Reason, responses=CompanyEventRow)
    @action(detail=True, methods=["post"])
    def cancel(self, request: ApiRequest, pk: str) -> Response:
        """It does not take place."""
        event = self.get_object()
        return self.answer(actions.cancel(request.user, event, **self.given(Reason)))

    @extend_schema(responses=SignUpRow(many=True))
    @action(detail=True, pagination_class=None, filter_backends=[])
    def attendance(self, request: ApiRequest, pk: str) -> Response:
        """Who comes, for those who plan or oversee; at most as many as an event holds."""
        require(
            can_see_sign_ups(request.user),
            "Marketplace managers see who comes.",
            ask="the marketplace managers",
        )
        return Response(SignUpRow(_signed(self.get_object()), many=True).data)

    @extend_schema(request=AttendanceGiven, responses=SignUpRow(many=True))
    @attendance.mapping.post
    def note_attendance(self, request: ApiRequest, pk: str) -> Response:
        """Write down who came."""
        event = self.get_object()
        actions.note_attendance(request.user, event, **self.given(AttendanceGiven))
        return Response(SignUpRow(_signed(event), many=True).data)


def _signed(event: CompanyEvent) -> Any:
    return event.sign_ups.filter(withdrawn_at=None).select_related("person")[:CAPACITY_MAX]
