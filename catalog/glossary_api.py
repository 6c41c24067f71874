"""The glossary in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog import glossary_actions
from catalog.models import GlossaryEntry
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource
from marketplace.core.serializers import LineField


class GlossaryRow(serializers.ModelSerializer[GlossaryEntry]):
    """A short word, in small letters, and what search reads it as."""

    class Meta:
        model = GlossaryEntry
        fields = ["id", "word", "meaning", "added_at"]
        read_only_fields = fields


class WordExplained(serializers.Serializer[Any]):
    word = LineField(max_length=GlossaryEntry.WORD_MAX)
    meaning = LineField(max_length=GlossaryEntry.MEANING_MAX)


class Glossary(ReadableResource):
    """Short words of the company; marketplace managers keep them."""

    queryset = GlossaryEntry.objects.all()
    serializer_class = GlossaryRow

    @extend_schema(request=WordExplained, responses={201: GlossaryRow})
    def create(self, request: ApiRequest) -> Response:
        """Say what a short word means; the same word again is said anew."""
        return self.answer(
            glossary_actions.explain_word(request.user, **self.given(WordExplained)), status=201
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Take a word out."""
        glossary_actions.take_out_word(request.user, self.get_object())
        return Response(status=204)
