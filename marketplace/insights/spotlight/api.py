"""Spotlights in the REST API."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason
from marketplace.insights.models import Spotlight
from marketplace.insights.spotlight import actions


class SpotlightRow(serializers.ModelSerializer[Spotlight]):
    """A model that a rule proposes for the start page, and why."""

    model = serializers.CharField(source="model.slug")

    class Meta:
        model = Spotlight
        fields = ["id", "model", "rule", "why", "state", "proposed_at", "until"]
        read_only_fields = fields


class Spotlights(ReadableResource):
    """What rules propose for the start page, for marketplace managers and who oversees."""

    queryset = Spotlight.objects.for_list().order_by("-id")
    serializer_class = SpotlightRow

    @extend_schema(request=Reason, responses=SpotlightRow)
    @action(detail=True, methods=["post"])
    def show(self, request: ApiRequest, pk: str) -> Response:
        """Show it on the start page for two weeks."""
        spotlight = self.get_object()
        return self.answer(actions.show(request.user, spotlight, **self.given(Reason)))

    @extend_schema(request=Reason, responses=SpotlightRow)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: ApiRequest, pk: str) -> Response:
        """Not show it."""
        spotlight = self.get_object()
        return self.answer(actions.dismiss(request.user, spotlight, **self.given(Reason)))

    @extend_schema(request=Nothing, responses=SpotlightRow)
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, pk: str) -> Response:
        """Take it off the start page."""
        self.given(Nothing)
        return self.answer(actions.end(request.user, self.get_object()))
