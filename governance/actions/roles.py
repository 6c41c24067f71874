"""Verbs of marketplace roles: propose, decide, end (docs/governance.md, "Roles")."""

from django.db import transaction
from django.utils import timezone

from governance.models import GIVEN_BY_ONE, GIVES_ROLES, RoleChange, RoleChangeState
from governance.permissions import REVIEWER_ROLES, can_give_roles, reasons_against_role_change
from marketplace.accounts.models import RoleGrant, User
from marketplace.audit.actions import record, refusal_on_record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

Role = RoleGrant.Role
ROLE_OUTCOMES = (RoleChangeState.GRANTED, RoleChangeState.REFUSED)
READERS = "it stays on the record, and auditors read it"


@transaction.atomic
def propose_role(by: User, user: User, role: str, reason: str) -> RoleChange:
    """Ask that a person gets a role; one that judges nobody (GIVEN_BY_ONE) is given at once. Returns the RoleChange.

    Raises NotAllowed, Invalid naming the field, RuleError.
    """
    require(
        can_give_roles(by),
        "Administrators and the governance lead give roles.",
        ask="an administrator or the governance lead",
    )
    require(by.pk != user.pk, "Nobody gives a role to themselves.", ask="another administrator")
    require_reason(reason, READERS)
    user = User.objects.select_for_update().get(pk=user.pk)
    _require_fitting(user, role)
    if RoleChange.objects.open().filter(user=user, role=role).exists():
        raise RuleError(
            f"{Role(role).label} for {user} waits for a second person already.",
            ask="another administrator or the governance lead",
        )
    change = RoleChange.objects.create(user=user, role=role, reason=reason.strip(), proposed_by=by)
    record(by, "role.propose", change, reason=change.reason, user=user.username, role=role)
    if role in GIVEN_BY_ONE:
        return _grant(by, change)
    notify(
        User.objects.holding(*GIVES_ROLES).exclude(pk__in=[by.pk, user.pk]),
        "review",
        f"To decide: {change}",
        body=change.reason,
        url=change.get_absolute_url(),
        key=f"role-open:{change.pk}",
    )
    return change


def decide_role(by: User, change: RoleChange, outcome: str, reason: str) -> RoleChange:
    """Grant or refuse what another person proposed. Returns the RoleChange.

    Raises NotAllowed (the attempt is recorded), Invalid naming the field, RuleError.
    """
    with refusal_on_record(by, "role.decision_refused", change):
        return _decide(by, change, outcome, reason)


@transaction.atomic
def _decide(by: User, change: RoleChange, outcome: str, reason: str) -> RoleChange:
    change = RoleChange.objects.select_for_update().get(pk=change.pk)
    refusal = reasons_against_role_change(by, change)
    require(not refusal, refusal, ask="another administrator or the governance lead")
    require_state(change, RoleChangeState.OPEN)
    require_reason(reason, READERS)
    if outcome not in ROLE_OUTCOMES:
        raise Invalid("Choose granted or refused.", field="outcome")
    resolve(f"role-open:{change.pk}")
    if outcome == RoleChangeState.GRANTED:
        User.objects.select_for_update().get(pk=change.user_id)
        _require_fitting(change.user, change.role)
        return _grant(by, change, reason)
    transition(change, RoleChangeState.REFUSED, **RoleChange.decision(by, reason))
    record(by, "role.refused", change, reason=reason.strip())
    return change


@transaction.atomic
def end_role(by: User, grant: RoleGrant, reason: str) -> RoleGrant:
    """Take a role away; one person suffices. The last administrator stays. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_give_roles(by),
        "Administrators and the governance lead take roles away.",
        ask="an administrator or the governance lead",
    )
    require_reason(reason, READERS)
    grants = RoleGrant.objects.select_for_update().filter(role=grant.role, revoked_at=None)
    held = {row.pk: row for row in grants}
    if grant.pk not in held:
        raise RuleError(f"{grant} has ended already.", remedy="Reload the page.")
    if grant.role == Role.ADMIN and len(held) == 1:
        raise RuleError("The last administrator stays.", remedy="Give the role to another first.")
    grant = held[grant.pk]
    grant.revoked_at = timezone.now()
    grant.save(update_fields=["revoked_at"])
    record(by, "role.end", grant, reason=reason.strip(), role=grant.role)
    return grant


def _grant(by: User, change: RoleChange, reason: str = "") -> RoleChange:
    """The role begins. Alone, `by` is who proposed it; otherwise the second person."""
    grant = RoleGrant.objects.create(
        user=change.user, role=change.role, granted_by=change.proposed_by
    )
    alone = by.pk == change.proposed_by_id
    decision = {"decided_at": timezone.now()} if alone else RoleChange.decision(by, reason)
    transition(change, RoleChangeState.GRANTED, grant=grant, **decision)
    record(by, "role.granted", change, reason=reason.strip(), role=change.role)
    notify(
        [change.user],
        "review",
        f"You have the role {change.get_role_display().lower()}",
        body=change.reason,
        key=f"role-granted:{change.pk}",
    )
    return change


def _require_fitting(user: User, role: str) -> None:
    """Those who judge neither audit nor administer: their own acts would be theirs to oversee."""
    if not user.is_active or user.is_system:
        raise Invalid("Choose an active person.", field="user")
    held = user.roles()
    if role in held:
        raise Invalid(f"{user} holds this role already.", field="role")
    apart = {Role.AUDITOR, Role.ADMIN}
    against = set(REVIEWER_ROLES) if role in apart else apart if role in REVIEWER_ROLES else set()
    if role == Role.AUDITOR:
        against |= {Role.ADMIN, Role.OPERATOR, Role.FINANCE}
    if role in (Role.ADMIN, Role.OPERATOR, Role.FINANCE):
        against |= {Role.AUDITOR}
    if clash := held & against:
        other = Role(min(clash)).label.lower()
        raise Invalid(f"{user} is {other}: one person does not hold both roles.", field="role")
