"""What the pages of units, teams and people show."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.urls import reverse

from catalog.models import RegisteredModel
from consumption import deadlines
from consumption.deadlines import Deadline
from consumption.models import Subscription
from consumption.subscribing.answering import Answering, answering_of_team, in_words
from governance.models import Review, RoleChange
from marketplace.accounts.models import BusinessUnit, Membership, RoleGrant, Team, TeamUnit, User
from marketplace.audit.models import AuditEvent
from marketplace.core.links import Tab
from marketplace.organisation.models import JoinRequest, UnitMove
from marketplace.organisation.permissions import can_administer, can_lead, can_move_team
from marketplace.tokens.models import ApiToken

MOST = 50  # models, events and tasks that a page shows
MOST_MEMBERS = 200


@dataclass(frozen=True)
class TeamRow:
    """A team in the directory; `models`: those that it publishes and the reader may see."""

    team: Team
    models: int


def directory(teams: list[Team], viewer: User) -> list[TeamRow]:
    """The rows of these teams (for_directory). One query."""
    published = (
        RegisteredModel.objects.visible_to(viewer)
        .published()
        .filter(owner_team__in=teams)
        .order_by()
        .values_list("owner_team")
        .annotate(count=Count("pk"))
    )
    counts = dict(published)
    return [TeamRow(team, counts.get(team.pk, 0)) for team in teams]


@dataclass(frozen=True)
class TeamPage:
    """A team as the reader sees it.

    models  published ones that the reader may see, at most MOST; count  of all of them.
    units  to which it belonged before: [(unit, since)], newest first; the first since is None.
    requests  to join, for who answers them; asked  the reader's own open one.
    """

    team: Team
    members: list[Membership]
    models: list[RegisteredModel]
    count: int
    answering: Answering
    units: list[tuple[BusinessUnit, datetime | None]]
    move: UnitMove | None
    requests: list[JoinRequest]
    asked: JoinRequest | None
    may_lead: bool
    may_move: bool
    own: Membership | None

    @property
    def leads(self) -> list[User]:
        return [membership.user for membership in self.members if membership.is_lead]

    @property
    def answers_in(self) -> str:
        return in_words(self.answering.median) if self.answering.median else ""


def team_page(team: Team, viewer: User) -> TeamPage:
    """The TeamPage of a team."""
    members = list(Membership.objects.current().for_list().filter(team=team)[:MOST_MEMBERS])
    models = RegisteredModel.objects.visible_to(viewer).published().filter(owner_team=team)
    may_lead = can_lead(viewer, team)
    asked = JoinRequest.objects.open().filter(team=team).for_page()
    return TeamPage(
        team=team,
        members=members,
        models=list(models.order_by("-consumer_teams", "name")[:MOST]),
        count=models.count(),
        answering=answering_of_team(team),
        units=_units(team),
        move=UnitMove.objects.scheduled().visible_to(viewer).for_page().filter(team=team).first(),
        requests=list(asked[:MOST]) if may_lead else [],
        asked=asked.filter(person=viewer).first(),
        may_lead=may_lead,
        may_move=can_move_team(viewer, team),
        own=next((one for one in members if one.user_id == viewer.pk), None),
    )


def _units(team: Team) -> list[tuple[BusinessUnit, datetime | None]]:
    rows = TeamUnit.objects.filter(team=team).select_related("business_unit").order_by("-since")
    listed = [(row.business_unit, row.since) for row in rows[:MOST]]
    return [
        (unit, since if place < len(listed) - 1 else None)
        for place, (unit, since) in enumerate(listed)
    ]


@dataclass(frozen=True)
class PersonPage:
    """A person as administrators and auditors see them. Tokens by name, never more; tasks: what needs them, soonest first."""

    person: User
    memberships: list[Membership]
    grants: list[RoleGrant]
    changes: list[RoleChange]
    tokens: list[ApiToken]
    owned: list[RegisteredModel]
    reviews: list[Review]
    tasks: list[Deadline]
    requests: list[JoinRequest]
    events: list[AuditEvent]


def person_page(person: User, viewer: User) -> PersonPage:
    """The PersonPage of a person."""
    owned = RegisteredModel.objects.visible_to(viewer).filter(owner=person)
    held = list(Subscription.objects.held_by(person).going_on().for_list())
    about = AuditEvent.objects.visible_to(viewer).filter(
        object_type=User._meta.label_lower, object_id=str(person.pk)
    )
    return PersonPage(
        person=person,
        memberships=list(
            person.memberships.select_related("team__business_unit").order_by(
                "-left_at", "-joined_at"
            )[:MOST]
        ),
        grants=list(person.grants.select_related("granted_by").order_by("-granted_at")[:MOST]),
        changes=list(RoleChange.objects.open().visible_to(viewer).filter(user=person).for_page()),
        tokens=list(ApiToken.objects.live().filter(user=person).for_list()[:MOST]),
        owned=list(owned.exclude(state="archived").select_related("owner_team")[:MOST]),
        reviews=list(Review.objects.open().for_queue().filter(assignee=person)[:MOST]),
        tasks=deadlines.for_person(person, held)[:MOST] if person.is_active else [],
        requests=list(JoinRequest.objects.open().for_page().filter(person=person)),
        events=list(about.select_related("actor")[:MOST]),
    )


@dataclass(frozen=True)
class UnitRow:
    """A unit with what belongs to it; `models`: published ones that the reader may see."""

    unit: BusinessUnit
    teams: int
    people: int
    models: int


def unit_rows(units: list[BusinessUnit], viewer: User) -> list[UnitRow]:
    """The rows of these units. Three queries."""
    teams = Team.objects.filter(business_unit__in=units).order_by()
    team_counts = dict(teams.values_list("business_unit").annotate(count=Count("pk")))
    members = Membership.objects.current().filter(team__business_unit__in=units).order_by()
    people = dict(
        members.values_list("team__business_unit").annotate(count=Count("user", distinct=True))
    )
    published = RegisteredModel.objects.visible_to(viewer).published().order_by()
    models = dict(
        published.filter(owner_team__business_unit__in=units)
        .values_list("owner_team__business_unit")
        .annotate(count=Count("pk"))
    )
    return [
        UnitRow(unit, team_counts.get(unit.pk, 0), people.get(unit.pk, 0), models.get(unit.pk, 0))
        for unit in units
    ]


def administration(viewer: User, current: str) -> list[Tab]:
    """The pages of administration that the reader may open; `current` names one of them."""
    tabs = [("teams", "Teams"), ("units", "Business units")]
    if can_administer(viewer) or viewer.has_role(RoleGrant.Role.AUDITOR):
        tabs.append(("people", "People"))
    return [Tab(label, reverse(f"organisation:{name}"), name == current) for name, label in tabs]
