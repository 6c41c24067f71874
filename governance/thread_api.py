"""Threads in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.response import Response

from catalog.api import OfOneVersion
from governance import actions
from governance.models import COMMENT, Comment, Thread
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, Resource
from marketplace.core.serializers import LineField, ProseField


class CommentRow(serializers.ModelSerializer[Comment]):
    by = serializers.CharField(source="by.username")

    class Meta:
        model = Comment
        fields = ["by", "text", "at"]
        read_only_fields = fields


class ThreadRow(serializers.ModelSerializer[Thread]):
    """Remarks about one field of a version; they decide nothing."""

    opened_by = serializers.CharField(source="opened_by.username")
    resolved_by = serializers.CharField(
        source="resolved_by.username", default=None, allow_null=True
    )
    comments = CommentRow(many=True)

    class Meta:
        model = Thread
        fields = [
            "id",
            "anchor",
            "opened_by",
            "opened_at",
            "resolved_by",
            "resolved_at",
            "comments",
        ]
        read_only_fields = fields


class CommentGiven(serializers.Serializer[Any]):
    text = ProseField(max_length=COMMENT)


class ThreadGiven(CommentGiven):
    """anchor: package, service level, changelog, plans, input:name, output:name, risk:question or card:field."""

    anchor = LineField(max_length=140)


class VersionThreads(OfOneVersion):
    """What owner team and reviewers say about one version."""

    queryset = Thread.objects.for_page()
    serializer_class = ThreadRow

    @extend_schema(request=ThreadGiven, responses={201: ThreadRow})
    def create(self, request: Any, slug: str, number: str) -> Response:
        """Open a thread about one field."""
        given = self.given(ThreadGiven)
        return self.answer(actions.open_thread(request.user, self.version(), **given), status=201)


class Threads(RetrieveModelMixin, Resource):  # type: ignore[misc]
    """One thread."""

    queryset = Thread.objects.for_page()
    serializer_class = ThreadRow

    @extend_schema(request=CommentGiven, responses=ThreadRow)
    @action(detail=True, methods=["post"])
    def reply(self, request: ApiRequest, pk: str) -> Response:
        """Answer; the other side is told."""
        thread = self.get_object()
        actions.reply(request.user, thread, **self.given(CommentGiven))
        return self.answer(thread)

    @extend_schema(request=Nothing, responses=ThreadRow)
    @action(detail=True, methods=["post"])
    def resolve(self, request: ApiRequest, pk: str) -> Response:
        """Nothing is left to talk about."""
        self.given(Nothing)
        return self.answer(actions.resolve_thread(request.user, self.get_object()))
