"""Versions by model and number in the REST API, for pipelines: begun, published at once, waited for."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from catalog.api import ReadableVersions, VersionDetail
from catalog.pages import get_visible_model_or_404
from governance.api import Gate
from governance.models import Review
from marketplace.accounts.resources import Resource
from marketplace.core import json_reader
from marketplace.core.errors import Invalid, TooLarge
from marketplace.core.serializers import ProseField
from marketplace.tokens.models import Scope
from publishing import progress
from publishing.actions import Package, hand_in, put_version
from publishing.api import Missing
from publishing.publication_document import PublicationDocument, plain
from publishing.uploads import FIELD

DOCUMENT = "publication"  # the part of the form that holds everything but the package


class VersionPut(serializers.Serializer[Any]):
    """Nothing, or what changed and why."""

    changelog = ProseField(max_length=10_000, required=False, allow_blank=True)


class Publication(serializers.Serializer[Any]):
    """`file`: the package, as for an upload. `publication`: the PublicationDocument as JSON, a text or a file."""

    file = serializers.FileField(required=False)
    publication = PublicationDocument(required=False)


class ReviewProgress(serializers.ModelSerializer[Review]):
    """A required judgement and when it is due."""

    class Meta:
        model = Review
        fields = ["id", "kind", "round", "state", "due_at", "decided_at"]
        read_only_fields = fields


class Status(serializers.Serializer[Any]):
    """How far a version got."""

    id = serializers.IntegerField(source="version.id")
    model = serializers.CharField(source="version.model.slug")
    number = serializers.CharField(source="version.number")
    state = serializers.ChoiceField(
        source="version.state", choices=ReadableVersions.queryset.model.State.choices
    )
    is_in_progress = serializers.BooleanField(
        help_text="Checks, reviews or the start of its replicas go on without its team"
    )
    is_callable = serializers.BooleanField(source="version.is_callable")
    missing = Missing(many=True)
    gates = Gate(many=True)
    reviews = ReviewProgress(many=True)
    mark = serializers.CharField(help_text="Send it as `since` to wait for what comes next")
    page = serializers.CharField(source="version.get_absolute_url")


class Waiting(serializers.Serializer[Any]):
    since = serializers.RegexField("^[0-9a-f]{16}$", required=False)
    wait = serializers.IntegerField(min_value=0, max_value=progress.WAIT_MOST_S, default=0)


class ModelVersions(RetrieveModelMixin, Resource):  # type: ignore[misc]
    """A version by its model and number."""

    queryset = ReadableVersions.queryset
    serializer_class = VersionDetail
    lookup_field = "number"
    lookup_value_regex = "[^/]+"
    token_scopes = dict.fromkeys(("update", "publication"), Scope.PUBLISH)

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if not self.kwargs else rows.filter(model__slug=self.kwargs["slug"])

    def _parameters(self) -> dict[str, bool]:
        waits = self.action == "status"
        return dict.fromkeys(("since", "wait"), False) if waits else super()._parameters()

    @extend_schema(request=VersionPut, responses={200: VersionDetail, 201: VersionDetail})
    def update(self, request: Any, slug: str, number: str) -> Response:
        """Begin the version of this number, unless it is there; the same again changes nothing."""
        model = get_visible_model_or_404(request, slug)
        version, is_new = put_version(request.user, model, number, **self.given(VersionPut))
        return self.answer(version, status=201 if is_new else 200)

    @extend_schema(
        request={"multipart/form-data": Publication}, responses={200: Status, 201: Status}
    )
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser])
    def publication(self, request: Any, slug: str, number: str) -> Response:
        """Publish at once: package, signature, card, risk, evaluations and plans, up to the submission.

        201 when it was submitted now, 200 when it was before and nothing changed. Otherwise 409 with a problem for each field that
        is missing and the page that mends it, and what was right stays in the draft; 422 for what cannot be used.
        """
        model = get_visible_model_or_404(request, slug)
        parts = dict(self.given(PublicationDocument, data=_document(request)))
        file = request.FILES.get(FIELD)
        package = Package(file.temporary_file_path(), file.name) if file else None
        version, is_new = hand_in(request.user, model, number, plain(parts), package)
        return Response(Status(progress.of(version)).data, status=201 if is_new else 200)

    @extend_schema(
        parameters=[
            OpenApiParameter("since", str, description="The `mark` of the last answer"),
            OpenApiParameter("wait", int, description=f"Seconds, at most {progress.WAIT_MOST_S}"),
        ],
        responses=Status,
    )
    @action(detail=True)
    def status(self, request: Any, slug: str, number: str) -> Response:
        """How far it got. With `since` and `wait` the answer comes when that changed, or after so many seconds."""
        asked = Waiting(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        version = self.get_object()
        if since := asked.validated_data.get("since"):
            progress.wait_for_change(version.pk, since, asked.validated_data["wait"])
            version = self.get_object()
        found = progress.of(version)
        headers = {"Retry-After": str(progress.RETRY_AFTER_S)} if found.is_in_progress else {}
        return Response(Status(found).data, headers=headers)


def _document(request: Any) -> Any:
    """The JSON of the form's part `publication`, {} without one. Raises Invalid, TooLarge."""
    unknown = request.data.keys() - {FIELD, DOCUMENT}
    if unknown:
        raise Invalid("There is no such part.", field=sorted(unknown)[0][:60])
    sent = request.data.get(DOCUMENT, "{}")
    text = sent if isinstance(sent, str) else sent.read(json_reader.LARGEST_BODY + 1)
    if len(text) > json_reader.LARGEST_BODY:
        limit = json_reader.LARGEST_BODY
        raise TooLarge("This part has at most 1 MiB.", field=DOCUMENT, limit=limit)
    try:
        document = json_reader.read(text)
    except json_reader.Malformed as error:
        raise Invalid(str(error), field=DOCUMENT) from None
    except json_reader.Unusable as error:
        raise Invalid(error.message, field=error.path or DOCUMENT) from None
    if not isinstance(document, dict):
        raise Invalid("Send an object.", field=DOCUMENT)
    return document
