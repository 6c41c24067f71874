"""Value claims and business cases in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason, Visible
from marketplace.core.errors import Invalid
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.business_case import actions as case_actions
from marketplace.insights.business_case import calculator
from marketplace.insights.business_case.calculator import Triple
from marketplace.insights.ledger import claim_actions as actions
from marketplace.insights.ledger import quarters
from marketplace.insights.ledger_api import QUARTER, DollarField, QuarterField
from marketplace.insights.ledger_filters import BusinessCaseFilter, ValueClaimFilter
from marketplace.insights.models import BusinessCase, ClaimKind, ValueClaim


class ValueClaimRow(serializers.ModelSerializer[ValueClaim]):
    """A claim beyond avoided cost, USD a year; `counts` is what the headline takes of it."""

    team = serializers.CharField(source="team.slug")
    business_unit = serializers.CharField(source="business_unit.slug")
    model = serializers.CharField(source="model.slug")
    quarter = QuarterField(help_text="2026-Q3")
    posted_quarter = QuarterField(allow_null=True)
    value = serializers.DecimalField(max_digits=14, decimal_places=2)
    counts = serializers.DecimalField(max_digits=14, decimal_places=2)
    claimed_by = serializers.CharField(source="claimed_by.username")
    owner_confirmed_by = serializers.CharField(
        source="owner_confirmed_by.username", default=None, allow_null=True
    )
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = ValueClaim
        fields = (
            "id title kind team business_unit model quarter gross attribution_percent attribution_reason method evidence state value counts"
            " claimed_by claimed_at owner_confirmed_by decided_by decided_at decision_reason posted_quarter is_independent weeks_saved"
            " acceleration"
        ).split()
        read_only_fields = fields


class ClaimGiven(serializers.Serializer[Any]):
    """What a model brings in a year, and how that is known."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    title = LineField(max_length=120)
    kind = serializers.ChoiceField(choices=ClaimKind.choices)
    quarter = serializers.RegexField(QUARTER)
    gross = DollarField(min_value=1)
    attribution_percent = serializers.IntegerField(min_value=1, max_value=100, required=False)
    attribution_reason = ProseField(max_length=REASON, required=False, allow_blank=True)
    method = ProseField(max_length=REASON)
    evidence = ProseField(max_length=REASON)


class ValidateGiven(Reason):
    is_independent = serializers.BooleanField(required=False, default=False)


class ValueClaims(ReadableResource):
    """Claims of one's own business units; all for executives, finance and auditors."""

    queryset = ValueClaim.objects.for_list()
    serializer_class = ValueClaimRow
    filterset_class = ValueClaimFilter

    @extend_schema(request=ClaimGiven, responses={201: ValueClaimRow})
    def create(self, request: ApiRequest) -> Response:
        """Write a claim for one's team."""
        given = self.given(ClaimGiven)
        given["quarter"] = quarters.parsed(given["quarter"])
        return self.answer(actions.claim_value(request.user, **given), status=201)

    @extend_schema(request=Nothing, responses=ValueClaimRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request: ApiRequest, pk: str) -> Response:
        """Stand for the claim. Somebody who leads a team of the unit does."""
        self.given(Nothing)
        return self.answer(actions.confirm_claim(request.user, self.get_object()))

    @extend_schema(request=ValidateGiven, responses=ValueClaimRow)
    @action(detail=True, methods=["post"])
    def validate(self, request: ApiRequest, pk: str) -> Response:
        """Count it from this quarter on. Finance does."""
        given = self.given(ValidateGiven)
        return self.answer(actions.validate_claim(request.user, self.get_object(), **given))

    @extend_schema(request=Reason, responses=ValueClaimRow)
    @action(detail=True, methods=["post"])
    def reject(self, request: ApiRequest, pk: str) -> Response:
        """Say no to it."""
        return self.answer(
            actions.reject_claim(request.user, self.get_object(), self.given(Reason)["reason"])
        )


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
        return CaseResult(calculator.work_out(case_actions.from_data(case.assumptions))).data


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
        made = case_actions.save_case(request.user, **self._given())
        return self.answer(made, status=201)

    @extend_schema(request=BusinessCaseGiven, responses=BusinessCaseRow)
    def update(self, request: ApiRequest, pk: str) -> Response:
        """Change one's own scenario."""
        case = self.get_object()
        return self.answer(case_actions.save_case(request.user, case=case, **self._given()))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, pk: str) -> Response:
        """Forget one's own scenario."""
        case_actions.delete_case(request.user, self.get_object())
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
