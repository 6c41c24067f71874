"""Notices in the REST API: one's own, and by which channels they come."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Resource
from marketplace.core.serializers import LineField
from marketplace.notices import actions, kinds, preferences
from marketplace.notices.filters import NoticeFilter
from marketplace.notices.models import Letter, Notice, NoticeSettings, Preference, Weekday


class NoticeRow(serializers.ModelSerializer[Notice]):
    """A message; `model` and `application` are the slugs of what it is about, or empty."""

    class Meta:
        model = Notice
        fields = [
            "id",
            "kind",
            "title",
            "body",
            "url",
            "model",
            "application",
            "at",
            "read_at",
        ]
        read_only_fields = fields


class NoticesChosen(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=actions.MOST_AT_ONCE,
        help_text="The numbers of the notices.",
    )


class NoticesChosenOrAll(NoticesChosen):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=actions.MOST_AT_ONCE,
        required=False,
        help_text="The numbers of the notices; all of one's own without them.",
    )


class Notices(ReadableResource):
    queryset = Notice.objects.order_by()
    serializer_class = NoticeRow
    filterset_class = NoticeFilter

    @extend_schema(request=NoticesChosenOrAll, responses={204: None})
    @action(detail=False, methods=["post"])
    def read(self, request: ApiRequest) -> Response:
        """Mark these, or all of them, as read."""
        ids = self.given(NoticesChosenOrAll).get("ids")
        chosen = None if ids is None else Notice.objects.filter(pk__in=ids)
        actions.mark_read(request.user, chosen)
        return Response(status=204)

    @extend_schema(request=NoticesChosen, responses={204: None})
    @action(detail=False, methods=["post"])
    def unread(self, request: ApiRequest) -> Response:
        """Mark these as unread again."""
        ids = self.given(NoticesChosen)["ids"]
        actions.mark_unread(request.user, Notice.objects.filter(pk__in=ids))
        return Response(status=204)


class LetterRow(serializers.ModelSerializer[Letter]):
    """A mail to the person who asks; `state` queued: it goes out at `try_at`."""

    class Meta:
        model = Letter
        fields = [
            "id",
            "subject",
            "address",
            "kinds",
            "is_digest",
            "state",
            "made_at",
            "try_at",
            "sent_at",
            "problem",
        ]
        read_only_fields = fields


class LetterText(LetterRow):
    class Meta(LetterRow.Meta):
        fields = [*LetterRow.Meta.fields, "text"]
        read_only_fields = fields


class Letters(ReadableResource):
    """One's own mail of the last 90 days."""

    queryset = Letter.objects.order_by("-made_at")
    filterset_fields = ["state"]

    def get_serializer_class(self) -> type[LetterRow]:
        return LetterRow if self.action == "list" else LetterText


class ChannelsRow(serializers.Serializer[Any]):
    """A kind of notice and its channels. `always`: on the page, whatever is chosen."""

    kind = serializers.CharField(source="kind.slug")
    label = serializers.CharField(source="kind.label")  # type: ignore[assignment]
    always = serializers.BooleanField(source="kind.must")
    page = serializers.BooleanField()
    mail = serializers.ChoiceField(choices=kinds.Mail.choices)


class ChannelsWanted(serializers.Serializer[Any]):
    page = serializers.BooleanField()
    mail = serializers.ChoiceField(choices=kinds.Mail.choices)


class NoticeChannels(Resource):
    """By which channels each kind of notice comes to the person who asks."""

    queryset = Preference.objects.all()
    serializer_class = ChannelsRow
    pagination_class = None
    lookup_field = "kind"
    lookup_value_regex = "[a-z0-9_.-]+"

    @extend_schema(responses=ChannelsRow(many=True))
    def list(self, request: ApiRequest) -> Response:
        rows = preferences.channels_of(request.user).values()
        return Response(ChannelsRow(rows, many=True).data)

    @extend_schema(request=ChannelsWanted, responses=ChannelsRow)
    def update(self, request: ApiRequest, kind: str) -> Response:
        """Choose the channels of a kind."""
        if kind not in kinds.KINDS:
            raise Http404
        actions.prefer(request.user, kind, **self.given(ChannelsWanted))
        return Response(ChannelsRow(preferences.channels_for(request.user, kind)).data)


class TimesRow(serializers.ModelSerializer[NoticeSettings]):
    """Quiet hours and weekly digest, in the time zone; `digest_day` counts from Monday, 0."""

    time_zone = LineField(max_length=40)
    digest_day = serializers.IntegerField(min_value=min(Weekday), max_value=max(Weekday))

    class Meta:
        model = NoticeSettings
        fields = ["time_zone", "quiet_from", "quiet_until", "digest_day", "digest_at"]


class NoticeTimes(Resource):
    """When mail comes to the person who asks."""

    queryset = NoticeSettings.objects.all()
    serializer_class = TimesRow

    @extend_schema(responses=TimesRow, operation_id="notice_times")
    def retrieve(self, request: ApiRequest) -> Response:
        return Response(TimesRow(preferences.times_of(request.user)).data)

    @extend_schema(request=TimesRow, responses=TimesRow, operation_id="set_notice_times")
    def update(self, request: ApiRequest) -> Response:
        """Choose all of them anew."""
        return Response(TimesRow(actions.set_times(request.user, **self.given(TimesRow))).data)
