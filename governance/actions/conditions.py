"""Verbs of conditions: set with an approval, fulfil, confirm, send back; and what the clock does (docs/governance.md, "Conditions")."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from governance import policies
from governance.actions.suspension import stop
from governance.matrix import roles_for
from governance.models import Condition, Decision
from governance.permissions import can_fulfil, reasons_against_confirming
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import REASON_MIN, require_reason, require_state
from marketplace.core.errors import Invalid
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

MOST = 5  # conditions of one approval
REMINDER_DAYS = (14, 3)
Given = Sequence[Mapping[str, Any]]  # text, owner (User), due_on (date)


def set_conditions(by: User, decision: Decision, given: Given) -> list[Condition]:
    """Keep the conditions of an approval and tell their owners. In the caller's transaction. Raises Invalid."""
    version = decision.review.version
    if len(given) > MOST:
        raise Invalid(f"An approval has at most {MOST} conditions.", field="conditions")
    for place, row in enumerate(given):
        _require_condition(version, row, f"conditions.{place}")
    conditions = [
        Condition.objects.create(
            decision=decision,
            version=version,
            text=row["text"].strip(),
            owner=row["owner"],
            due_on=row["due_on"],
        )
        for row in given
    ]
    for condition in conditions:
        record(
            by,
            "condition.set",
            condition,
            reason=condition.text,
            owner=condition.owner.username,
            due_on=condition.due_on.isoformat(),
            version=version.pk,
        )
        _tell_team(condition, f"{version} has a condition", condition.text, "set")
    return conditions


@transaction.atomic
def fulfil(by: User, condition: Condition, evidence: str) -> Condition:
    """The owner team says what was done, with evidence. Raises NotAllowed, Invalid, RuleError."""
    condition = _locked(condition)
    require(
        can_fulfil(by, condition),
        f"Only members of {condition.version.model.owner_team} say how it was fulfilled.",
        ask=str(condition.version.model.owner_team),
    )
    require_state(condition, Condition.State.OPEN)
    if len(evidence.strip()) < REASON_MIN:
        raise Invalid(
            f"Say what was done, and where it is seen, in at least {REASON_MIN} characters.",
            field="evidence",
        )
    transition(
        condition,
        Condition.State.FULFILLED,
        evidence=evidence.strip(),
        fulfilled_by=by,
        fulfilled_at=timezone.now(),
    )
    record(by, "condition.fulfil", condition, reason=evidence.strip())
    resolve(f"condition-set:{condition.pk}")
    for days in (*REMINDER_DAYS, 0, -1):
        resolve(_occasion(condition, days))
    notify(
        User.objects.holding(*roles_for(condition.review.kind, condition.version.risk_tier)),
        "review",
        f"To confirm: {condition}",
        body=condition.text,
        url=condition.get_absolute_url(),
        key=_confirmation(condition),
        model=condition.version.model.slug,
    )
    return condition


@transaction.atomic
def confirm(by: User, condition: Condition, reason: str) -> Condition:
    """A reviewer of the kind that set it says that it is met. Raises NotAllowed, Invalid, RuleError."""
    condition = _to_confirm(by, condition, reason)
    resolve(_confirmation(condition))
    transition(condition, Condition.State.CONFIRMED, confirmed_by=by, confirmed_at=timezone.now())
    record(by, "condition.confirm", condition, reason=reason.strip())
    _tell_team(condition, f"{condition} is confirmed", reason.strip(), "confirmed")
    return condition


@transaction.atomic
def send_back(by: User, condition: Condition, reason: str) -> Condition:
    """The evidence is not enough: the owner team acts again, by the same day. Raises NotAllowed, Invalid, RuleError."""
    condition = _to_confirm(by, condition, reason)
    resolve(_confirmation(condition))
    transition(condition, Condition.State.OPEN, returned=reason.strip())
    record(by, "condition.send_back", condition, reason=reason.strip())
    occasion = f"returned-{condition.fulfilled_at:%s%f}"
    _tell_team(condition, f"{condition} is not met yet", reason.strip(), occasion)
    return condition


def remind_of_conditions(today: date) -> int:
    """Notify owner and team once 14 and 3 days before, and when it is overdue; then the reviewers too. Returns how many."""
    until = today + timedelta(days=max(REMINDER_DAYS))
    # The few that are due first: joined at once, the database reads all versions to find none.
    due = list(
        Condition.objects.filter(state="open", due_on__lte=until).values_list("pk", flat=True)
    )
    conditions = list(Condition.objects.binding().for_page().filter(pk__in=due))
    for condition in conditions:
        left = (condition.due_on - today).days
        stage = min(days for days in (*REMINDER_DAYS, 0) if left <= days) if left >= 0 else 0
        is_late = left < 0
        people = User.objects.on_teams([condition.version.model.owner_team])
        if is_late:
            people |= User.objects.holding(
                *roles_for(condition.review.kind, condition.version.risk_tier)
            )
        when = f"{condition.due_on:%-d %B %Y}"
        notify(
            people,
            "review",
            f"{condition} {'was' if is_late else 'is'} due on {when}",
            body=condition.text,
            url=condition.get_absolute_url(),
            key=_occasion(condition, -1 if is_late else stage),
            model=condition.version.model.slug,
        )
    return len(conditions)


def suspend_overdue(today: date) -> int:
    """Stop high-risk versions with an overdue condition, once for each condition. Returns how many."""
    past = Condition.objects.filter(state="open", due_on__lt=today, suspended_at=None)
    late = (
        Condition.objects.overdue(today)
        .for_page()
        .filter(version__risk_tier="high", pk__in=list(past.values_list("pk", flat=True)))
    )
    system = User.objects.system("conditions")
    stopped = 0
    for condition in late:
        with transaction.atomic():
            version = ModelVersion.objects.select_for_update().get(pk=condition.version_id)
            first = Condition.objects.filter(pk=condition.pk, suspended_at=None).update(
                suspended_at=timezone.now()
            )
            if first and not version.suspended_at:
                stop(system, version, f"A condition of its approval is overdue: {condition.text}")
                stopped += 1
    return stopped


def _require_condition(version: ModelVersion, row: Mapping[str, Any], field: str) -> None:
    if len(row["text"].strip()) < REASON_MIN:
        raise Invalid(
            f"Say what is to be done in at least {REASON_MIN} characters.", field=f"{field}.text"
        )
    if not row["owner"].is_active or not row["owner"].is_on(version.model.owner_team):
        raise Invalid(
            f"The owner of a condition is on {version.model.owner_team}.", field=f"{field}.owner"
        )
    longest = policies.in_force().days("condition_days", version.risk_tier)
    days = (row["due_on"] - timezone.localdate()).days
    if not 1 <= days <= longest:
        raise Invalid(
            f"Choose a day between tomorrow and {longest} days from now.", field=f"{field}.due_on"
        )


def _locked(condition: Condition) -> Condition:
    return Condition.objects.for_page().select_for_update(of=("self",)).get(pk=condition.pk)


def _to_confirm(by: User, condition: Condition, reason: str) -> Condition:
    condition = _locked(condition)
    refusal = reasons_against_confirming(by, condition)
    require(not refusal, refusal, ask="the marketplace manager")
    require_state(condition, Condition.State.FULFILLED)
    require_reason(reason, "it stays on the record, and the owner team reads it")
    return condition


def _tell_team(condition: Condition, title: str, body: str, occasion: str) -> None:
    team = User.objects.on_teams([condition.version.model.owner_team])
    notify(
        team,
        "review",
        title,
        body=body,
        url=condition.get_absolute_url(),
        key=f"condition-{occasion}:{condition.pk}",
        model=condition.version.model.slug,
    )


def _occasion(condition: Condition, days: int) -> str:
    return f"condition-due-{days}:{condition.pk}"


def _confirmation(condition: Condition) -> str:
    return f"condition-confirm:{condition.pk}:{condition.fulfilled_at:%s%f}"
