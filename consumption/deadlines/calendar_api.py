"""The address of one's calendar in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from consumption.deadlines import calendar_feed
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, Resource
from marketplace.notices.models import CalendarAddress


class CalendarRow(serializers.Serializer[CalendarAddress]):
    """Where a calendar program reads one's deadlines. Whoever knows it reads them."""

    address = serializers.SerializerMethodField()
    made_at = serializers.DateTimeField()

    def get_address(self, row: CalendarAddress) -> str:
        return calendar_feed.url_of(row)


class Calendar(Resource):
    """The calendar address of the person who asks."""

    queryset = CalendarAddress.objects.all()
    serializer_class = CalendarRow
    pagination_class = None

    @extend_schema(request=Nothing, responses={201: CalendarRow}, operation_id="make_calendar")
    def create(self, request: ApiRequest) -> Response:
        """Make an address; one from before is dead from now on."""
        self.given(Nothing)
        made: Any = CalendarRow(calendar_feed.make_address(request.user)).data
        return Response(made, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(request=Nothing, responses={204: None}, operation_id="revoke_calendar")
    def destroy(self, request: ApiRequest) -> Response:
        """End the address."""
        calendar_feed.revoke_address(request.user)
        return Response(status=204)
