"""Announcements, and what a person follows, in the REST API."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from catalog.models import Collection, Domain
from marketplace.accounts.models import BusinessUnit, RoleGrant
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Resource
from marketplace.core.field_limits import REASON
from marketplace.core.filters import FilterSet
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.announcements import actions
from marketplace.insights.following.actions import follow, unfollow
from marketplace.insights.models import Announcement, AnnouncementState, Audience, Follow
from marketplace.insights.models.announcements import TITLE_MAX


class AnnouncementFilter(FilterSet):
    """Announcements in some state."""

    state = django_filters.ChoiceFilter(choices=AnnouncementState.choices, label="State")

    class Meta:
        model = Announcement
        fields = ["state"]


class AnnouncementRow(serializers.ModelSerializer[Announcement]):
    """A text for an audience. Of unit, role, domain and collection only what the audience names is set."""

    unit = serializers.CharField(source="unit.slug", default=None, allow_null=True)
    domain = serializers.CharField(source="domain.slug", default=None, allow_null=True)
    collection = serializers.CharField(source="collection.slug", default=None, allow_null=True)
    written_by = serializers.CharField(source="written_by.username")

    class Meta:
        model = Announcement
        fields = [
            "id",
            "title",
            "text",
            "audience",
            "unit",
            "role",
            "domain",
            "collection",
            "shown_from",
            "shown_until",
            "state",
            "written_by",
        ]
        read_only_fields = fields


class AnnouncementGiven(serializers.Serializer[Any]):
    """A text, and who reads it from when until when: plain text, no markup."""

    title = LineField(max_length=TITLE_MAX)
    text = ProseField(max_length=REASON)
    audience = serializers.ChoiceField(Audience.choices)
    unit = serializers.SlugRelatedField(
        slug_field="slug", queryset=BusinessUnit.objects.all(), required=False
    )
    role = serializers.ChoiceField(RoleGrant.Role.choices, required=False)
    domain = serializers.SlugRelatedField(
        slug_field="slug", queryset=Domain.objects.all(), required=False
    )
    collection = serializers.SlugRelatedField(
        slug_field="slug", queryset=Collection.objects.published(), required=False
    )
    shown_from = serializers.DateTimeField()
    shown_until = serializers.DateTimeField()


class Announcements(ReadableResource):
    """What marketplace managers tell people."""

    queryset = Announcement.objects.for_list().order_by("-shown_from", "-id")
    serializer_class = AnnouncementRow
    filterset_class = AnnouncementFilter

    @extend_schema(request=AnnouncementGiven, responses={201: AnnouncementRow})
    def create(self, request: ApiRequest) -> Response:
        """Write one, as a draft."""
        return self.answer(actions.write(request.user, **self.given(AnnouncementGiven)), status=201)

    @extend_schema(request=AnnouncementGiven, responses=AnnouncementRow)
    def update(self, request: ApiRequest, pk: str) -> Response:
        """Change a draft."""
        shown = self.get_object()
        return self.answer(actions.edit(request.user, shown, **self.given(AnnouncementGiven)))

    @extend_schema(request=Nothing, responses=AnnouncementRow)
    @action(detail=True, methods=["post"])
    def schedule(self, request: ApiRequest, pk: str) -> Response:
        """Show it at its time."""
        self.given(Nothing)
        return self.answer(actions.schedule(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=AnnouncementRow)
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: ApiRequest, pk: str) -> Response:
        """Make a scheduled one a draft again."""
        self.given(Nothing)
        return self.answer(actions.take_back(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=AnnouncementRow)
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, pk: str) -> Response:
        """Take it off home, or discard a draft."""
        self.given(Nothing)
        return self.answer(actions.end(request.user, self.get_object()))


class FollowRow(serializers.ModelSerializer[Follow]):
    """A domain or a collection that you follow."""

    domain = serializers.CharField(source="domain.slug", default=None, allow_null=True)
    collection = serializers.CharField(source="collection.slug", default=None, allow_null=True)

    class Meta:
        model = Follow
        fields = ["id", "domain", "collection", "since"]
        read_only_fields = fields


class FollowGiven(serializers.Serializer[Any]):
    """A domain or a collection."""

    domain = serializers.SlugRelatedField(
        slug_field="slug", queryset=Domain.objects.all(), required=False
    )
    collection = serializers.SlugRelatedField(
        slug_field="slug", queryset=Collection.objects.published(), required=False
    )


class Follows(ListModelMixin, Resource):  # type: ignore[misc]
    """What you follow: what is new in it comes once a week."""

    queryset = Follow.objects.for_list().order_by("id")
    serializer_class = FollowRow

    @extend_schema(request=FollowGiven, responses={201: FollowRow})
    def create(self, request: ApiRequest) -> Response:
        """Follow a domain or a collection."""
        return self.answer(follow(request.user, **self.given(FollowGiven)), status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Follow it no more."""
        unfollow(request.user, self.get_object())
        return Response(status=204)
