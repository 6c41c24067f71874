"""The nightly sweep of the ledger: lines appear when use qualifies, and are taken back when it stops (docs/value.md)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from consumption.models import Application, Subscription, UsageDay
from marketplace.accounts.models import Membership, Team, User
from marketplace.audit.actions import record
from marketplace.insights.ledger import estimate, quarters, rules, sizing, uses
from marketplace.insights.ledger.permissions import can_confirm_line
from marketplace.insights.ledger.qualification import (
    APPROVED,
    COUNTED,
    Qualified,
    first_team,
    last_calls,
    qualified,
)
from marketplace.insights.models import LineKind, ReuseEvent, SignedQuarter
from marketplace.notices.actions import notify, resolve

LEDGER_LOCK = 7_310_014
SWEEPER = "ledger"


@dataclass(frozen=True)
class Swept:
    """What a sweep wrote."""

    posted: list[ReuseEvent]
    reversed: list[ReuseEvent]


@transaction.atomic
def sweep() -> Swept:
    """Count who uses what, post what qualifies, take back what stopped. Does nothing twice; two at once take turns."""
    lock()
    today = timezone.now().date()
    uses.count(today)
    by = User.objects.system(SWEEPER)
    posted = [_post(by, found, today) for found in qualified(today)]
    return Swept([line for line in posted if line], _take_back_stopped(by, today))


def lock() -> None:
    """One writer of the ledger at a time, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])


def is_signed(quarter: date) -> bool:
    return SignedQuarter.objects.filter(quarter=quarter).exists()


def open_quarter(day: date) -> date:
    """The quarter of a day; the running one where finance signed that already."""
    quarter = quarters.quarter_of(day)
    return quarters.quarter_of(timezone.now().date()) if is_signed(quarter) else quarter


def _post(by: User, found: Qualified, today: date) -> ReuseEvent | None:
    team = Team.objects.select_related("business_unit").get(pk=found.team_id)
    subscription = _subscription_of(found)
    line = ReuseEvent(
        team=team,
        business_unit_id=_unit_of(found) or team.business_unit_id,
        capability_id=found.capability_id,
        model_id=found.model_id,
        subscription=subscription,
        qualified_on=found.day,
        window_from=found.window_from,
        calls=found.calls,
        days=found.days,
        counterfactual=subscription.counterfactual,
        complexity=estimate.complexity_of(subscription),
        booked_cost=estimate.booked_cost(subscription.model),
        search_record=estimate.record_of(team, subscription.model),
        quarter=open_quarter(found.day),
        posted_by=by,
    )
    weigh(line)
    line.save(force_insert=True)
    record(by, "reuse.post", line, low=f"{line.low:f}", quarter=line.quarter_name)
    _ask_leads(line)
    return line


def _subscription_of(found: Qualified) -> Subscription:
    """The subscription that made most of the calls."""
    of_pair = Subscription.objects.filter(
        application__team_id=found.team_id,
        application__environment=Application.Environment.PROD,
        model_id=found.model_id,
        state__in=APPROVED,
        counterfactual__in=COUNTED,
    )
    used = UsageDay.objects.filter(subscription__in=of_pair, day__lte=found.day)
    most = used.values("subscription").annotate(ok=Sum("ok")).order_by("-ok", "subscription")
    return (
        of_pair.select_related(
            "application__team", "model__model_type", "model__capability", "pinned_version"
        )
        .filter(pk__in=[row["subscription"] for row in most[:1]])
        .get()
    )


def _unit_of(found: Qualified) -> int | None:
    """The business unit that the team was in when its calls sufficed."""
    days = UsageDay.objects.filter(
        team_id=found.team_id, version__model_id=found.model_id, day=found.day
    )
    return days.values_list("business_unit", flat=True).first()


def weigh(line: ReuseEvent) -> ReuseEvent:
    """Work out size, cost, grade, share and amounts from what the line says; the caller saves it."""
    line.size = sizing.size_of(line.complexity)
    cost = rules.cost_of(line.counterfactual, line.size, line.licence_price, line.booked_cost)
    line.cost_low, line.cost_mid, line.cost_high = cost.low, cost.mid, cost.high
    line.grade = rules.grade_of(
        is_confirmed=line.confirmed_by_id is not None, has_plan=line.has_plan
    )
    line.confidence = rules.GRADES[line.grade]
    line.share = _share(line)
    amounts = rules.avoided(cost, line.grade, line.share, line.integration_logged)
    line.low, line.mid, line.high = amounts.low, amounts.mid, amounts.high
    line.integration, line.rules_version = amounts.integration, rules.VERSION
    return line


def _share(line: ReuseEvent) -> Decimal:
    """In full for the first team of its unit whose calls sufficed for the capability; a part for further ones."""
    first = first_team(line.business_unit_id, line.capability_id, line.qualified_on)
    return rules.FIRST_SHARE if first in (None, line.team_id) else rules.FURTHER_SHARE


def _take_back_stopped(by: User, today: date) -> list[ReuseEvent]:
    """Reversals of the lines whose use stopped before it had been kept up."""
    young = (
        ReuseEvent.objects.standing()
        .filter(qualified_on__gt=today - rules.KEPT_UP - rules.QUIET, high__gt=0)
        .select_related("team", "model", "capability", "subscription")
    )
    lines = list(young)
    last = last_calls([line.pk for line in lines], today)
    return [
        reverse_line(by, line, _stopped_words(line, last[line.pk]))
        for line in lines
        if line.pk in last and _has_stopped(line, last[line.pk], today)
    ]


def _has_stopped(line: ReuseEvent, last: date, today: date) -> bool:
    if last >= line.takes_back_until:
        return False
    return today - last > rules.QUIET or not _has_access(line)


def _has_access(line: ReuseEvent) -> bool:
    return Subscription.objects.filter(
        Q(state__in=(Subscription.State.ACTIVE, Subscription.State.PAUSED)),
        application__team=line.team_id,
        model__capability=line.capability_id,
    ).exists()


def _stopped_words(line: ReuseEvent, last: date) -> str:
    days = (last - line.qualified_on).days
    return f"Calls stopped on {last:%-d %b %Y}, {days} days after the use qualified; it has to go on for {rules.KEPT_UP.days}."


def reverse_line(by: User, line: ReuseEvent, reason: str) -> ReuseEvent:
    """The negative of a line, posted in the running quarter. The line itself stays as it is."""
    kept = {
        field.attname: getattr(line, field.attname) for field in ReuseEvent._meta.concrete_fields
    }
    for name in ("id", "reverses_id", "posted_at"):
        kept.pop(name)
    kept |= {
        "kind": LineKind.REVERSAL,
        "low": -line.low,
        "mid": -line.mid,
        "high": -line.high,
        "quarter": quarters.quarter_of(timezone.now().date()),
        "reason": reason.strip(),
        "posted_by_id": by.pk,
    }
    made = ReuseEvent.objects.create(reverses=line, **kept)
    record(by, "reuse.reverse", made, reason=reason, line=line.pk, low=f"{made.low:f}")
    resolve(f"reuse-qualified:{line.pk}")
    notify(
        User.objects.on_teams([line.team]),
        "value",
        f"The reuse of {line.model} does not count any more",
        body=reason,
        url=made.get_absolute_url(),
        key=f"reuse-reversed:{line.pk}",
        model=line.model.slug,
    )
    return made


def leads_of_unit(unit: int) -> list[User]:
    """The people who lead a team of the unit now."""
    leads = Membership.objects.filter(
        team__business_unit=unit, role=Membership.Role.LEAD, left_at=None, user__is_active=True
    )
    return list(User.objects.filter(pk__in=leads.values("user")))


def _ask_leads(line: ReuseEvent) -> None:
    people = [user for user in leads_of_unit(line.business_unit_id) if can_confirm_line(user, line)]
    notify(
        people,
        "value",
        f"{line.team} reuses {line.model}: confirm what it would have done without",
        body=f"{line.calls:,} answered calls on {line.days} days. Until somebody who leads a team of {line.business_unit} confirms it, "
        "the least is counted.",
        url=line.get_absolute_url(),
        key=f"reuse-qualified:{line.pk}",
        model=line.model.slug,
    )
