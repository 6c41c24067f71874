"""Ratings and live quality in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from catalog.models import RegisteredModel
from catalog.pages import get_visible_model_or_404
from consumption import actions
from consumption.feedback import live_quality
from consumption.models import Rating, RatingEdition
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Resource
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField


class EditionRow(serializers.ModelSerializer[RatingEdition]):
    by = serializers.CharField(source="by.username")

    class Meta:
        model = RatingEdition
        fields = ["stars", "text", "by", "at"]
        read_only_fields = fields


class RatingRow(serializers.ModelSerializer[Rating]):
    """What a team thinks of a model that it uses. `band`: it had made at least so many production calls."""

    team = serializers.CharField(source="team.slug")
    version = serializers.CharField(source="version.number")
    band = serializers.IntegerField()
    written_by = serializers.CharField(source="written_by.username")
    answer = serializers.CharField(allow_blank=True)
    answered_by = serializers.CharField(
        source="answered_by.username", default=None, allow_null=True
    )
    editions = EditionRow(many=True)

    class Meta:
        model = Rating
        fields = [
            "id",
            "team",
            "stars",
            "text",
            "version",
            "band",
            "written_by",
            "written_at",
            "answer",
            "answered_by",
            "answered_at",
            "editions",
        ]
        read_only_fields = fields


class RatingGiven(serializers.Serializer[Any]):
    """Stars from 1 to 5 and why, for a team that uses the model."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    stars = serializers.IntegerField(min_value=1, max_value=5)
    text = ProseField(max_length=REASON)


class AnswerGiven(serializers.Serializer[Any]):
    text = ProseField(max_length=REASON)


class OfModel:
    """Rows of one visible model, addressed by its slug."""

    kwargs: dict[str, str]
    request: Any

    def model(self) -> RegisteredModel:
        return get_visible_model_or_404(self.request, self.kwargs["slug"])


class Ratings(OfModel, ListModelMixin, Resource):  # type: ignore[misc]
    """What consumer teams think of a model."""

    queryset = Rating.objects.select_related(
        "model", "team", "version", "written_by", "answered_by"
    ).prefetch_related("editions__by")
    serializer_class = RatingRow
    filterset_fields = ["stars"]

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.filter(model=self.model()) if self.kwargs else rows

    @extend_schema(request=RatingGiven, responses={201: RatingRow})
    def create(self, request: ApiRequest, slug: str) -> Response:
        """Rate it, or change the team's rating; earlier editions stay."""
        given = self.given(RatingGiven)
        return self.answer(actions.rate(request.user, self.model(), **given), status=201)

    @extend_schema(request=AnswerGiven, responses=RatingRow)
    @action(detail=True, methods=["post"], url_path="answer")
    def respond(self, request: ApiRequest, slug: str, pk: str) -> Response:
        """The publisher's one answer."""
        rating = self.get_object()
        return self.answer(actions.answer_rating(request.user, rating, **self.given(AnswerGiven)))


class QualityRow(serializers.Serializer[Any]):
    """Predictions against outcomes of the last 90 days, of one version, output and consumer team ("": all).

    Numbers have error (mean absolute) and bias (mean of predicted - actual); labels have the share that was right, with its
    95 % interval. `without`: outcomes reported without a prediction. Fewer than 30 say nothing (`is_enough`).
    """

    version = serializers.CharField()
    output = serializers.CharField(allow_blank=True)
    team = serializers.CharField(allow_blank=True)
    n = serializers.IntegerField()
    without = serializers.IntegerField()
    is_enough = serializers.BooleanField()
    error = serializers.FloatField(allow_null=True)
    bias = serializers.FloatField(allow_null=True)
    right = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class LiveQuality(OfModel, Resource):  # type: ignore[misc]
    """How good a model proved to be on real calls."""

    queryset = Rating.objects.all()  # whose rows nobody reads here
    serializer_class = QualityRow
    pagination_class = None
    filterset_class = None

    @extend_schema(responses=QualityRow(many=True))
    def list(self, request: ApiRequest, slug: str) -> Response:
        """Over all consumers, then by consumer team: all of them for the publisher, else one's own."""
        entry = self.model()
        rows = [*live_quality.of(entry), *live_quality.by_team(request.user, entry)]
        return Response(QualityRow(rows, many=True).data)
