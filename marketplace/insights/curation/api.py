"""Findings and health scores in the REST API."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
    StrictParameters,
    one_or_nothing,
)
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField
from marketplace.insights.curation import actions, desk, kinds
from marketplace.insights.curation.filters import CurationFilter
from marketplace.insights.models import CurationItem, HealthScore


class CurationFindingRow(serializers.ModelSerializer[CurationItem]):
    """What is to be looked at about a model, with its evidence in words. `step` is in days, 0 where a kind has none."""

    model = serializers.CharField(source="model.slug")
    team = serializers.CharField(source="model.owner_team.slug")
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    evidence = serializers.SerializerMethodField(help_text="One sentence, as of today")
    known = serializers.SerializerMethodField(help_text="What was said and done, in sentences")
    answered_by = serializers.CharField(
        source="answered_by.username", default=None, allow_null=True
    )
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = CurationItem
        fields = [
            "id",
            "kind",
            "model",
            "team",
            "step",
            "since",
            "evidence",
            "known",
            "owner",
            "found_at",
            "due_on",
            "state",
            "closed_at",
            "look_again_on",
            "asked_at",
            "answer",
            "answer_reason",
            "answered_by",
            "answered_at",
            "promised_on",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields

    def get_evidence(self, item: CurationItem) -> str:
        return kinds.in_words(item, timezone.localdate())

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_known(self, item: CurationItem) -> list[str]:
        return desk.history(item)


class QuestionGiven(serializers.Serializer[Any]):
    question = ProseField(max_length=REASON, required=False, allow_blank=True, default="")


class FindingAnswerGiven(serializers.Serializer[Any]):
    """What becomes of the model, and why. `promised_on` with "mend" only."""

    answer = serializers.ChoiceField(choices=CurationItem.Answer.choices)
    reason = ProseField(max_length=REASON)
    promised_on = serializers.DateField(required=False)


class DismissalGiven(serializers.Serializer[Any]):
    """Why nothing is to be done, and on which day it is looked at again."""

    reason = ProseField(max_length=REASON)
    look_again_on = serializers.DateField()


class StrategicGiven(serializers.Serializer[Any]):
    """Why a model without consumers is kept, and until when."""

    reason = ProseField(max_length=REASON)
    until = serializers.DateField()


class AssigneeGiven(serializers.Serializer[Any]):
    to = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_active=True)
    )


class CurationItems(ReadableResource):
    """What the nightly run found that is to be looked at, the earliest due first."""

    queryset = CurationItem.objects.for_list()
    serializer_class = CurationFindingRow
    filterset_class = CurationFilter

    @extend_schema(request=AssigneeGiven, responses=CurationFindingRow)
    @action(detail=True, methods=["post"])
    def assign(self, request: ApiRequest, pk: str) -> Response:
        """Give it to a marketplace manager who may act on it."""
        given = self.given(AssigneeGiven)
        return self.answer_with(actions.assign(request.user, self.get_object(), given["to"]))

    @extend_schema(request=QuestionGiven, responses=CurationFindingRow)
    @action(detail=True, methods=["post"])
    def ask(self, request: ApiRequest, pk: str) -> Response:
        """Ask the publisher what becomes of the model."""
        given = self.given(QuestionGiven)
        return self.answer_with(actions.ask(request.user, self.get_object(), **given))

    @extend_schema(request=FindingAnswerGiven, responses=CurationFindingRow)
    @action(detail=True, methods=["post"], url_path="answer")
    def say(self, request: ApiRequest, pk: str) -> Response:
        """Answer for the publisher."""
        given = self.given(FindingAnswerGiven)
        return self.answer_with(actions.answer(request.user, self.get_object(), **given))

    @extend_schema(request=Nothing, responses=CurationFindingRow)
    @action(detail=True, methods=["post"])
    def accept(self, request: ApiRequest, pk: str) -> Response:
        """Let the publisher's answer stand."""
        self.given(Nothing)
        return self.answer_with(actions.accept(request.user, self.get_object()))

    @extend_schema(request=DismissalGiven, responses=CurationFindingRow)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: ApiRequest, pk: str) -> Response:
        """Say why nothing is to be done; it returns on a day if it is still so."""
        given = self.given(DismissalGiven)
        return self.answer_with(actions.dismiss(request.user, self.get_object(), **given))

    @extend_schema(request=StrategicGiven, responses=CurationFindingRow)
    @action(detail=True, methods=["post"], url_path="keep-strategic")
    def keep_strategic(self, request: ApiRequest, pk: str) -> Response:
        """Keep a model that nobody uses, for at most a year."""
        item = self.get_object()
        actions.keep_strategic(request.user, item, **self.given(StrategicGiven))
        return self.answer_with(item)

    def answer_with(self, item: CurationItem) -> Response:
        return super().answer(item)


class HealthPart(serializers.Serializer[Any]):
    """One part of the score: `points` of `of`, with the facts in sentences."""

    name = serializers.CharField()
    points = serializers.IntegerField()
    of = serializers.IntegerField()
    facts = serializers.ListField(child=serializers.CharField())


class HealthRow(serializers.ModelSerializer[HealthScore]):
    """How healthy a model is, 0 to 100. `score` is null, and `parts` empty, before there are 30 days of data."""

    model = serializers.CharField(source="model.slug")
    score = serializers.SerializerMethodField()
    parts = serializers.SerializerMethodField()

    class Meta:
        model = HealthScore
        fields = ["model", "score", "parts", "known_from", "changed_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_score(self, row: HealthScore) -> int | None:
        return row.score if row.is_shown() else None

    @extend_schema_field(HealthPart(many=True))
    def get_parts(self, row: HealthScore) -> list[dict[str, Any]]:
        return list(row.parts) if row.is_shown() else []


class ModelHealth(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """The health of one model, as its page shows it."""

    @extend_schema(responses={200: HealthRow, 204: None}, operation_id="model_health")
    def retrieve(self, request: ApiRequest, slug: str) -> Response:
        """The score with its parts; 204 before the first nightly run."""
        model = get_object_or_404(RegisteredModel.objects.visible_to(request.user), slug=slug)
        row = HealthScore.objects.select_related("model").filter(model=model).first()
        return one_or_nothing(HealthRow, row)
