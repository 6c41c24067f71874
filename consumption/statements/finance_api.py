"""What finance sets: who is charged and what is shared, in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from consumption.budgets.api import MONTH, BudgetEnd, first_day
from consumption.filters import SharedCostFilter, UnitChargingFilter
from consumption.models import SharedCost, UnitCharging
from consumption.statements import actions
from marketplace.accounts.models import BusinessUnit
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource
from marketplace.core.serializers import LineField, MonthField


class SharedCostRow(serializers.ModelSerializer[SharedCost]):
    """A cost of the platform that units share, a month; `shares` of fixed ones: {unit: percent}."""

    from_month = MonthField()
    until_month = MonthField(help_text="The first month without it.", allow_null=True)
    shares = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = SharedCost
        fields = [
            "id",
            "name",
            "currency",
            "amount_micros",
            "method",
            "shares",
            "from_month",
            "until_month",
        ]
        read_only_fields = fields


class SharedCostGiven(serializers.Serializer[Any]):
    name = LineField(max_length=80)
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    amount_micros = serializers.IntegerField(min_value=1, max_value=10**16)
    method = serializers.ChoiceField(choices=SharedCost.Method.choices)
    shares = serializers.DictField(
        child=serializers.RegexField(r"^[0-9]{1,3}(\.[0-9]{1,4})?$"), required=False
    )
    from_month = serializers.RegexField(MONTH)


class UnitChargingRow(serializers.ModelSerializer[UnitCharging]):
    """From a month on a unit is charged for what it uses, or only shown it."""

    unit = serializers.CharField(source="unit.slug")
    from_month = MonthField()

    class Meta:
        model = UnitCharging
        fields = ["id", "unit", "is_charged", "from_month"]
        read_only_fields = fields


class UnitChargingGiven(serializers.Serializer[Any]):
    unit = serializers.SlugRelatedField(slug_field="slug", queryset=BusinessUnit.objects.all())
    is_charged = serializers.BooleanField()
    from_month = serializers.RegexField(MONTH)


class SharedCosts(ReadableResource):
    """Costs that units share. For those who oversee; finance sets them."""

    queryset = SharedCost.objects.all()
    serializer_class = SharedCostRow
    filterset_class = SharedCostFilter

    @extend_schema(request=SharedCostGiven, responses={201: SharedCostRow})
    def create(self, request: ApiRequest) -> Response:
        """Have a cost shared from an open month on."""
        given = self.given(SharedCostGiven)
        given["from_month"] = first_day(given["from_month"], "from_month")
        return self.answer(actions.share_cost(request.user, **given), status=201)

    @extend_schema(request=BudgetEnd, responses=SharedCostRow)
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, pk: str) -> Response:
        """Stop sharing it before an open month."""
        until = first_day(self.given(BudgetEnd)["until_month"], "until_month")
        return self.answer(actions.end_shared_cost(request.user, self.get_object(), until))


class Charging(ReadableResource):
    """Which units are charged, from when on. For those who oversee; finance sets it."""

    queryset = UnitCharging.objects.select_related("unit").order_by("unit_id", "-from_month")
    serializer_class = UnitChargingRow
    filterset_class = UnitChargingFilter

    @extend_schema(request=UnitChargingGiven, responses={201: UnitChargingRow})
    def create(self, request: ApiRequest) -> Response:
        """Charge a unit from an open month on, or only show it what it uses."""
        given = self.given(UnitChargingGiven)
        given["from_month"] = first_day(given["from_month"], "from_month")
        return self.answer(actions.set_charging(request.user, **given), status=201)
