"""Verbs of finance: close a month, answer a dispute, set what is shared and who is charged; and the dispute of a team."""

from datetime import UTC, date, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from consumption.metering import fees, reconciliation
from consumption.metering.quota import next_period, period_start, periods_later
from consumption.metering.rollups import ROLL_UP_LOCK
from consumption.models import (
    Adjustment,
    ClosedMonth,
    Dispute,
    LateMonth,
    SharedCost,
    UnitCharging,
)
from consumption.permissions import can_answer_dispute, can_dispute, can_keep_the_books
from consumption.statements import closing
from consumption.statements.statement import Line, Statement
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.money import digits, show_amount
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

DISPUTE_DAYS = 30
FINANCE = Refusal("Finance does this.", ask="Finance")


@transaction.atomic
def close_month(by: User, month: date) -> ClosedMonth:
    """Make the statements of a month final: its lines are written down, compared, and named by a hash on the record.

    Raises NotAllowed, RuleError where something does not hold yet or the comparison differs.
    """
    require(can_keep_the_books(by), "Only finance closes a month.", ask="Finance")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ROLL_UP_LOCK])
    fees.charge_days()
    for check in closing.checks(month):
        if not check.holds:
            raise RuleError(f"Not yet: “{check.label}” does not hold.", remedy=check.remedy)
    reconciliation.count_now(month, next_period(month))
    statement = Statement(None, month)
    found = closing.reconciled(statement)
    if found.difference:
        raise RuleError(
            f"{month:%B %Y} does not add up: events, hours, days and lines differ by {found.difference:f}.",
            remedy="/reconciliation/ says which team and month; an operator has them recomputed.",
        )
    closing.write_lines(statement)
    LateMonth.objects.all().delete()
    made = _closed(by, month, found)
    record(
        by,
        "statement.close",
        made,
        sha256=made.sha256,
        lines=made.line_count,
        totals=made.totals,
        reconciled=made.reconciled,
    )
    _tell_teams(made)
    return made


def _closed(by: User, month: date, found: closing.Reconciled) -> ClosedMonth:
    statement = Statement(None, month)
    statement.__dict__["closed"] = ClosedMonth(month=month)
    sums: dict[str, dict[str, str]] = {}
    for (currency, is_charged), amount in statement.totals().items():
        sums.setdefault(currency, {})["charged" if is_charged else "shown"] = f"{amount:f}"
    return ClosedMonth.objects.create(
        month=month,
        closed_by=by,
        line_count=len(statement.lines()),
        totals=sums,
        reconciled=found.as_data(),
        sha256=closing.fingerprint(month),
    )


def _tell_teams(made: ClosedMonth) -> None:
    teams = {group.slug for group in Statement(None, made.month).groups("team")}
    last = disputable_until(made)
    notify(
        User.objects.on_teams(Team.objects.filter(slug__in=teams)),
        "cost",
        f"The statement of {made.month:%B %Y} is closed",
        body=f"It does not change any more. Dispute a line until {last:%-d %B %Y} where it is wrong.",
        url=made.get_absolute_url(),
        key=f"statement-closed:{made.month}",
        teams=Team.objects.filter(slug__in=teams),
    )


def disputable_until(closed: ClosedMonth) -> date:
    """The last day (UTC) on which a line of a closed month can be disputed."""
    return (closed.closed_at + timedelta(days=DISPUTE_DAYS)).astimezone(UTC).date()


def first_open_month() -> date:
    """Where corrections go: the month after the last closed one; the running one while none is closed."""
    last = ClosedMonth.objects.order_by("-month").values_list("month", flat=True).first()
    return next_period(last) if last else period_start(timezone.now())


def next_to_close() -> date | None:
    """The month that is over and comes next; None while it runs."""
    running = period_start(timezone.now())
    month = first_open_month() if ClosedMonth.objects.exists() else periods_later(running, -1)
    return month if month < running else None


@transaction.atomic
def open_dispute(by: User, month: date, line: Line, reason: str) -> Dispute:
    """Say that a line of one's team is wrong. Raises NotAllowed, Invalid, RuleError."""
    team = Team.objects.get(pk=line.team_id)
    require(can_dispute(by, team), f"Only members of {team} dispute its lines.", ask=str(team))
    require_reason(reason, "finance acts on it")
    closed = ClosedMonth.objects.filter(month=month).first()
    if closed and timezone.now().astimezone(UTC).date() > disputable_until(closed):
        raise RuleError(
            f"Lines of {month:%B %Y} could be disputed until {disputable_until(closed):%-d %B %Y}.",
            ask="Finance",
        )
    if Dispute.objects.open().filter(month=month, line_key=line.key).exists():
        raise RuleError("This line is disputed already.", remedy="Wait for the answer.")
    what = " ".join(filter(None, (line.model_name, line.version))) or line.kind_label
    dispute = Dispute.objects.create(
        month=month,
        line_key=line.key,
        team=team,
        about=f"{what}, {line.application_name}"[:300] if line.application_name else what[:300],
        currency=line.currency,
        amount=line.amount,
        reason=reason.strip(),
        opened_by=by,
    )
    record(by, "dispute.open", dispute, reason=reason, month=f"{month:%Y-%m}", line=line.key)
    notify(
        [user for user in User.objects.holding("finance") if can_answer_dispute(user, dispute)],
        "cost",
        f"{team} disputes {dispute.about}, {show_amount(line.amount, line.currency)}",
        body=reason,
        url=dispute.get_absolute_url(),
        key=f"dispute:{dispute.pk}",
    )
    return dispute


@transaction.atomic
def answer_dispute(
    by: User, dispute: Dispute, *, accept: bool, reason: str, credit: Decimal | None = None
) -> Dispute:
    """Finance's answer. Accepted, `credit` (by default the whole line) is given back in the first open month.

    Raises NotAllowed, Invalid, RuleError, StaleState.
    """
    require(
        can_answer_dispute(by, dispute),
        f"Finance answers, and nobody who opened it or is on {dispute.team}.",
        ask="Finance",
    )
    require_reason(reason, f"{dispute.team} reads it")
    credit = _checked_credit(dispute, credit) if accept else None
    state = Dispute.State.ACCEPTED if accept else Dispute.State.REJECTED
    transition(dispute, state, credit=credit, **dispute.decision(by, reason))
    if credit is not None:
        _give_back(by, dispute, credit)
    record(
        by,
        "dispute.accept" if accept else "dispute.reject",
        dispute,
        reason=reason,
        credit="" if credit is None else f"{credit:f}",
        currency=dispute.currency,
    )
    resolve(f"dispute:{dispute.pk}")
    said = "is accepted" if accept else "is not accepted"
    notify(
        User.objects.on_teams([dispute.team]),
        "cost",
        f"The dispute of {dispute.about} {said}",
        body=reason,
        url=dispute.get_absolute_url(),
        key=f"dispute-answered:{dispute.pk}",
        teams=[dispute.team],
    )
    return dispute


def _checked_credit(dispute: Dispute, credit: Decimal | None) -> Decimal:
    credit = dispute.amount if credit is None else credit
    coin = Decimal(1).scaleb(-digits(dispute.currency))
    if not 0 < credit <= max(dispute.amount, Decimal()) or credit % coin:
        raise Invalid(
            f"Give back more than nothing, at most {show_amount(dispute.amount, dispute.currency)}, in whole coins.",
            field="credit",
        )
    return credit


def _give_back(by: User, dispute: Dispute, credit: Decimal) -> None:
    line = next(iter(Statement(None, dispute.month).lines(key=dispute.line_key)), None)
    Adjustment.objects.create(
        month=first_open_month(),
        team=dispute.team,
        business_unit_id=line.business_unit_id if line else dispute.team.business_unit_id,
        cost_centre=line.cost_centre if line else dispute.team.cost_centre,
        about=dispute.month,
        currency=dispute.currency,
        amount=-credit,
        description=f"{dispute}: {dispute.about}",
        dispute=dispute,
        given_by=by,
    )


@transaction.atomic
def withdraw_dispute(by: User, dispute: Dispute) -> Dispute:
    """The team takes it back. Raises NotAllowed, RuleError."""
    require(
        can_dispute(by, dispute.team), f"Only {dispute.team} takes it back.", ask=str(dispute.team)
    )
    transition(dispute, Dispute.State.WITHDRAWN, decided_by=by, decided_at=timezone.now())
    record(by, "dispute.withdraw", dispute)
    resolve(f"dispute:{dispute.pk}")
    return dispute


@transaction.atomic
def set_charging(
    by: User, unit: BusinessUnit, *, is_charged: bool, from_month: date
) -> UnitCharging:
    """Charge a unit for what it uses (chargeback), or only show it (showback), from an open month on."""
    require(can_keep_the_books(by), *FINANCE)
    _require_open(from_month, "from_month")
    made, _ = UnitCharging.objects.update_or_create(
        unit=unit, from_month=from_month, defaults={"is_charged": is_charged, "set_by": by}
    )
    record(by, "charging.set", unit, charged=is_charged, from_month=f"{from_month:%Y-%m}")
    return made


@transaction.atomic
def share_cost(by: User, *, shares: dict[str, str] | None = None, **facts: object) -> SharedCost:
    """Have a cost of the platform shared from an open month on. Raises NotAllowed, Invalid."""
    require(can_keep_the_books(by), *FINANCE)
    cost = SharedCost(shares=shares or {}, set_by=by, **facts)
    _require_open(cost.from_month, "from_month")
    if cost.method == SharedCost.Method.FIXED:
        known = set(BusinessUnit.objects.values_list("slug", flat=True))
        if not set(cost.shares) <= known or sum(map(Decimal, cost.shares.values())) != 100:
            raise Invalid("Fixed shares name business units and add up to 100.", field="shares")
    elif cost.shares:
        raise Invalid("Only fixed shares are typed.", field="shares")
    cost.save(force_insert=True)
    record(by, "shared_cost.set", cost, amount_micros=cost.amount_micros, method=cost.method)
    return cost


@transaction.atomic
def end_shared_cost(by: User, cost: SharedCost, until_month: date) -> SharedCost:
    """A shared cost ends with the month before `until_month`, which is open."""
    require(can_keep_the_books(by), *FINANCE)
    _require_open(until_month, "until_month")
    SharedCost.objects.filter(pk=cost.pk).update(until_month=until_month)
    cost.until_month = until_month
    record(by, "shared_cost.end", cost, until_month=f"{until_month:%Y-%m}")
    return cost


def _require_open(month: date, field: str) -> None:
    if month.day != 1:
        raise Invalid("A month begins on its first day.", field=field)
    if ClosedMonth.objects.filter(month__gte=month).exists():
        raise Invalid(
            f"{month:%B %Y} is closed.",
            field=field,
            remedy=f"The first open month is {first_open_month():%B %Y}.",
        )
