"""Writes the demo company's units, teams, people, roles and vocabulary into the database. May run twice."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from catalog.models import Capability, Domain, ModelType
from marketplace.accounts.models import BusinessUnit, DemoLogin, Membership, RoleGrant, Team, User

from . import organisation
from .organisation import DemoTeam, Person

HIRED = timedelta(days=900)


@transaction.atomic
def build_people() -> None:
    """Units, teams, people, logins, vocabulary. Costs well under a second after the first time."""
    hired = timezone.now() - HIRED
    for slug, name, has_ai in organisation.UNITS:
        BusinessUnit.objects.get_or_create(slug=slug, defaults={"name": name, "has_ai": has_ai})
    for team in organisation.TEAMS:
        make_team(team)
    password = make_password(demo_password())
    for person in organisation.PEOPLE:
        make_person(person, password, hired)
    for position, (role, (username, can)) in enumerate(organisation.LOGINS.items()):
        facts = {"user": User.objects.get(username=username), "can": can, "position": position}
        DemoLogin.objects.get_or_create(role=role, defaults=facts)
    make_vocabulary()


def make_team(team: DemoTeam) -> None:
    facts = {
        "name": team.name,
        "business_unit": BusinessUnit.objects.get(slug=team.unit),
        "is_ai_team": team.is_ai_team,
        "cost_centre": team.cost_centre,
        "email": f"{team.slug}@company.example",
    }
    Team.objects.get_or_create(slug=team.slug, defaults=facts)


def make_person(person: Person, password: str, hired: datetime) -> None:
    """One hash serves all: the demo's people share one password of this installation."""
    facts = {
        "display_name": person.name,
        "job_title": person.title,
        "password": password,
        "email": f"{person.username}@company.example",
        "date_joined": hired,
    }
    user, created = User.objects.get_or_create(username=person.username, defaults=facts)
    if not created:
        return
    if person.team:
        role = Membership.Role.LEAD if person.lead else Membership.Role.MEMBER
        Membership.objects.create(
            user=user, team=Team.objects.get(slug=person.team), role=role, joined_at=hired
        )
    system = User.objects.system()
    for grant in person.roles:
        RoleGrant.objects.create(user=user, role=grant, granted_by=system, granted_at=hired)


def make_vocabulary() -> None:
    words = (
        (Domain, organisation.DOMAINS),
        (Capability, organisation.CAPABILITIES),
        (ModelType, organisation.MODEL_TYPES),
    )
    for term, names in words:
        for position, name in enumerate(names):
            term.objects.get_or_create(
                slug=slugify(name), defaults={"name": name, "position": position}
            )


def demo_password() -> str:
    """The password of all demo people on this installation; made once, kept next to the other secrets."""
    path = Path(settings.RUN_DIR) / "secrets" / "demo_password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9))
    return path.read_text().strip()


def logins() -> dict[str, dict[str, str]]:
    """role → username and password, for the console and `.run/demo.json`."""
    password = demo_password()
    return {
        role: {"username": name, "password": password}
        for role, (name, _) in organisation.LOGINS.items()
    }
