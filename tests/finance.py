"""Rows of finance, for tests that are not about them."""

from datetime import date
from decimal import Decimal

from consumption.models import Budget, Dispute, SharedCost, UnitCharging
from tests import factories


def dispute(held):
    """Of a line of its team's statement."""
    return Dispute.objects.create(
        month=date(2026, 1, 1),
        line_key="0" * 16,
        team=held.application.team,
        about="Income verification 1.0.0",
        currency="USD",
        amount=Decimal("6.80"),
        reason="These calls were made by our load test.",
        opened_by=factories.maya(),
    )


def budget(team):
    """Of a team, soft."""
    return Budget.objects.create(
        team=team, amount_micros=100_000_000, from_month=date(2026, 1, 1), set_by=factories.finn()
    )


def charging(unit):
    """A unit that is charged."""
    return UnitCharging.objects.create(
        unit=unit, from_month=date(2026, 1, 1), is_charged=True, set_by=factories.finn()
    )


def shared_cost():
    """The platform's, split by calls."""
    return SharedCost.objects.create(
        name="Platform, run cost",
        amount_micros=10_000_000_000,
        method=SharedCost.Method.CALLS,
        from_month=date(2026, 1, 1),
        set_by=factories.finn(),
    )
