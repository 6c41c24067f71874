"""Verbs of policies: propose another text, decide, withdraw (docs/governance.md, "Policies")."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import policies, policy_effect, policy_parameters
from governance.models import PolicyChange, PolicyChangeState, PolicyVersion
from governance.permissions import (
    CHANGES_POLICIES,
    can_change_policies,
    can_withdraw_policy_change,
    reasons_against_policy_change,
)
from governance.rules import Text
from marketplace.accounts.models import User
from marketplace.audit.actions import record, refusal_on_record
from marketplace.core.canonical import digest
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

POLICY_OUTCOMES = (PolicyChangeState.APPROVED, PolicyChangeState.REFUSED)
LATEST = timedelta(days=365)  # from now on that a change may begin
READERS = "it stays on the record, and publishers and auditors read it"
WHO = Refusal(
    "The governance lead and the model risk officer change policies.",
    ask="the governance lead or the model risk officer",
)


@transaction.atomic
def propose_policy(
    by: User, kind: str, values: dict[str, Any], effective_from: datetime, reason: str
) -> PolicyChange:
    """Propose another text of one kind: {parameter name: value} over the newest approved one. Returns the PolicyChange.

    Raises NotAllowed, Invalid naming the parameter, RuleError.
    """
    require(can_change_policies(by), *WHO)
    require_reason(reason, READERS)
    base = policies.newest(kind)
    after = policy_parameters.changed(kind, base, values)
    _require_fitting_start(kind, effective_from)
    if PolicyChange.objects.open().filter(kind=kind).exists():
        raise RuleError(
            "Another change of this policy waits for a second person.",
            remedy="Let it be decided, or withdraw it first.",
        )
    change = PolicyChange.objects.create(
        kind=kind,
        before=base,
        after=after,
        effective_from=effective_from,
        effect=preview_of(kind, after).counts,
        reason=reason.strip(),
        proposed_by=by,
    )
    record(by, "policy.propose", change, reason=change.reason, effect=change.effect)
    notify(
        User.objects.holding(*CHANGES_POLICIES).exclude(pk=by.pk),
        "review",
        f"To decide: {change}",
        body=change.reason,
        url=change.get_absolute_url(),
        key=f"policy-open:{change.pk}",
    )
    return change


def decide_policy(by: User, change: PolicyChange, outcome: str, reason: str) -> PolicyChange:
    """Approve or refuse what another person proposed. Returns the PolicyChange.

    Raises NotAllowed (the attempt is recorded), Invalid naming the field, RuleError.
    """
    with refusal_on_record(by, "policy.decision_refused", change):
        return _decide(by, change, outcome, reason)


@transaction.atomic
def withdraw_policy(by: User, change: PolicyChange, reason: str) -> PolicyChange:
    """Take a proposal back. Returns the PolicyChange. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_withdraw_policy_change(by, change),
        "Who proposed a change takes it back.",
        ask=str(change.proposed_by),
    )
    change = PolicyChange.objects.select_for_update().get(pk=change.pk)
    require_state(change, PolicyChangeState.OPEN)
    require_reason(reason, READERS)
    resolve(f"policy-open:{change.pk}")
    transition(change, PolicyChangeState.WITHDRAWN, decided_at=timezone.now())
    record(by, "policy.withdraw", change, reason=reason.strip())
    return change


def preview_of(kind: str, text: Text) -> policy_effect.Preview:
    """What another text of one kind would mean for the versions there are, against the newest approved one."""
    now = policies.in_force()
    return policy_effect.preview(
        now.replaced(kind, policies.newest(kind)), now.replaced(kind, text)
    )


@transaction.atomic
def _decide(by: User, change: PolicyChange, outcome: str, reason: str) -> PolicyChange:
    change = PolicyChange.objects.select_for_update().get(pk=change.pk)
    refusal = reasons_against_policy_change(by, change)
    require(not refusal, refusal, ask="the governance lead or the model risk officer")
    require_state(change, PolicyChangeState.OPEN)
    require_reason(reason, READERS)
    if outcome not in POLICY_OUTCOMES:
        raise Invalid("Choose approved or refused.", field="outcome")
    resolve(f"policy-open:{change.pk}")
    if outcome == PolicyChangeState.REFUSED:
        transition(change, PolicyChangeState.REFUSED, **PolicyChange.decision(by, reason))
        record(by, "policy.refused", change, reason=reason.strip())
        return change
    return _approve(by, change, reason)


def _approve(by: User, change: PolicyChange, reason: str) -> PolicyChange:
    if digest(policies.newest(change.kind)) != digest(change.before):
        raise RuleError(
            "A release of the product changed this policy after it was proposed.",
            remedy="Refuse it, and have it proposed again.",
        )
    start = max(change.effective_from, timezone.now() + policies.LEAD)
    policy = PolicyVersion.objects.create(
        kind=change.kind,
        semver=change.after["semver"],
        body=change.after,
        sha256=digest(change.after),
        effective_from=start,
    )
    decision = PolicyChange.decision(by, reason)
    transition(change, PolicyChangeState.APPROVED, policy=policy, effective_from=start, **decision)
    record(
        by,
        "policy.approved",
        change,
        reason=reason.strip(),
        effective_from=start.isoformat(),
        before=digest(change.before),
        after=policy.sha256,
    )
    return change


def _require_fitting_start(kind: str, start: datetime) -> None:
    """Not in the past, nor before an approved change that waits to begin."""
    now = timezone.now()
    if start > now + LATEST:
        raise Invalid("A change begins within a year.", field="effective_from")
    last = PolicyVersion.objects.approved().filter(kind=kind).last()
    if last and start < last.effective_from:
        raise Invalid(
            f"An approved change begins on {last.effective_from:%-d %B %Y}; this one cannot begin before it.",
            field="effective_from",
        )
