"""Cases of models for one purpose in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from governance import actions
from governance.models import SamePurposeCase
from governance.models.same_purpose import DECISIONS
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField


class PartsRow(serializers.Serializer[Any]):
    """The parts of the likeness, each 0..1."""

    text = serializers.FloatField()
    inputs = serializers.FloatField()
    task = serializers.FloatField()
    consumers = serializers.FloatField()


class CaseRow(serializers.ModelSerializer[SamePurposeCase]):
    """Two models that may serve one purpose. From a likeness of 0.75 on it is probable."""

    first = serializers.CharField(source="first.slug")
    second = serializers.CharField(source="second.slug")
    primary = serializers.CharField(source="primary.slug", default=None, allow_null=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    is_probable = serializers.BooleanField()
    parts = serializers.SerializerMethodField()
    evidence = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = SamePurposeCase
        fields = [
            "id",
            "first",
            "second",
            "state",
            "likeness",
            "is_probable",
            "parts",
            "evidence",
            "primary",
            "decision_reason",
            "decided_by",
            "decided_at",
            "review_on",
            "found_at",
            "compared_at",
        ]
        read_only_fields = fields

    @extend_schema_field(PartsRow)
    def get_parts(self, case: SamePurposeCase) -> dict[str, float]:
        return dict(case.parts)


class CaseDecisionGiven(serializers.Serializer[Any]):
    """`primary`, one of the two, when and only when one is recommended."""

    decision = serializers.ChoiceField(choices=[(state.value, state.label) for state in DECISIONS])
    primary = Visible(slug_field="slug", queryset=RegisteredModel.objects.all(), required=False)
    rationale = ProseField(max_length=REASON)
    review_on = serializers.DateField(required=False)


class SamePurposeCases(ReadableResource):
    """Models for one purpose: open cases first."""

    queryset = SamePurposeCase.objects.for_page()
    serializer_class = CaseRow
    filterset_fields = ["state"]

    def get_queryset(self) -> Any:
        return super().get_queryset().order_by("-likeness", "-pk")

    @extend_schema(request=CaseDecisionGiven, responses=CaseRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: ApiRequest, pk: str) -> Response:
        """Recommend one, segment, merge, or let both stay."""
        given = self.given(CaseDecisionGiven)
        state = given.pop("decision")
        case = actions.decide_case(request.user, self.get_object(), state=state, **given)
        return self.answer(case)
