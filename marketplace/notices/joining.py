"""Somebody wants to join a team: whoever leads it is told (docs/recommendations.md, "Newcomers")."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import Membership, Team, User
from marketplace.audit.actions import record
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify
from marketplace.notices.models import Notice

MOST_A_DAY = 5  # teams that one person asks


def who_answers(team: Team) -> QuerySet[User]:
    """Who is asked: the team's leads, else its people, else the marketplace's manager and administrators."""
    leads = User.objects.filter(
        memberships__team=team,
        memberships__left_at=None,
        memberships__role=Membership.Role.LEAD,
        is_active=True,
    ).distinct()
    if leads.exists():
        return leads
    people = User.objects.on_teams([team])
    return people if people.exists() else User.objects.holding("curator", "admin")


@transaction.atomic
def ask_to_join(by: User, team: Team, words: str = "") -> list[User]:
    """Tell whoever answers for a team that `by` wants to join it, once a day. Returns whom it told. Raises NotAllowed, RuleError."""
    require(
        by.is_active and not by.token_kid,
        "People ask to join a team, in the portal; no token does.",
    )
    if by.is_on(team):
        raise RuleError(f"You are on {team} already.")
    now = timezone.now()
    asked = Notice.objects.filter(
        kind="join", key__startswith=f"join:{by.pk}:", at__gte=now - timedelta(days=1)
    )
    key = f"join:{by.pk}:{team.pk}:{now:%Y-%m-%d}"
    others = asked.exclude(key=key).order_by().values("key").distinct()
    if others.count() >= MOST_A_DAY:
        raise RuleError(
            f"You asked {MOST_A_DAY} teams today.", remedy="Wait for an answer, or ask tomorrow."
        )
    told = list(who_answers(team))
    if not told:
        raise RuleError(f"Nobody answers for {team}.", remedy="Ask an administrator.")
    body = f"{by} ({by.username}){f', {by.job_title}' if by.job_title else ''} is on no team or wants to change. {words}".strip()
    title = f"{by} asks to join {team}"
    notify(told, "join", title, key=key, body=body, url=reverse("notices:notices"))
    record(by, "team.ask_to_join", team, words=words)
    return told
