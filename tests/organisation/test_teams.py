"""Issue 11, lines 8 and 12: units and teams are kept in the product; figures of the past keep the unit of before."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import Budget
from marketplace.accounts.models import BusinessUnit, Team, TeamUnit
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from marketplace.organisation.actions import members, moves, teams, units
from marketplace.organisation.models import UnitMove
from tests import factories

pytestmark = pytest.mark.django_db
REASON = "The team was handed to the other unit in spring."


@pytest.fixture
def ada():
    return factories.ada()


def lead(user, team):
    user.memberships.filter(team=team, left_at=None).update(role="lead")
    return user


def on_record(action):
    return AuditEvent.objects.get(action=action)


# ── Business units ────────────────────────────────────────────────────────


def test_an_administrator_adds_and_renames_a_unit_and_nobody_else(ada):
    unit = units.add_unit(ada, name="Private banking", has_ai=True)
    assert (unit.slug, unit.has_ai) == ("private-banking", True)
    assert on_record("unit.add").detail == {"name": "Private banking", "has_ai": True}
    with pytest.raises(Invalid, match="There is a unit Private banking already"):
        units.add_unit(ada, name="private  BANKING")
    units.rename_unit(ada, unit, "Private clients")
    unit.refresh_from_db()
    assert (unit.name, unit.slug) == ("Private clients", "private-banking")
    assert on_record("unit.rename").detail == {"before": "Private banking", "after": unit.name}
    assert units.add_unit(ada, name="Private banking").slug.startswith("private-banking-")
    with pytest.raises(NotAllowed):
        units.add_unit(factories.rita(), name="Another")


def test_a_unit_on_which_something_depends_is_not_archived_and_it_is_said_what(ada):
    unit = factories.lending().business_unit
    factories.mortgage()
    other = units.add_unit(ada, name="Empty")
    Budget.objects.create(
        unit=other, amount_micros=5, from_month="2026-01-01", set_by=factories.finn()
    )
    model = factories.model(visibility="business_units", visible_units=[other])
    with pytest.raises(RuleError, match=r"1 team \(Consumer lending AI\)"):
        units.archive_unit(ada, unit, REASON)
    with pytest.raises(
        RuleError, match=f"1 budget .*; 1 model that chosen units see .{model.name}"
    ):
        units.archive_unit(ada, other, REASON)
    Budget.objects.update(until_month="2026-02-01")
    model.visible_units.clear()
    units.archive_unit(ada, other, REASON)
    other.refresh_from_db()
    assert other.archived_at and other not in BusinessUnit.objects.current()
    with pytest.raises(Invalid, match="is archived"):
        teams.add_team(ada, name="Late team", unit=other)
    units.restore_unit(ada, other)
    assert teams.add_team(ada, name="Late team", unit=BusinessUnit.objects.get(pk=other.pk))


# ── Teams ─────────────────────────────────────────────────────────────────


def test_an_administrator_adds_a_team_that_somebody_else_leads(ada):
    unit, maya = factories.mortgage().business_unit, factories.maya()
    team = teams.add_team(ada, name="Pricing", unit=unit, lead=maya, is_ai_team=True)
    assert (team.slug, team.business_unit, maya.leads(team)) == ("pricing", unit, True)
    with pytest.raises(Invalid, match="Nobody makes themself lead"):
        teams.add_team(ada, name="My own team", unit=unit, lead=ada)
    with pytest.raises(Invalid, match="There is a team Pricing already"):
        teams.add_team(ada, name="PRICING", unit=unit)
    with pytest.raises(NotAllowed):
        teams.add_team(maya, name="Another", unit=unit)


@pytest.mark.parametrize("name", ["New", "Join"])
def test_a_team_does_not_take_the_address_of_a_page(ada, name):
    team = teams.add_team(ada, name=name, unit=factories.mortgage().business_unit)
    assert team.slug.startswith(f"{name.lower()}-")


def test_a_lead_changes_what_is_said_of_the_team_but_not_where_it_books(ada):
    team, alice = factories.lending(), lead(factories.alice(), factories.lending())
    strangers = (factories.bob(), factories.maya(), factories.rita())
    teams.change_team(alice, team, name="Lending models", contact="#lending")
    team.refresh_from_db()
    assert (team.name, team.slug, team.contact) == (
        "Lending models",
        "consumer-lending-ai",
        "#lending",
    )
    assert on_record("team.change").detail["before"]["name"] == "Consumer lending AI"
    with pytest.raises(NotAllowed, match="cost centre"):
        teams.change_team(alice, team, cost_centre="XX-1")
    teams.change_team(ada, team, cost_centre="XX-1")
    assert Team.objects.get(pk=team.pk).cost_centre == "XX-1"
    for stranger in strangers:
        with pytest.raises(NotAllowed):
            teams.change_team(stranger, team, name="Mine")


def test_the_directory_shows_everybody_who_publishes_and_hides_what_is_hidden(client):
    version = factories.published_version()
    lead(factories.alice(), factories.lending())
    Team.objects.filter(pk=factories.lending().pk).update(contact="#lending-ai")
    client.force_login(factories.charlie())
    listed = client.get(reverse("organisation:teams")).content.decode()
    page = client.get(factories.lending().get_absolute_url()).content.decode()
    assert "1 model" in listed and "Alice" in listed and "#lending-ai" in listed
    assert version.model.name in page and "no request in 180 days" in page
    RegisteredModel.objects.update(visibility="restricted")
    for address in (reverse("organisation:teams"), factories.lending().get_absolute_url()):
        hidden = client.get(address).content.decode()
        assert version.model.name not in hidden and "0 models" in hidden


def test_the_directory_is_filtered_as_its_address_says(client):
    factories.lending(), factories.mortgage()
    client.force_login(factories.charlie())
    address = reverse("organisation:teams")
    assert b"Mortgage origination" not in client.get(f"{address}?is_ai_team=true").content
    assert b"Consumer lending AI" not in client.get(f"{address}?unit=mortgage").content
    assert b"No team fits" in client.get(f"{address}?has_lead=true").content
    assert client.get(f"{address}?is_ai_team=perhaps").status_code == 400


# ── Another unit ──────────────────────────────────────────────────────────


def test_a_team_moves_on_its_day_and_its_past_stays(ada):
    team, to = factories.lending(), factories.mortgage().business_unit
    before, alice, finn = team.business_unit, factories.alice(), factories.finn()
    today = timezone.now().date()
    move = moves.schedule_move(
        ada, team, unit=to, begins_on=today + timedelta(days=30), reason=REASON
    )
    assert moves.make_due() == 0 and Team.objects.get(pk=team.pk).business_unit == before
    told = Notice.objects.filter(key=f"team-move-scheduled:{move.pk}")
    assert set(told.values_list("recipient", flat=True)) == {alice.pk, finn.pk}
    UnitMove.objects.update(begins_on=today - timedelta(days=1))
    assert moves.make_due() == 1 and moves.make_due() == 0
    assert Team.objects.get(pk=team.pk).business_unit == to
    kept = TeamUnit.objects.filter(team=team).order_by("since")
    assert [row.business_unit for row in kept] == [before, to]
    assert on_record("team.move").actor.is_system


def test_today_it_moves_at_once_and_a_planned_move_can_be_withdrawn(ada):
    team, to = factories.lending(), factories.mortgage().business_unit
    today = timezone.now().date()
    wanted = {"unit": to, "reason": REASON}
    planned = moves.schedule_move(ada, team, begins_on=today + timedelta(days=2), **wanted)
    with pytest.raises(RuleError, match="already"):
        moves.schedule_move(ada, team, begins_on=today + timedelta(days=3), **wanted)
    moves.withdraw_move(ada, planned)
    assert moves.schedule_move(ada, team, begins_on=today, **wanted).state == "made"
    assert Team.objects.get(pk=team.pk).business_unit == to
    with pytest.raises(Invalid, match="already"):
        moves.schedule_move(ada, team, begins_on=today, **wanted)


def test_who_is_on_a_team_does_not_move_it_to_who_pays(ada):
    team, to = factories.lending(), factories.mortgage().business_unit
    alice, today = lead(factories.alice(), team), timezone.now().date()
    members.add_member(alice, team, ada)
    for own in (alice, ada):
        with pytest.raises(NotAllowed, match="not on the team"):
            moves.schedule_move(own, team, unit=to, begins_on=today, reason=REASON)
    adam = factories.person("adam", roles=["admin"])
    for day in (today - timedelta(days=1), today + timedelta(days=400)):
        with pytest.raises(Invalid, match="from today on"):
            moves.schedule_move(adam, team, unit=to, begins_on=day, reason=REASON)
