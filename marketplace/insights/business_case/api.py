"""Business cases in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource
from marketplace.core.errors import Invalid
from marketplace.core.serializers import LineField
from marketplace.insights.business_case import actions, calculator
from marketplace.insights.business_case.calculator import Triple
from marketplace.insights.ledger.filters import BusinessCaseFilter
from marketplace.insights.models import BusinessCase


class SwingRow(serializers.Serializer[Any]):
    assumption = serializers.CharField(source="label")
    low = serializers.FloatField()
    high = serializers.FloatField()


class CaseResult(serializers.Serializer[Any]):
    """What follows from the assumptions, USD. `gross` is every duplicate that there is, not a saving."""

    gross = serializers.FloatField()
    p10 = serializers.FloatField(source="net.p10")
    p50 = serializers.FloatField(source="net.p50")
    p90 = serializers.FloatField(source="net.p90")
    pays_first_year = serializers.FloatField(help_text="0..1")
    pays_at_all = serializers.FloatField(help_text="0..1")
    break_even_capture = serializers.FloatField(allow_null=True)
    break_even_duplication = serializers.FloatField(allow_null=True)
    payback_years = serializers.FloatField(allow_null=True)
    present_value = serializers.FloatField()
    in_words = serializers.CharField(source="verdict")
    swings = SwingRow(many=True)


class BusinessCaseRow(serializers.ModelSerializer[BusinessCase]):
    """A saved scenario: {assumption: [low, likely, high]}, and what follows."""

    assumptions = serializers.DictField(child=serializers.ListField(child=serializers.FloatField()))
    owner = serializers.CharField(source="owner.username")
    result = serializers.SerializerMethodField()

    class Meta:
        model = BusinessCase
        fields = [
            "id",
            "name",
            "owner",
            "shared",
            "assumptions",
            "result",
            "created_at",
            "changed_at",
        ]
        read_only_fields = fields

    @extend_schema_field(CaseResult)
    def get_result(self, case: BusinessCase) -> Any:
        return CaseResult(calculator.work_out(actions.from_data(case.assumptions))).data


class BusinessCaseGiven(serializers.Serializer[Any]):
    """Assumptions that are missing are as usual."""

    name = LineField(max_length=80)
    shared = serializers.ChoiceField(
        choices=BusinessCase.Shared.choices, required=False, default="private"
    )
    assumptions = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=3, max_length=3),
        required=False,
        default=dict,
    )


class BusinessCases(ReadableResource):
    """Scenarios: one's own, and those that were shared."""

    queryset = BusinessCase.objects.select_related("owner")
    serializer_class = BusinessCaseRow
    filterset_class = BusinessCaseFilter

    @extend_schema(request=BusinessCaseGiven, responses={201: BusinessCaseRow})
    def create(self, request: ApiRequest) -> Response:
        """Save a scenario."""
        made = actions.save_case(request.user, **self._given())
        return self.answer(made, status=201)

    @extend_schema(request=BusinessCaseGiven, responses=BusinessCaseRow)
    def update(self, request: ApiRequest, pk: str) -> Response:
        """Change one's own scenario."""
        case = self.get_object()
        return self.answer(actions.save_case(request.user, case=case, **self._given()))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Forget one's own scenario."""
        actions.delete_case(request.user, self.get_object())
        return Response(status=204)

    def _given(self) -> dict[str, Any]:
        given = self.given(BusinessCaseGiven)
        if unknown := set(given["assumptions"]) - set(calculator.BY_NAME):
            known = ", ".join(calculator.BY_NAME)
            raise Invalid(
                f"There is no assumption “{min(unknown)[:40]}”. There are: {known}.",
                field="assumptions",
            )
        triples = {name: Triple(*values) for name, values in given.pop("assumptions").items()}
        return {**given, "assumed": calculator.usual() | triples}
