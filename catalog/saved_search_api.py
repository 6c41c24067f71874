"""Saved searches in the REST API: one's own, kept, listed and given up."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog import saved_searches
from catalog.models import SavedSearch
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource
from marketplace.core.serializers import LineField


class SavedSearchRow(serializers.ModelSerializer[SavedSearch]):
    """A search of the catalog; `query` is what stands behind the question mark of its address."""

    class Meta:
        model = SavedSearch
        fields = ["id", "name", "query", "created_at", "checked_at"]
        read_only_fields = fields


class SearchToSave(serializers.Serializer[Any]):
    query = LineField(max_length=SavedSearch.QUERY_MAX)
    name = LineField(max_length=SavedSearch.NAME_MAX, required=False, default="", allow_blank=True)


class SavedSearches(ReadableResource):
    """One's own saved searches. Who keeps one is told of each newly published model that fits."""

    queryset = SavedSearch.objects.all()
    serializer_class = SavedSearchRow

    @extend_schema(request=SearchToSave, responses={201: SavedSearchRow})
    def create(self, request: ApiRequest) -> Response:
        """Keep a search; the same again is the same row."""
        return self.answer(
            saved_searches.save(request.user, **self.given(SearchToSave)), status=201
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Give up a search."""
        saved_searches.forget(request.user, self.get_object())
        return Response(status=204)
