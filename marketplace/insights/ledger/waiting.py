"""What waits for finance, and for those who lead teams: deadlines that the start page shows beside the reader's own (docs/value.md)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone

from consumption import deadlines
from consumption.budgets import uses as budgets
from consumption.deadlines import Deadline, Kind
from consumption.metering.quota import next_period, period_start
from consumption.models import Budget, Dispute
from consumption.permissions import can_answer_dispute, can_keep_the_books
from consumption.statements import actions as statements
from consumption.statements import closing
from consumption.statements.statement import Statement
from marketplace.accounts.models import Membership, User
from marketplace.core.query import first_of_few
from marketplace.insights.ledger import quarters, signing
from marketplace.insights.ledger.permissions import (
    can_confirm_claim,
    can_confirm_line,
    can_validate_claim,
)
from marketplace.insights.models import ReuseEvent, SignedQuarter, ValueClaim

MOST = 20  # of each kind
CLOSED_BY = timedelta(days=5)  # after the end of a month
SIGNED_BY = timedelta(days=15)  # after the end of a quarter
ANSWERED_WITHIN = timedelta(days=10)
USED_UP = 100  # percent of a budget


@deadlines.register
def for_finance(user: User) -> Iterator[Deadline]:
    """Month to close, differences, disputes, budgets over, quarter to sign, claims to validate."""
    if not can_keep_the_books(user):
        return
    yield from _month(user)
    yield from _disputes(user)
    yield from _budgets()
    yield from _quarter()
    waiting = ValueClaim.objects.for_list().filter(state=ValueClaim.State.OWNER_CONFIRMED)
    for claim in first_of_few(waiting.order_by("owner_confirmed_at"), MOST):
        if can_validate_claim(user, claim):
            yield _claim(claim, claim.owner_confirmed_at or claim.claimed_at, "Validate")


@deadlines.register
def for_leads(user: User) -> Iterator[Deadline]:
    """Lines and claims of the units in which the person leads a team, which they may confirm."""
    units = list(
        Membership.objects.filter(user=user, role=Membership.Role.LEAD, left_at=None)
        .order_by()
        .values_list("team__business_unit", flat=True)
        .distinct()
    )
    if not units:
        return
    signed = SignedQuarter.objects.values("quarter")
    lines = ReuseEvent.objects.standing().filter(business_unit__in=units, confirmed_by=None)
    unsigned = lines.exclude(quarter__in=signed).for_page().order_by("quarter", "pk")
    for line in first_of_few(unsigned, MOST):
        if can_confirm_line(user, line):
            yield _line(line)
    claims = ValueClaim.objects.for_list().filter(
        business_unit__in=units, state=ValueClaim.State.DRAFT
    )
    for claim in first_of_few(claims.order_by("claimed_at"), MOST):
        if can_confirm_claim(user, claim):
            yield _claim(claim, claim.claimed_at, "Confirm")


def _month(user: User) -> Iterator[Deadline]:
    month = statements.next_to_close()
    if month is None:
        return
    url = reverse("consumption:close_month", args=[f"{month:%Y-%m}"])
    due = _midnight(next_period(month)) + CLOSED_BY
    difference = closing.reconciled(Statement(None, month)).difference
    if difference:
        where = reverse("consumption:reconciliation")
        text = f"Events, hours, days and lines differ by {difference:f}; the month cannot be closed before they agree."
        yield Deadline(
            Kind.DIFFERENCE, due, f"{month:%B %Y} does not add up", where, text, "Look", where
        )
    text = "Its statements do not change afterwards; teams may dispute lines for 30 days."
    yield Deadline(Kind.MONTH, due, f"Close {month:%B %Y}", url, text, "Close", url)


def _disputes(user: User) -> Iterator[Deadline]:
    for dispute in Dispute.objects.open().for_list().order_by("opened_at")[:MOST]:
        if can_answer_dispute(user, dispute):
            yield Deadline(
                Kind.DISPUTE,
                dispute.opened_at + ANSWERED_WITHIN,
                f"{dispute.team} disputes {dispute.about}",
                dispute.get_absolute_url(),
                dispute.reason,
                "Answer",
                dispute.get_absolute_url(),
            )


def _budgets() -> Iterator[Deadline]:
    """Budgets of units and cost centres that are used up; a team's own is on its people's pages."""
    month = period_start(timezone.now())
    held = Budget.objects.in_month(month).filter(team=None).for_list()[:MOST]
    url = reverse("consumption:budgets")
    for use in budgets.uses(held, month):
        if use.percent >= USED_UP:
            text = f"{use.percent} % of the month's budget is spent."
            yield Deadline(
                Kind.BUDGET,
                _midnight(next_period(month)),
                f"Budget of {use.budget.whose} is used up",
                url,
                text,
                "Look",
                url,
            )


def _quarter() -> Iterator[Deadline]:
    first = signing.first_unsigned()
    if first is None or quarters.last_day(first) >= timezone.now().date():
        return
    sums, name = signing.sums_of(first), quarters.name_of(first)
    url = reverse("insights:quarter", args=[name])
    lines = "1 line" if sums.line_count == 1 else f"{sums.line_count} lines"
    text = f"{lines}, {sums.low:,.0f} USD by the careful count. Afterwards they change by reversal only."
    due = _midnight(quarters.next_quarter(first)) + SIGNED_BY
    yield Deadline(Kind.SIGNATURE, due, f"Sign the value of {name}", url, text, "Sign", url)


def _line(line: ReuseEvent) -> Deadline:
    url = reverse("insights:confirm_line", args=[line.pk])
    text = f"Say what {line.team} would have done without it; until then the least is counted: {line.low:,.0f} USD."
    return Deadline(
        Kind.REUSE,
        _midnight(quarters.next_quarter(line.quarter)),
        f"{line.team} reuses {line.model}",
        line.get_absolute_url(),
        text,
        "Confirm",
        url,
    )


def _claim(claim: ValueClaim, since: datetime, act: str) -> Deadline:
    url = claim.get_absolute_url()
    text = f"{claim.team} with {claim.model}: {claim.value:,.0f} USD a year."
    return Deadline(Kind.CLAIM, since + ANSWERED_WITHIN, str(claim), url, text, act, url)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
