"""Who may change units, teams and people."""

from marketplace.accounts.models import Membership, RoleGrant, Team, User
from marketplace.core.guard import Refusal
from marketplace.organisation.models import SEES_PEOPLE, JoinRequest

ADMINISTRATORS = Refusal("Administrators keep units, teams and people.", ask="an administrator")
LEADS = "The leads of a team and administrators decide who is on it."


def can_administer(user: User) -> bool:
    """Keeps units, teams and people. A token never does: it carries no role."""
    return user.has_role(RoleGrant.Role.ADMIN)


def can_see_people(user: User) -> bool:
    """May read the list of people, with their roles, tokens and when they were last here?"""
    return user.has_role(*SEES_PEOPLE)


def can_lead(user: User, team: Team) -> bool:
    """May say what a team is called and who is on it: its leads, and administrators."""
    return user.leads(team) or can_administer(user)


def can_end(user: User, membership: Membership) -> bool:
    """May end a membership, and read what follows: whose it is, and who says who is on the team. No token does."""
    is_own = membership.user_id == user.pk and not user.token_kid
    return is_own or can_lead(user, membership.team)


def can_move_team(user: User, team: Team) -> bool:
    """May move the team to another unit, which pays from then on: an administrator who is not on it."""
    return can_administer(user) and not user.is_on(team)


def can_decide_request(user: User, request: JoinRequest) -> bool:
    """May answer a request to join? Nobody answers their own."""
    return request.person_id != user.pk and can_lead(user, request.team)
