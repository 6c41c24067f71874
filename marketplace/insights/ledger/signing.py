"""What a quarter adds up to, and the fingerprint that its signature keeps (docs/value.md, "Signing a quarter")."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from marketplace.core.canonical import digest
from marketplace.insights.ledger import quarters
from marketplace.insights.models import ReuseEvent, SignedQuarter, ValueClaim

LINE_FIELDS = (
    "id kind team_id business_unit_id capability_id model_id subscription_id qualified_on window_from calls days counterfactual"
    " complexity size licence_price booked_cost cost_low cost_mid cost_high grade confidence share integration_logged integration"
    " low mid high rules_version search_record_id plan_reference plan_amount plan_ended_on plan_text confirmed_by_id reverses_id"
    " reason"
).split()
CLAIM_FIELDS = (
    "id title kind team_id business_unit_id model_id quarter gross attribution_percent attribution_reason method evidence claimed_by_id"
    " owner_confirmed_by_id decided_by_id is_independent weeks_saved acceleration"
).split()


@dataclass(frozen=True)
class QuarterSums:
    """The lines and the validated claims that are posted in a quarter, USD."""

    line_count: int
    low: Decimal
    mid: Decimal
    high: Decimal
    claims: Decimal


def sums_of(quarter: date) -> QuarterSums:
    lines = list(ReuseEvent.objects.filter(quarter=quarter).values_list("low", "mid", "high"))
    low, mid, high = (
        (sum(column, Decimal()) for column in zip(*lines, strict=True))
        if lines
        else (Decimal(),) * 3
    )
    claims = sum((claim.counts for claim in _claims(quarter)), Decimal())
    return QuarterSums(len(lines), low, mid, high, claims)


def fingerprint(quarter: date) -> str:
    """Hex SHA-256 of all lines and validated claims of a quarter, in the order of their numbers."""
    lines = ReuseEvent.objects.filter(quarter=quarter).order_by("pk").values_list(*LINE_FIELDS)
    claims = _claims(quarter).order_by("pk").values_list(*CLAIM_FIELDS)
    return digest(
        {
            "quarter": quarters.name_of(quarter),
            "lines": [[_plain(value) for value in row] for row in lines],
            "claims": [[_plain(value) for value in row] for row in claims],
        }
    )


def is_unchanged(signed: SignedQuarter) -> bool:
    """Do the lines still have the fingerprint that was signed?"""
    return fingerprint(signed.quarter) == signed.sha256


def first_unsigned() -> date | None:
    """The earliest quarter with something to sign that is over; None while there is none."""
    signed = set(SignedQuarter.objects.values_list("quarter", flat=True))
    posted = set(ReuseEvent.objects.order_by().values_list("quarter", flat=True).distinct())
    claims = ValueClaim.objects.counted().order_by().values_list("posted_quarter", flat=True)
    posted |= {quarter for quarter in claims.distinct() if quarter}
    waiting = sorted(posted - signed)
    return waiting[0] if waiting else None


def _claims(quarter: date) -> Any:
    return ValueClaim.objects.counted().filter(posted_quarter=quarter)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date | datetime) else value
