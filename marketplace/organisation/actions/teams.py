"""Verbs of teams: add, change what is said of one (docs/people.md, "Teams")."""

from typing import Any

from django.db import transaction

from marketplace.accounts.models import BusinessUnit, Membership, Team, User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.errors import Invalid
from marketplace.core.guard import require
from marketplace.organisation.permissions import (
    ADMINISTRATORS,
    LEADS,
    can_administer,
    can_lead,
)
from marketplace.organisation.turns import wait_for_turn

NAME_MAX, SLUG_MAX = 80, 50  # characters
RESERVED = ("new", "join")  # addresses that are pages
SETTINGS = ("name", "email", "contact", "is_ai_team")
OF_ADMINISTRATORS = ("cost_centre",)  # it decides where money is booked


@transaction.atomic
def add_team(
    by: User, *, name: str, unit: BusinessUnit, lead: User | None = None, **facts: Any
) -> Team:
    """Add a team to a business unit; its address is made from the name. Returns the Team. Raises NotAllowed, Invalid.

    lead  who leads it from the start; never who adds it.
    facts  email, contact, is_ai_team, cost_centre.
    """
    require(can_administer(by), *ADMINISTRATORS)
    wait_for_turn()
    name = _free_name(name)
    _require_current(unit)
    if lead is not None and lead.pk == by.pk:
        raise Invalid("Nobody makes themself lead of a team.", field="lead")
    if lead is not None and (not lead.is_active or lead.is_system):
        raise Invalid("Choose an active person.", field="lead")
    slug = names.slug(name, longest=SLUG_MAX) or names.digest(name)
    if slug in RESERVED or Team.objects.filter(slug=slug).exists():
        slug = f"{slug[: SLUG_MAX - 9]}-{names.digest(name)}"
    team = Team.objects.create(name=name, slug=slug, business_unit=unit, **facts)
    record(by, "team.add", team, name=name, unit=unit.slug, **facts)
    if lead is not None:
        Membership.objects.create(user=lead, team=team, role=Membership.Role.LEAD)
        record(by, "team.add_member", team, user=lead.username, role=Membership.Role.LEAD)
    return team


@transaction.atomic
def change_team(by: User, team: Team, **facts: Any) -> Team:
    """Change what is said of a team: any of SETTINGS, by an administrator also OF_ADMINISTRATORS. Returns the Team.

    Its address stays; another unit is a move of its own (moves.py). Raises NotAllowed, Invalid.
    """
    require(can_lead(by, team), LEADS, ask=f"a lead of {team}")
    if set(facts) & set(OF_ADMINISTRATORS):
        require(
            can_administer(by),
            "Administrators say to which cost centre a team books.",
            ask="an administrator",
        )
    if unknown := set(facts) - {*SETTINGS, *OF_ADMINISTRATORS}:
        raise Invalid("This cannot be set.", field=min(unknown))
    wait_for_turn()
    team = Team.objects.select_for_update().get(pk=team.pk)
    if "name" in facts:
        facts["name"] = _free_name(facts["name"], but=team)
    changed = {name: value for name, value in facts.items() if getattr(team, name) != value}
    if not changed:
        return team
    before = {name: getattr(team, name) for name in changed}
    for name, value in changed.items():
        setattr(team, name, value)
    team.save(update_fields=[*changed, "name_key"])
    record(by, "team.change", team, before=before, after=changed)
    return team


def _require_current(unit: BusinessUnit) -> None:
    """The unit stays as it is until the transaction ends."""
    if BusinessUnit.objects.select_for_update().get(pk=unit.pk).archived_at:
        raise Invalid(f"{unit} is archived.", field="unit", remedy="Choose another unit.")


def _free_name(name: str, but: Team | None = None) -> str:
    name = names.display_name(name, longest=NAME_MAX)
    others = Team.objects.exclude(pk=but.pk) if but else Team.objects.all()
    if other := others.filter(name_key=names.fold(name)).first():
        raise Invalid(f"There is a team {other} already.", field="name")
    return name
