"""Verbs of changes that take something from consumers: preview, propose, confirm, refuse, withdraw, and begin when due.

Who proposes never confirms. A notice (policies.change_notice_days) runs from the confirmation, when consumers are told. What takes
nothing from anybody begins at once. The rules in words: docs/money.md.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption import affected
from consumption.changes.kinds import KINDS, first_start, system
from consumption.models import Plan, ScheduledChange
from consumption.permissions import can_confirm, can_withdraw_change
from consumption.plans.terms import Difference
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.query import first_of_few
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

log = logging.getLogger(__name__)
STATE = ScheduledChange.State
READERS = "consumers read it"


def preview(by, kind, *, model, after, reason="", effective_from=None, **about):
    """The change as it would be, not saved, and whom it would affect: (ScheduledChange, [Affected]).

    about  `plan`, `version` or `subscription`: what the change is about, unless it is the model as a whole.
    Raises NotAllowed, Invalid, RuleError.
    """
    change = ScheduledChange(
        kind=kind,
        model=model,
        after=after,
        reason=reason.strip(),
        proposed_by=by,
        **about,
    )
    behaviour = KINDS[kind]
    require(
        behaviour.may_propose(by, change),
        f"Only members of {model.owner_team} propose this.",
        ask=str(model.owner_team),
    )
    change.effective_from = effective_from or _first_start(change)
    change.before = behaviour.before(change)
    behaviour.check(change)
    return change, whom_it_affects(change)


def whom_it_affects(change):
    """[Affected] from whom the change takes something; [] when it is better for all."""
    return (
        affected.by(KINDS[change.kind].subscriptions(change))
        if KINDS[change.kind].takes_away(change)
        else []
    )


@dataclass(frozen=True)
class Announcement:
    """A change that was announced to somebody, and what it makes of each thing."""

    change: ScheduledChange
    differences: list[Difference]


def announced_to(subscriptions):
    """{subscription id: [Announcement]}: what is announced to these, soonest first. A query or two for all."""
    open_ones = [
        subscription for subscription in subscriptions if subscription.state in subscription.OPEN
    ]
    announced = (
        ScheduledChange.objects.filter(
            state=STATE.SCHEDULED,
            model__in=[subscription.model_id for subscription in open_ones],
        )
        .for_list()
        .order_by("effective_from")
    )
    by_subscription = {subscription.pk: [] for subscription in subscriptions}
    for change in first_of_few(announced):
        announcement = Announcement(change, KINDS[change.kind].differences(change))
        for subscription in open_ones:
            if KINDS[change.kind].concerns(change, subscription):
                by_subscription[subscription.pk].append(announcement)
    return by_subscription


@transaction.atomic
def propose(by, kind, *, model, after, reason, effective_from=None, **about):
    """Propose a change to a second person. What takes nothing from anybody is in force at once. Returns the ScheduledChange.

    kind   a ScheduledChange.Kind.
    after  what it becomes; which names there are is the kind's (consumption.changes.kinds).
    about  `plan`, `version` or `subscription`: what the change is about, unless it is the model as a whole.
    Raises NotAllowed, Invalid, RuleError.
    """
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    if "plan" in about:  # nobody subscribes to it meanwhile
        about["plan"] = Plan.objects.select_for_update().get(pk=about["plan"].pk)
    change, affected_rows = preview(
        by, kind, model=model, after=after, reason=reason, effective_from=effective_from, **about
    )
    _require_nothing_open(change)
    if not affected_rows:
        return _begin_at_once(by, change)
    _check(change, effective_from)
    change.affected = [affected_row.as_data() for affected_row in affected_rows]
    change.save()
    record(
        by,
        "change.propose",
        change,
        reason=change.reason,
        before=change.before,
        after=change.after,
        affected=len(affected_rows),
    )
    _notify_second_people(change, affected_rows)
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
    require_state(change, STATE.PROPOSED)
    affected_rows = whom_it_affects(change)
    change.effective_from = max(change.effective_from, _first_start(change))
    KINDS[change.kind].announce(by, change)
    transition(
        change,
        STATE.SCHEDULED,
        effective_from=change.effective_from,
        **change.decision(by, reason),
    )
    record(
        by,
        "change.confirm",
        change,
        reason=reason,
        effective_from=change.effective_from.isoformat(),
    )
    resolve(f"change-proposed:{change.pk}")
    _notify_affected(change, affected_rows, KINDS[change.kind].headline(change), "announced")
    if change.effective_from <= timezone.now() and KINDS[change.kind].begins_by_clock:
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
    require_state(change, STATE.PROPOSED)
    require_reason(reason, "who proposed it acts on it")
    transition(change, STATE.REFUSED, **change.decision(by, reason))
    record(by, "change.refuse", change, reason=reason)
    resolve(f"change-proposed:{change.pk}")
    notify(
        [change.proposed_by],
        "change",
        f"{change} was refused",
        body=reason,
        url=change.get_absolute_url(),
        key=f"change-refused:{change.pk}",
        model=change.model.slug,
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
    if (
        was_announced
        and KINDS[change.kind].begins_by_clock
        and change.effective_from <= timezone.now()
    ):
        raise RuleError(f"{change} has begun.", remedy="Propose the opposite.")
    transition(change, STATE.WITHDRAWN)
    record(by, "change.withdraw", change, reason=reason)
    resolve(f"change-proposed:{change.pk}")
    if was_announced:
        KINDS[change.kind].retract(by, change)
        _notify_affected(
            change,
            whom_it_affects(change),
            f"{KINDS[change.kind].headline(change)}: taken back",
            "withdrawn",
        )
    return change


def begin_what_is_due():
    """The sweep: each announced change whose time has come begins. Returns how many. Two sweeps at once do no harm."""
    by_clock = [kind for kind, behaviour in KINDS.items() if behaviour.begins_by_clock]
    due = ScheduledChange.objects.filter(
        state=STATE.SCHEDULED, effective_from__lte=timezone.now(), kind__in=by_clock
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
    affected_rows = whom_it_affects(change)
    transition(change, STATE.IN_FORCE)
    KINDS[change.kind].apply(by, change)
    record(by, "change.begin", change, reason=change.reason, after=change.after)
    _notify_affected(
        change, affected_rows, f"{KINDS[change.kind].headline(change)}: from today", "begun"
    )


def _begin_at_once(by, change):
    change.effective_from = timezone.now()
    KINDS[change.kind].announce(by, change)
    change.state = STATE.IN_FORCE
    change.save()
    KINDS[change.kind].apply(by, change)
    record(
        by, "change.begin", change, reason=change.reason, before=change.before, after=change.after
    )
    _notify_affected(
        change,
        affected.by(KINDS[change.kind].subscriptions(change)),
        KINDS[change.kind].headline(change),
        "begun",
    )
    return change


def _held(change):
    """The change as it is now, locked, with what its page names."""
    return ScheduledChange.objects.select_for_update(of=["self"]).for_list().get(pk=change.pk)


def _first_start(change):
    return first_start(KINDS[change.kind].notice_days(change))


def _require_nothing_open(change):
    same = {name: getattr(change, name) for name in ("model", "plan", "version", "subscription")}
    other = ScheduledChange.objects.open().filter(kind=change.kind, **same).first()
    if other is not None:
        raise RuleError(
            f"{other} waits already.", remedy=f"Withdraw it first: {other.get_absolute_url()}"
        )


def _check(change, asked_from):
    require_reason(change.reason, READERS)
    first, days = _first_start(change), KINDS[change.kind].notice_days(change)
    if asked_from and asked_from < first - timedelta(minutes=5):
        raise Invalid(
            f"Who is affected gets {days} days of notice after a second person has confirmed.",
            field="effective_from",
            remedy=f"Choose {first:%-d %B %Y} or later (UTC).",
        )
    latest = KINDS[change.kind].latest
    if latest and change.effective_from > first + latest:
        raise Invalid("Choose a day within two years.", field="effective_from")


def _notify_second_people(change, affected_rows):
    others = User.objects.on_teams([change.model.owner_team]).exclude(pk=change.proposed_by_id)
    people = (
        others
        if others.exists()
        else User.objects.holding("curator").exclude(pk=change.proposed_by_id)
    )
    notify(
        people,
        "change",
        f"To confirm: {change} ({change.model})",
        url=change.get_absolute_url(),
        key=f"change-proposed:{change.pk}",
        model=change.model.slug,
        body=f"Proposed by {change.proposed_by}. It affects {affected.sentence(affected_rows)}. {change.reason}",
    )


def _notify_affected(change, people, headline, occasion):
    """Each affected team: what was, what will be, from when, and what it means for them in money."""
    kind = KINDS[change.kind]
    facts = ". ".join(str(difference) for difference in kind.differences(change))
    start = f"From {change.effective_from.astimezone(UTC):%-d %B %Y, %H:%M} UTC."
    day = (
        f" on {change.effective_from.astimezone(UTC):%-d %B %Y}" if occasion == "announced" else ""
    )
    for affected_row in people:
        body = " ".join(
            part
            for part in (f"{facts}.", start, kind.consequence(change, affected_row), change.reason)
            if part
        )
        application = affected_row.subscription.application
        notify(
            User.objects.on_teams([application.team]),
            kind.notice_kind,
            f"{application}: {headline}{day}",
            body=body,
            url=affected_row.subscription.get_absolute_url(),
            key=f"change-{occasion}:{change.pk}:{affected_row.subscription.pk}",
            teams=[application.team],
            model=change.model.slug,
            application=application.slug,
        )
