"""Verbs of changes that take something from consumers: preview, propose, confirm, refuse, withdraw, and begin when due.

Who proposes never confirms. A notice of CHANGE_NOTICE_DAYS runs from the confirmation, when consumers are told. What takes
nothing from anybody begins at once. The rules in words: docs/money.md.
"""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption import affected
from consumption.change_kinds import KINDS, system
from consumption.models import Plan, ScheduledChange
from consumption.permissions import can_change, can_confirm, can_withdraw_change
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import settle, tell

log = logging.getLogger(__name__)
STATE = ScheduledChange.State
REASON_MIN = 20
LATEST = timedelta(days=730)


def first_start():
    """The first moment from which a change that is confirmed now may hold: the UTC midnight after the notice."""
    now = timezone.now()
    if not settings.CHANGE_NOTICE_DAYS:
        return now
    day = (now + timedelta(days=settings.CHANGE_NOTICE_DAYS + 1)).astimezone(UTC).date()
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def preview(kind, *, model, plan=None, after, reason="", effective_from=None):
    """The change as it would be, not saved, and whom it would affect: (ScheduledChange, [Affected]). Raises Invalid."""
    change = ScheduledChange(
        kind=kind,
        model=model,
        plan=plan,
        after=after,
        reason=reason.strip(),
        effective_from=effective_from or first_start(),
    )
    change.before = KINDS[kind].before(change)
    if kind == ScheduledChange.Kind.TERMS:
        change.after = change.before | after
    KINDS[kind].check(change)
    return change, who_loses(change)


def who_loses(change):
    """[Affected] from whom the change takes something; [] when it is better for all."""
    return (
        affected.by(KINDS[change.kind].subscriptions(change))
        if KINDS[change.kind].takes_away(change)
        else []
    )


def announced_to(subscriptions):
    """{subscription id: [ScheduledChange with .differences]}: what is announced to these, soonest first. A query or two for all."""
    open_ones = [one for one in subscriptions if one.state in one.OPEN]
    found = (
        ScheduledChange.objects.filter(
            state=STATE.SCHEDULED, model__in=[one.model_id for one in open_ones]
        )
        .for_list()
        .order_by("effective_from")
    )
    told = {one.pk: [] for one in subscriptions}
    for change in found:
        change.differences = KINDS[change.kind].differences(change)
        for one in open_ones:
            if KINDS[change.kind].concerns(change, one):
                told[one.pk].append(change)
    return told


@transaction.atomic
def propose(by, kind, *, model, plan=None, after, reason, effective_from=None):
    """Propose a change to a second person. What takes nothing from anybody is in force at once. Returns the ScheduledChange.

    kind   a ScheduledChange.Kind; `plan` is needed unless it is about who may use the model.
    after  what it becomes: some of terms.FIELDS; nothing for a withdrawal; {"visibility", "units", "teams"} (slugs).
    Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_change(by, model),
        f"Only members of {model.owner_team} propose this.",
        ask=str(model.owner_team),
    )
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    if plan is not None:
        plan = Plan.objects.select_for_update().get(pk=plan.pk)
    change, losers = preview(
        kind, model=model, plan=plan, after=after, reason=reason, effective_from=effective_from
    )
    change.proposed_by = by
    _require_nothing_open(change)
    if not losers:
        return _begin_at_once(by, change)
    _check(change, effective_from)
    change.affected = [one.as_data() for one in losers]
    change.save()
    record(
        by,
        "change.propose",
        change,
        reason=change.reason,
        before=change.before,
        after=change.after,
        affected=len(losers),
    )
    _tell_second_people(change, losers)
    return change


@transaction.atomic
def confirm(by, change, reason=""):
    """The second person's yes: consumers are told, and the notice runs. Raises NotAllowed, RuleError, StaleState."""
    change = _held(change)
    require(
        can_confirm(by, change),
        _WHO,
        ask=f"another member of {change.model.owner_team}, or the marketplace manager",
    )
    _require_state(change, STATE.PROPOSED)
    change.effective_from = max(change.effective_from, first_start())
    KINDS[change.kind].announce(by, change)
    transition(
        change,
        STATE.SCHEDULED,
        effective_from=change.effective_from,
        decided_by=by,
        decided_at=timezone.now(),
        decision_reason=reason.strip(),
    )
    record(
        by,
        "change.confirm",
        change,
        reason=reason,
        effective_from=change.effective_from.isoformat(),
    )
    settle(f"change-proposed:{change.pk}")
    _tell_losers(change, who_loses(change), KINDS[change.kind].headline(change), "announced")
    if change.effective_from <= timezone.now():
        _begin(system(), change)
    return change


@transaction.atomic
def refuse(by, change, reason):
    """The second person's no, with a reason that the proposer can act on."""
    change = _held(change)
    require(
        can_confirm(by, change),
        _WHO,
        ask=f"another member of {change.model.owner_team}, or the marketplace manager",
    )
    _require_state(change, STATE.PROPOSED)
    _require_reason(reason)
    transition(
        change,
        STATE.REFUSED,
        decided_by=by,
        decided_at=timezone.now(),
        decision_reason=reason.strip(),
    )
    record(by, "change.refuse", change, reason=reason)
    settle(f"change-proposed:{change.pk}")
    tell(
        [change.proposed_by],
        "change",
        f"{change} was refused",
        body=reason,
        url=change.get_absolute_url(),
        key=f"change-refused:{change.pk}",
    )
    return change


@transaction.atomic
def withdraw(by, change, reason=""):
    """Take a change back before it begins; who was told of it is told again."""
    change = _held(change)
    require(
        can_withdraw_change(by, change),
        f"Only members of {change.model.owner_team} take it back.",
        ask=str(change.model.owner_team),
    )
    was_announced = change.state == STATE.SCHEDULED
    if was_announced and change.effective_from <= timezone.now():
        raise RuleError(f"{change} has begun.", remedy="Propose the opposite.")
    transition(change, STATE.WITHDRAWN)
    record(by, "change.withdraw", change, reason=reason)
    settle(f"change-proposed:{change.pk}")
    if was_announced:
        KINDS[change.kind].retract(by, change)
        _tell_losers(
            change,
            who_loses(change),
            f"{KINDS[change.kind].headline(change)}: taken back",
            "withdrawn",
        )
    return change


def begin_what_is_due():
    """The sweep: each announced change whose time has come begins. Returns how many. Two sweeps at once do no harm."""
    due = ScheduledChange.objects.filter(
        state=STATE.SCHEDULED, effective_from__lte=timezone.now()
    ).order_by("effective_from")
    begun = 0
    for pk in list(due.values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                change = _held(ScheduledChange(pk=pk))
                if change.state == STATE.SCHEDULED:
                    _begin(system(), change)
                    begun += 1
        except RuleError as refusal:
            log.error("change %s cannot begin: %s", pk, refusal)
    return begun


_WHO = "Somebody else of the owner team, or the marketplace manager, confirms it; never who proposed it."


def _begin(by, change):
    losers = who_loses(change)
    transition(change, STATE.IN_FORCE)
    KINDS[change.kind].apply(by, change)
    record(by, "change.begin", change, reason=change.reason, after=change.after)
    _tell_losers(change, losers, f"{KINDS[change.kind].headline(change)}: from today", "begun")


def _begin_at_once(by, change):
    change.effective_from = timezone.now()
    KINDS[change.kind].announce(by, change)
    change.state = STATE.IN_FORCE
    change.save()
    KINDS[change.kind].apply(by, change)
    record(
        by, "change.begin", change, reason=change.reason, before=change.before, after=change.after
    )
    _tell_losers(
        change,
        affected.by(KINDS[change.kind].subscriptions(change)),
        KINDS[change.kind].headline(change),
        "begun",
    )
    return change


def _held(change):
    """The change as it is now, locked, with what its page names."""
    return ScheduledChange.objects.select_for_update(of=["self"]).for_list().get(pk=change.pk)


def _require_nothing_open(change):
    other = (
        ScheduledChange.objects.open()
        .filter(model=change.model, plan=change.plan, kind=change.kind)
        .first()
    )
    if other is not None:
        raise RuleError(
            f"{other} waits already.", remedy=f"Withdraw it first: {other.get_absolute_url()}"
        )


def _check(change, asked_from):
    _require_reason(change.reason)
    first = first_start()
    if asked_from and asked_from < first - timedelta(minutes=5):
        raise Invalid(
            f"Who has it gets {settings.CHANGE_NOTICE_DAYS} days of notice after a second person has confirmed.",
            field="effective_from",
            remedy=f"Choose {first:%-d %B %Y} or later (UTC).",
        )
    if change.effective_from > first + LATEST:
        raise Invalid("Choose a day within two years.", field="effective_from")


def _require_state(change, state):
    if change.state != state:
        raise RuleError(f"It is {change.get_state_display().lower()}.", remedy="Reload the page.")


def _require_reason(reason):
    if len(reason.strip()) < REASON_MIN:
        raise Invalid(
            f"Say in a sentence why ({REASON_MIN} characters): people rely on it.", field="reason"
        )


def _tell_second_people(change, losers):
    others = User.objects.on_teams([change.model.owner_team]).exclude(pk=change.proposed_by_id)
    people = (
        others
        if others.exists()
        else User.objects.holding("curator").exclude(pk=change.proposed_by_id)
    )
    tell(
        people,
        "change",
        f"To confirm: {change} ({change.model})",
        url=change.get_absolute_url(),
        key=f"change-proposed:{change.pk}",
        body=f"Proposed by {change.proposed_by}. It affects {affected.sentence(losers)}. {change.reason}",
    )


def _tell_losers(change, people, headline, occasion):
    """Each affected team: what was, what will be, from when, and what it means for them in money."""
    kind = KINDS[change.kind]
    facts = ". ".join(str(difference) for difference in kind.differences(change))
    start = f"From {change.effective_from.astimezone(UTC):%-d %B %Y, %H:%M} UTC."
    day = (
        f" on {change.effective_from.astimezone(UTC):%-d %B %Y}" if occasion == "announced" else ""
    )
    for one in people:
        body = " ".join(
            part
            for part in (f"{facts}.", start, kind.consequence(change, one), change.reason)
            if part
        )
        application = one.subscription.application
        tell(
            User.objects.on_teams([application.team]),
            "change",
            f"{application}: {headline}{day}",
            body=body,
            url=one.subscription.get_absolute_url(),
            key=f"change-{occasion}:{change.pk}:{one.subscription.pk}",
        )
