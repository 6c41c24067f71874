"""Verbs of memberships: add, make lead, step down, end (docs/people.md, "Who is on a team").

Each takes the team's row first, and judges what is true then: of two leads who remove each other, the second is no lead any more.
"""

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import Membership, Team, User
from marketplace.audit.actions import record
from marketplace.audit.models import AuditEvent
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve
from marketplace.organisation.models import JoinRequest, JoinRequestState
from marketplace.organisation.permissions import LEADS, can_end, can_lead

Role = Membership.Role
OURSELVES = Refusal(
    "Nobody puts themself on a team, and nobody makes themself its lead.",
    ask="another lead, or an administrator",
)
SUCCESSOR = "Make somebody else lead first."


@transaction.atomic
def add_member(
    by: User, team: Team, user: User, role: str = Role.MEMBER, reason: str = ""
) -> Membership:
    """Put a person on a team. Returns the Membership; an open request of theirs to join it is accepted with it.

    Raises NotAllowed, Invalid naming the field, RuleError.
    """
    lock_team(team)
    require(can_lead(by, team), LEADS, ask=f"a lead of {team}")
    require(by.pk != user.pk, *OURSELVES)
    if not user.is_active or user.is_system:
        raise Invalid("Choose an active person.", field="user")
    if Membership.objects.filter(user=user, team=team, left_at=None).exists():
        raise Invalid(f"{user} is on {team} already.", field="user")
    membership = Membership.objects.create(user=user, team=team, role=role)
    for request in JoinRequest.objects.open().filter(person=user, team=team):
        transition(request, JoinRequestState.ACCEPTED, **JoinRequest.decision(by, reason))
        resolve(f"join:{request.pk}")
    event = record(
        by, "team.add_member", team, reason=reason.strip(), user=user.username, role=role
    )
    as_what = "a lead of" if role == Role.LEAD else "on"
    _tell(by, membership, event, f"{user} is {as_what} {team}", "added", reason)
    return membership


@transaction.atomic
def make_lead(by: User, membership: Membership) -> Membership:
    """Have somebody on a team lead it, besides those who do. Returns the Membership. Raises NotAllowed, RuleError."""
    membership = _current(membership)
    team, user = membership.team, membership.user
    require(can_lead(by, team), LEADS, ask=f"a lead of {team}")
    require(by.pk != user.pk, *OURSELVES)
    if membership.is_lead:
        raise RuleError(f"{user} leads {team} already.", remedy="Reload the page and look again.")
    if not user.is_active:
        raise RuleError(f"{user} is deactivated.", remedy="Choose an active person.")
    return _set_role(by, membership, Role.LEAD, f"{user} is a lead of {team}")


@transaction.atomic
def step_down(by: User, membership: Membership) -> Membership:
    """A lead stays on the team as a member; the last lead does not. Returns the Membership. Raises NotAllowed, RuleError."""
    membership = _current(membership)
    team, user = membership.team, membership.user
    require(can_end(by, membership), LEADS, ask=f"a lead of {team}")
    if not membership.is_lead:
        raise RuleError(f"{user} does not lead {team}.", remedy="Reload the page and look again.")
    _require_another_lead(membership)
    return _set_role(by, membership, Role.MEMBER, f"{user} no longer leads {team}")


@transaction.atomic
def end_membership(by: User, membership: Membership, reason: str = "") -> Membership:
    """Take somebody off a team, or leave it oneself; the last lead does neither. Returns the Membership.

    Tokens that the person has of the team open nothing from now on. What else follows: `following.of_leaving`.
    Raises NotAllowed, RuleError.
    """
    membership = _current(membership)
    team, user = membership.team, membership.user
    require(can_end(by, membership), LEADS, ask=f"a lead of {team}")
    if membership.is_lead and user.is_active:
        _require_another_lead(membership)
    membership.left_at = timezone.now()
    membership.save(update_fields=["left_at"])
    verb = "team.leave" if by.pk == user.pk else "team.remove_member"
    event = record(by, verb, team, reason=reason.strip(), user=user.username)
    _tell(by, membership, event, f"{user} is no longer on {team}", "ended", reason)
    enqueue("tokens.sweep")
    return membership


def _set_role(by: User, membership: Membership, role: str, title: str) -> Membership:
    membership.role = role
    membership.save(update_fields=["role"])
    user = membership.user.username
    event = record(by, "team.change_role", membership.team, user=user, role=role)
    _tell(by, membership, event, title, "role")
    return membership


def lock_team(team: Team) -> None:
    """Be alone with who is on the team, until the transaction ends."""
    Team.objects.select_for_update().get(pk=team.pk)


def _current(membership: Membership) -> Membership:
    """The membership as it is now, alone with its team. Raises RuleError when it has ended."""
    lock_team(membership.team)
    membership = Membership.objects.select_related("user", "team").get(pk=membership.pk)
    if membership.left_at:
        raise RuleError(
            f"{membership.user} is no longer on {membership.team}.", remedy="Reload the page."
        )
    return membership


def _require_another_lead(membership: Membership) -> None:
    leads = User.objects.leading(membership.team).exclude(pk=membership.user_id)
    if not leads.exists():
        raise RuleError(
            f"{membership.user} is the last lead of {membership.team}.", remedy=SUCCESSOR
        )


def _tell(
    by: User, membership: Membership, event: AuditEvent, title: str, what: str, body: str = ""
) -> None:
    """The person, and the team's leads; not who did it."""
    people = {membership.user, *User.objects.leading(membership.team)} - {by}
    notify(
        people,
        "team",
        title,
        body=body.strip() or f"By {by}.",
        url=membership.team.get_absolute_url(),
        key=f"membership-{what}:{event.pk}",
    )
