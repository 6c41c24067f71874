"""Batch evaluations in the REST API: a program of a team does what its people do on the pages (docs/batch-evaluation.md, "By machine")."""

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.response import Response

from catalog.models import ModelVersion
from consumption import actions
from consumption.evaluations import exports
from consumption.evaluations.actions import KEPT_DAYS, MOST_VERSIONS
from consumption.evaluations.forms import named_version
from consumption.evaluations.mapping import (
    MOST_GROUP_COLUMNS,
    MOST_PSEUDONYMS,
    SEVERAL,
    TASKS,
    Mapping,
)
from consumption.filters import BatchEvaluationFilter
from consumption.models import BatchEvaluation, DataClass, DeletionReceipt
from marketplace.accounts.models import Team, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.serializers import LineField
from marketplace.tokens.models import Scope


class ReceiptRow(serializers.ModelSerializer[DeletionReceipt]):
    """That rows and answers are gone."""

    class Meta:
        model = DeletionReceipt
        fields = [
            "id",
            "reason",
            "asked_at",
            "key_destroyed_at",
            "files",
            "size",
            "rows",
            "rows_left",
            "done_at",
        ]
        read_only_fields = fields


class BatchColumn(serializers.Serializer[Any]):
    """A column of the file; `personal`: what looks like data of a person in it."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["number", "text", "empty"])
    empty = serializers.FloatField(help_text="Share of the rows that were looked at.")
    few = serializers.BooleanField(help_text="At most twenty different values.")
    personal = serializers.ListField(child=serializers.CharField())


class BatchEvaluationRow(serializers.ModelSerializer[BatchEvaluation]):
    """A batch evaluation of one's team. `report` is known from the check on, `results` when it succeeded."""

    team = serializers.CharField(source="team.slug")
    versions = serializers.SerializerMethodField()
    columns = BatchColumn(many=True)
    report = serializers.DictField()
    results = serializers.DictField()
    reading = serializers.DictField(child=serializers.CharField())
    mapping = serializers.DictField()
    created_by = serializers.CharField(source="created_by.username")
    receipt = serializers.SerializerMethodField()

    class Meta:
        model = BatchEvaluation
        fields = [
            "id",
            "name",
            "team",
            "versions",
            "data_class",
            "keep_days",
            "state",
            "problem",
            "rows",
            "answers_done",
            "reading",
            "columns",
            "mapping",
            "report",
            "results",
            "created_by",
            "created_at",
            "started_at",
            "finished_at",
            "delete_rows_at",
            "rows_deleted_at",
            "shared_at",
            "receipt",
        ]
        read_only_fields = fields

    def get_versions(self, evaluation: BatchEvaluation) -> list[str]:
        """As slug/number; the first one is what the others are compared with."""
        return [f"{version.model.slug}/{version.number}" for version in evaluation.evaluated()]

    @extend_schema_field(ReceiptRow(allow_null=True))
    def get_receipt(self, evaluation: BatchEvaluation) -> dict[str, Any] | None:
        receipt = getattr(evaluation, "receipt", None)
        return None if receipt is None else dict(ReceiptRow(receipt).data)


class BatchUpload(serializers.Serializer[Any]):
    """A file, as multipart/form-data. `versions` comes once for each: slug, or slug/number."""

    file = serializers.FileField(allow_empty_file=True)
    name = LineField(max_length=80)
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    data_class = serializers.ChoiceField(choices=DataClass.choices)
    keep_days = serializers.ChoiceField(choices=KEPT_DAYS, default=7)
    versions = serializers.ListField(
        child=LineField(max_length=140), min_length=1, max_length=MOST_VERSIONS
    )


class BatchMapping(serializers.Serializer[Any]):
    """Which column goes into which input. `confirms_personal`: the team may use the personal data in them."""

    inputs = serializers.DictField(child=LineField(max_length=100))
    label = LineField(  # type: ignore[assignment]
        max_length=100, required=False, allow_blank=True, default=""
    )
    groups = serializers.ListField(
        child=LineField(max_length=100),
        max_length=MOST_GROUP_COLUMNS,
        required=False,
        default=list,
    )
    pseudonyms = serializers.ListField(
        child=LineField(max_length=100),
        max_length=MOST_PSEUDONYMS,
        required=False,
        default=list,
        help_text="Columns whose values are replaced by pseudonyms before anything is kept.",
    )
    weight = LineField(max_length=100, required=False, allow_blank=True, default="")
    task = serializers.ChoiceField(choices=TASKS, required=False, allow_blank=True, default="")
    positive = LineField(max_length=60, required=False, allow_blank=True, default="")
    outputs = serializers.DictField(
        child=LineField(max_length=100),
        required=False,
        default=dict,
        help_text="{slug/number: output}, where a version has several.",
    )
    confirms_personal = serializers.BooleanField(required=False, default=False)


class BatchEvaluations(ReadableResource):
    """Batch evaluations of one's teams; nobody else sees them, whatever the role."""

    queryset = BatchEvaluation.objects.for_list().select_related("receipt")
    serializer_class = BatchEvaluationRow
    filterset_class = BatchEvaluationFilter
    token_scopes = dict.fromkeys(
        ("create", "map", "start", "cancel", "delete_rows", "share"), Scope.EVALUATE
    )

    def get_parsers(self) -> list[BaseParser]:
        """A file comes as a form, everything else as JSON."""
        method = (self.request.method or "").lower() if self.request else ""
        name = getattr(self, "action", None) or (self.action_map or {}).get(method)
        return [MultiPartParser()] if name == "create" else super().get_parsers()

    @extend_schema(request=BatchUpload, responses={201: BatchEvaluationRow})
    def create(self, request: ApiRequest) -> Response:
        """Upload a file for one to five versions. It is read in the background; `state` becomes mapping."""
        given = self.given(BatchUpload)
        given["versions"] = [self._version(request.user, name) for name in given["versions"]]
        return self.answer(actions.create_evaluation(request.user, **given), status=201)

    def _version(self, by: User, name: str) -> ModelVersion:
        version = named_version(by, name.strip("/"))
        if version is None:
            raise Invalid(f"There is no live model {name} that you may see.", field="versions")
        return version

    @extend_schema(request=BatchMapping, responses=BatchEvaluationRow)
    @action(detail=True, methods=["put"], url_path="mapping")
    def map(self, request: ApiRequest, pk: str) -> Response:
        """Say which column is which; the rows are checked next, and `state` becomes ready."""
        evaluation, given = self.get_object(), self.given(BatchMapping)
        confirms = given.pop("confirms_personal")
        by_name = {
            f"{version.model.slug}/{version.number}": str(version.pk)
            for version in evaluation.evaluated()
        }
        unknown = [name for name in given["outputs"] if name not in by_name]
        if unknown:
            raise Invalid(f"{unknown[0]} is not evaluated here.", field="outputs")
        given["outputs"] = {by_name[name]: output for name, output in given["outputs"].items()}
        given |= {name: tuple(given[name]) for name in SEVERAL}
        mapping = Mapping(**given)
        return self.answer(
            actions.map_columns(request.user, evaluation, mapping, confirms_personal=confirms)
        )

    @extend_schema(request=Nothing, responses=BatchEvaluationRow)
    @action(detail=True, methods=["post"])
    def start(self, request: ApiRequest, pk: str) -> Response:
        """Queue the run. At most two of a team run at a time, each for ten minutes at most."""
        self.given(Nothing)
        return self.answer(actions.start_evaluation(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=BatchEvaluationRow)
    @action(detail=True, methods=["post"])
    def cancel(self, request: ApiRequest, pk: str) -> Response:
        """Stop it; its rows are deleted."""
        self.given(Nothing)
        return self.answer(actions.cancel_evaluation(request.user, self.get_object()))

    @extend_schema(responses={200: BatchEvaluationRow})
    @action(detail=True, methods=["delete"], url_path="rows")
    def delete_rows(self, request: ApiRequest, pk: str) -> Response:
        """Destroy the key of rows and answers now; the receipt is complete a moment later. Figures stay."""
        evaluation = self.get_object()
        actions.delete_rows(request.user, evaluation)
        return self.answer(evaluation)

    @extend_schema(request=Nothing, responses=BatchEvaluationRow)
    @action(detail=True, methods=["post"])
    def share(self, request: ApiRequest, pk: str) -> Response:
        """Put the figures over all rows beside the versions' others, with the team's name. Rows and groups stay the team's."""
        self.given(Nothing)
        return self.answer(actions.share_figures(request.user, self.get_object()))

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def answers(self, request: ApiRequest, pk: str) -> FileResponse:
        """What every version answered, a row each, as CSV that spreadsheets do not run."""
        evaluation = self.get_object()
        if evaluation.state != BatchEvaluation.State.SUCCEEDED:
            raise RuleError("There are answers when it has succeeded.", remedy="Run it.")
        file = exports.write(evaluation, "answers")
        return FileResponse(
            file, filename=f"evaluation-{evaluation.pk}-answers.csv", content_type="text/csv"
        )
