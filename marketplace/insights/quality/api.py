"""Quality reviews and their findings in the REST API."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Resource
from marketplace.core.field_limits import REASON
from marketplace.core.filters import FilterSet, SlugFilter, TextFilter
from marketplace.core.serializers import ProseField
from marketplace.insights.models import QualityFinding, QualityReview
from marketplace.insights.quality import actions
from marketplace.insights.quality.checklist import ANSWERS, POINTS


class QualityFindingRow(serializers.ModelSerializer[QualityFinding]):
    """What is to be mended, by when, and what the publisher says was done."""

    class Meta:
        model = QualityFinding
        fields = ["id", "severity", "text", "due_on", "state", "mended", "closed_at"]
        read_only_fields = fields


class QualityPointAnswer(serializers.Serializer[Any]):
    """One point of the checklist: yes, no, or n/a, with a note."""

    point = serializers.ChoiceField(choices=[(point.id, point.asks) for point in POINTS])
    answer = serializers.ChoiceField(choices=ANSWERS)
    note = ProseField(max_length=REASON, required=False, allow_blank=True, default="")


class QualityReviewRow(serializers.ModelSerializer[QualityReview]):
    """Twenty minutes with one model in one quarter."""

    model = serializers.CharField(source="model.slug")
    reviewer = serializers.CharField(source="reviewer.username", default=None, allow_null=True)
    done_by = serializers.CharField(source="done_by.username", default=None, allow_null=True)
    answers = serializers.SerializerMethodField()
    findings = QualityFindingRow(many=True)

    class Meta:
        model = QualityReview
        fields = [
            "id",
            "model",
            "quarter",
            "reason",
            "reviewer",
            "due_on",
            "state",
            "answers",
            "note",
            "findings",
            "done_by",
            "done_at",
        ]
        read_only_fields = fields

    @extend_schema_field(QualityPointAnswer(many=True))
    def get_answers(self, review: QualityReview) -> list[dict[str, str]]:
        return [{"point": point, **given} for point, given in review.answers.items()]


class QualityFindingGiven(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=QualityFinding.Severity.choices)
    text = ProseField(max_length=REASON)
    due_on = serializers.DateField()


class QualityReviewGiven(serializers.Serializer[Any]):
    """Every point of the checklist, and what was found; a point answered with no takes a finding."""

    answers = QualityPointAnswer(many=True)
    findings = QualityFindingGiven(many=True, required=False)
    note = ProseField(max_length=REASON, required=False, allow_blank=True, default="")


class QualityReviewFilter(FilterSet):
    model = SlugFilter(field_name="model__slug", label="Model")
    quarter = TextFilter(field_name="quarter", label="Quarter, as 2026-Q4")
    state = django_filters.MultipleChoiceFilter(choices=QualityReview.State.choices, label="State")

    class Meta:
        model = QualityReview
        fields = ["model", "quarter", "state"]


class QualityReviews(ReadableResource):
    """Manual reviews of published models, what waits first."""

    queryset = QualityReview.objects.for_list()
    serializer_class = QualityReviewRow
    filterset_class = QualityReviewFilter

    @extend_schema(request=QualityReviewGiven, responses=QualityReviewRow)
    @action(detail=True, methods=["post"])
    def complete(self, request: ApiRequest, pk: str) -> Response:
        """Answer the checklist, and write down what was found."""
        review, given = self.get_object(), self.given(QualityReviewGiven)
        answers = {
            one["point"]: {"answer": one["answer"], "note": one["note"]} for one in given["answers"]
        }
        findings = [actions.Found(**one) for one in given.get("findings", [])]
        done = actions.complete(
            request.user, review, answers=answers, findings=findings, note=given["note"]
        )
        return self.answer(done)


class MendedGiven(serializers.Serializer[Any]):
    text = ProseField(max_length=REASON)


class QualityFindings(Resource):
    """What is done about a finding. Findings are read with their review."""

    queryset = QualityFinding.objects.select_related("review__model")
    serializer_class = QualityFindingRow

    @extend_schema(request=MendedGiven, responses=QualityFindingRow)
    @action(detail=True, methods=["post"])
    def report(self, request: ApiRequest, pk: str) -> Response:
        """Say for the publisher what was done."""
        given = self.given(MendedGiven)
        return self.answer(actions.report_mended(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=QualityFindingRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request: ApiRequest, pk: str) -> Response:
        """Say as a reviewer that it is mended."""
        self.given(Nothing)
        finding = self.get_object()
        return self.answer(actions.confirm_mended(request.user, finding, is_mended=True))

    @extend_schema(request=Nothing, responses=QualityFindingRow)
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, request: ApiRequest, pk: str) -> Response:
        """Say as a reviewer that it is not mended yet."""
        self.given(Nothing)
        finding = self.get_object()
        return self.answer(actions.confirm_mended(request.user, finding, is_mended=False))
