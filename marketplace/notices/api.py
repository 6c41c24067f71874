"""Notices in the REST API: one's own."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource
from marketplace.notices import actions
from marketplace.notices.models import Notice


class NoticeRow(serializers.ModelSerializer):
    class Meta:
        model = Notice
        fields = ["id", "kind", "title", "body", "url", "at", "read_at"]
        read_only_fields = fields


class Notices(ReadableResource):
    queryset = Notice.objects.order_by()
    serializer_class = NoticeRow
    filterset_fields = ["kind"]

    @extend_schema(request=Nothing, responses={204: None})
    @action(detail=False, methods=["post"])
    def read(self, request: ApiRequest) -> Response:
        """Mark all of them as read."""
        self.given(Nothing)
        actions.mark_read(request.user)
        return Response(status=204)
