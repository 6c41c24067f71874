"""Figures of a version, benchmark data and independent evaluations in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog.api import OfOneVersion
from catalog.models import RegisteredModel
from governance import (
    evaluation_runs,
    evaluations,
)
from governance.models import (
    LARGEST_FIGURE,
    BenchmarkDataset,
    Evaluation,
    EvaluationRun,
)
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
)
from marketplace.core.serializers import LineField
from marketplace.tokens.models import Scope


class EvaluationRow(serializers.ModelSerializer[Evaluation]):
    """One figure. `kind` says whether the team declares it or the marketplace measured it."""

    by = serializers.CharField(source="by.username")

    class Meta:
        model = Evaluation
        fields = [
            "id",
            "kind",
            "suite",
            "metric",
            "slice",
            "value",
            "low",
            "high",
            "n",
            "threshold",
            "baseline",
            "data",
            "data_sha256",
            "artifact_sha256",
            "environment",
            "by",
            "at",
        ]
        read_only_fields = fields


def _figure(**options: Any) -> serializers.FloatField:
    return serializers.FloatField(min_value=-LARGEST_FIGURE, max_value=LARGEST_FIGURE, **options)


def _optional_figure() -> serializers.FloatField:
    return _figure(required=False, allow_null=True, default=None)


def _optional_line(longest: int) -> LineField:
    return LineField(max_length=longest, required=False, allow_blank=True, default="")


class EvaluationDeclared(serializers.Serializer[Any]):
    """One figure that the team measured itself. The same figure twice is one row."""

    suite = LineField(max_length=80)
    metric = LineField(max_length=60)
    value = _figure()
    low = _optional_figure()
    high = _optional_figure()
    n = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )
    slice = _optional_line(120)
    threshold = _optional_figure()
    baseline = _optional_figure()
    data = LineField(max_length=200)  # type: ignore[assignment]
    data_sha256 = _optional_line(64)
    environment = _optional_line(200)


class Evaluations(OfOneVersion):
    """What was measured of one version, by its team and by the marketplace."""

    queryset = Evaluation.objects.for_page()
    serializer_class = EvaluationRow
    token_scopes = {"create": Scope.EVALUATE}

    @extend_schema(request=EvaluationDeclared, responses={201: EvaluationRow})
    def create(self, request: PageRequest, slug: str, number: str) -> Response:
        """Declare a figure of a draft of your team."""
        version = self.version()
        figure = self.given(EvaluationDeclared)
        return self.answer(evaluations.declare(request.user, version, **figure), status=201)


class BenchmarkRow(serializers.ModelSerializer[BenchmarkDataset]):
    """What may be known about benchmark data. Its rows are read by the runner alone."""

    capability = serializers.CharField(source="capability.slug")
    model: serializers.SlugRelatedField[RegisteredModel] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    groups = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = BenchmarkDataset
        fields = [
            "id",
            "name",
            "capability",
            "model",
            "task",
            "label",
            "groups",
            "columns",
            "rows",
            "size",
            "sha256",
            "uploaded_at",
        ]
        read_only_fields = fields


class Benchmarks(ReadableResource):
    """Benchmark data that governance owns."""

    queryset = BenchmarkDataset.objects.for_page()
    serializer_class = BenchmarkRow


class RunRow(serializers.ModelSerializer[EvaluationRun]):
    """One independent evaluation; its figures are among the version's evaluations."""

    benchmark = serializers.CharField(source="dataset.name")
    requested_by = serializers.CharField(source="requested_by.username")

    class Meta:
        model = EvaluationRun
        fields = [
            "id",
            "benchmark",
            "state",
            "summary",
            "manifest_sha256",
            "metrics_sha256",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class EvaluationRuns(OfOneVersion):
    """Independent evaluations of one version."""

    queryset = EvaluationRun.objects.for_page()
    serializer_class = RunRow
    token_scopes = {"create": Scope.EVALUATE}

    @extend_schema(request=Nothing, responses={201: RunRow})
    def create(self, request: PageRequest, slug: str, number: str) -> Response:
        """Ask for an independent evaluation on the benchmark of the model's capability."""
        self.given(Nothing)
        return self.answer(evaluation_runs.request(request.user, self.version()), status=201)
