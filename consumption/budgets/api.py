"""Budgets in the REST API."""

from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from consumption.budgets import actions
from consumption.budgets import uses as budgets
from consumption.filters import BudgetFilter
from consumption.metering.quota import period_start
from consumption.models import Budget
from consumption.statements import statement
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource
from marketplace.core.serializers import LineField, MonthField

MONTH = "^20[0-9]{2}-[01][0-9]$"


class TeamBudgetRow(serializers.ModelSerializer[Budget]):
    """What may be spent a month, and of the running month what was spent and will be at the pace so far (exact text)."""

    unit = serializers.CharField(source="unit.slug", default=None, allow_null=True)
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    from_month = MonthField()
    until_month = MonthField(help_text="The first month without it.", allow_null=True)
    spent = serializers.SerializerMethodField()
    forecast = serializers.SerializerMethodField(help_text="Null while it is too early to say.")

    class Meta:
        model = Budget
        fields = [
            "id",
            "unit",
            "team",
            "cost_centre",
            "currency",
            "amount_micros",
            "is_hard",
            "from_month",
            "until_month",
            "spent",
            "forecast",
        ]
        read_only_fields = fields

    def get_spent(self, budget: Budget) -> str:
        return f"{self._use(budget).spent:f}"

    def get_forecast(self, budget: Budget) -> str | None:
        forecast: Decimal | None = self._use(budget).forecast
        return None if forecast is None else f"{forecast:f}"

    def _use(self, budget: Budget) -> budgets.Use:
        """Of all budgets of the answer at once."""
        if not hasattr(self, "uses"):
            rows: Any = self.parent.instance if self.parent is not None else [self.instance]
            month = period_start(timezone.now())
            self.uses = {use.budget.pk: use for use in budgets.uses(rows, month)}
        return self.uses[budget.pk]


class BudgetGiven(serializers.Serializer[Any]):
    """One of unit, team and cost_centre; the budget follows the one that holds then."""

    unit = serializers.SlugRelatedField(
        slug_field="slug", queryset=BusinessUnit.objects.current(), required=False
    )
    team = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), required=False
    )
    cost_centre = LineField(max_length=20, required=False)
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    amount_micros = serializers.IntegerField(min_value=1, max_value=10**16)
    is_hard = serializers.BooleanField(required=False)
    from_month = serializers.RegexField(MONTH)


class BudgetEnd(serializers.Serializer[Any]):
    """The first month without the budget."""

    until_month = serializers.RegexField(MONTH)


def first_day(text: str, field: str) -> Any:
    """The first day of "2026-11", also of a month to come. Raises ValidationError."""
    found = statement.first_of(text)
    if found is None:
        raise ValidationError({field: ["There is no such month."]})
    return found


class Budgets(ReadableResource):
    """Budgets of one's teams, of their units and cost centres; all for those who oversee."""

    queryset = Budget.objects.for_list()
    serializer_class = TeamBudgetRow
    filterset_class = BudgetFilter

    @extend_schema(request=BudgetGiven, responses={201: TeamBudgetRow})
    def create(self, request: ApiRequest) -> Response:
        """Set a budget: finance for all, a team for itself."""
        given = self.given(BudgetGiven)
        given["from_month"] = first_day(given["from_month"], "from_month")
        return self.answer(actions.set_budget(request.user, **given), status=201)

    @extend_schema(request=BudgetEnd, responses=TeamBudgetRow)
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, pk: str) -> Response:
        """End a budget before a month."""
        until = first_day(self.given(BudgetEnd)["until_month"], "until_month")
        return self.answer(actions.end_budget(request.user, self.get_object(), until))
