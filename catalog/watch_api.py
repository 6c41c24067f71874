"""Watched models in the REST API: one's own."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog import watches
from catalog.models import RegisteredModel
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import SLUG, ReadableResource, Visible
from marketplace.notices.actions import forget_watch
from marketplace.notices.models import Watch


class WatchRow(serializers.ModelSerializer[Watch]):
    """A model, and whether the person watches it or does not want to hear of it."""

    class Meta:
        model = Watch
        fields = ["model", "level"]
        read_only_fields = fields


class WatchWanted(serializers.Serializer[Any]):
    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    level = serializers.ChoiceField(choices=Watch.Level.choices, default=Watch.Level.WATCHED)


class Watches(ReadableResource):
    """Models that one watches, or is not told of; the others are told by what one's teams use and own."""

    queryset = Watch.objects.order_by("model")
    serializer_class = WatchRow
    filterset_fields = ["level"]
    lookup_field = "model"
    lookup_value_regex = SLUG

    @extend_schema(request=WatchWanted, responses={201: WatchRow})
    def create(self, request: ApiRequest) -> Response:
        """Watch a model, or mute it; the same again is the same row."""
        return self.answer(watches.watch(request.user, **self.given(WatchWanted)), status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, model: str) -> Response:
        """Be told of it as before."""
        forget_watch(request.user, self.get_object().model)
        return Response(status=204)
