"""Verbs of requests to join a team: ask, withdraw, answer (docs/people.md, "Asking to join")."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketplace.accounts.models import RoleGrant, Team, User
from marketplace.accounts.permissions import require_person
from marketplace.audit.actions import record
from marketplace.core.decisions import require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve
from marketplace.organisation.actions.members import add_member, lock_team
from marketplace.organisation.models import JoinRequest, JoinRequestState
from marketplace.organisation.permissions import LEADS, can_decide_request

MOST_A_DAY = 5  # teams that one person asks
OUTCOMES = (JoinRequestState.ACCEPTED, JoinRequestState.DECLINED)


def who_answers(team: Team) -> QuerySet[User]:
    """Who is told: the team's leads, else the administrators, else the marketplace's managers, who ask one."""
    leads = User.objects.leading(team)
    if leads.exists():
        return leads
    administrators = User.objects.holding(RoleGrant.Role.ADMIN)
    return administrators if administrators.exists() else User.objects.holding("curator")


@transaction.atomic
def ask_to_join(by: User, team: Team, words: str = "") -> JoinRequest:
    """Ask to be on a team; whoever answers for it is told. Returns the JoinRequest. Raises NotAllowed, RuleError."""
    require_person(by, "People ask to join a team, in the portal; no token does.")
    User.objects.select_for_update().get(pk=by.pk)  # one request at a time is counted
    if by.is_on(team):
        raise RuleError(f"You are on {team} already.", field="team", remedy="Reload the page.")
    own = JoinRequest.objects.filter(person=by)
    if own.open().filter(team=team).exists():
        raise RuleError(f"You asked {team} already.", field="team", remedy="Wait for its answer.")
    since = timezone.now() - timedelta(days=1)
    if own.filter(asked_at__gte=since).count() >= MOST_A_DAY:
        raise RuleError(
            f"You asked {MOST_A_DAY} times today.", remedy="Wait for an answer, or ask tomorrow."
        )
    told = list(who_answers(team))
    if not told:
        raise RuleError(f"Nobody answers for {team}.", remedy="Ask an administrator.")
    request = JoinRequest.objects.create(person=by, team=team, words=words)
    record(by, "team.ask_to_join", team, words=words)
    title = f", {by.job_title}" if by.job_title else ""
    notify(
        told,
        "join",
        str(request),
        body=f"{by} ({by.username}){title}. {words}".strip(),
        url=request.get_absolute_url(),
        key=f"join:{request.pk}",
    )
    return request


@transaction.atomic
def withdraw_request(by: User, request: JoinRequest) -> JoinRequest:
    """Take one's own request back. Returns the JoinRequest. Raises NotAllowed, RuleError, StaleState."""
    require(
        by.pk == request.person_id and not by.token_kid,
        "Who asked takes it back.",
        ask=str(request.person),
    )
    require_state(request, JoinRequestState.OPEN)
    transition(request, JoinRequestState.WITHDRAWN)
    resolve(f"join:{request.pk}")
    record(by, "team.withdraw_request", request.team)
    return request


@transaction.atomic
def decide_request(by: User, request: JoinRequest, outcome: str, reason: str = "") -> JoinRequest:
    """Accept, and with it add the person; or decline with a sentence that they read. Returns the JoinRequest.

    Raises NotAllowed, Invalid naming the field, RuleError.
    """
    require(can_decide_request(by, request), LEADS, ask=f"a lead of {request.team}")
    lock_team(request.team)
    request = JoinRequest.objects.for_locked().get(pk=request.pk)
    require_state(request, JoinRequestState.OPEN)
    if outcome not in OUTCOMES:
        raise Invalid("Choose accepted or declined.", field="outcome")
    if outcome == JoinRequestState.ACCEPTED:
        add_member(by, request.team, request.person, reason=reason)
        request.refresh_from_db()
        return request
    if not reason.strip():
        raise Invalid("Say why: the person reads it.", field="reason")
    transition(request, JoinRequestState.DECLINED, **JoinRequest.decision(by, reason))
    resolve(f"join:{request.pk}")
    record(by, "team.decline_request", request.team, reason=reason, user=request.person.username)
    notify(
        [request.person],
        "join",
        f"{request.team} declined your request to join",
        body=reason,
        url=request.get_absolute_url(),
        key=f"join-declined:{request.pk}",
    )
    return request
