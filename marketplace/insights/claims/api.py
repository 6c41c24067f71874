"""Value claims in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.claims import actions
from marketplace.insights.ledger import quarters
from marketplace.insights.ledger.api import QUARTER, DollarField, QuarterField
from marketplace.insights.ledger.filters import ValueClaimFilter
from marketplace.insights.models import ClaimKind, ValueClaim


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
