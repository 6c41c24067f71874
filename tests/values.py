"""Rows of value, for tests that are not about them."""

from datetime import date
from decimal import Decimal

from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.insights.business_case import actions, calculator
from marketplace.insights.ledger import quarters
from marketplace.insights.models import PublishingEffort, ReuseEvent, ValueClaim
from tests import factories


def line(held):
    """Of a subscription's team, small, evidenced by its calls alone."""
    team, today = held.application.team, timezone.now().date()
    return ReuseEvent.objects.create(
        team=team,
        business_unit=team.business_unit,
        capability=held.model.capability,
        model=held.model,
        subscription=held,
        qualified_on=today,
        window_from=today,
        calls=500,
        days=14,
        counterfactual="would_build",
        size="S",
        cost_low=50_000,
        cost_mid=65_000,
        cost_high=80_000,
        grade="C",
        confidence=Decimal("0.4"),
        share=1,
        integration=13_000,
        low=7_000,
        mid=13_000,
        high=19_000,
        quarter=quarters.quarter_of(today),
        posted_by=User.objects.system("ledger"),
    )


def claim(held):
    """Of maya's team."""
    team = held.application.team
    return ValueClaim.objects.create(
        team=team,
        business_unit=team.business_unit,
        model=held.model,
        title="More offers accepted",
        kind="revenue",
        quarter=date(2026, 1, 1),
        gross=96_000,
        method=factories.REASON,
        evidence=factories.REASON,
        claimed_by=factories.maya(),
    )


def effort(model):
    """Hours of alice's."""
    return PublishingEffort.objects.create(
        model=model,
        kind="publication",
        amount=12,
        note="Sheet 4",
        spent_on=date(2026, 1, 5),
        logged_by=factories.alice(),
    )


def case(name="Careful"):
    """Maya's own scenario."""
    return actions.save_case(
        factories.maya(), name=name, assumed=calculator.usual(), shared="private"
    )
