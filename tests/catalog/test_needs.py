"""Needs: demand that others join. Rules: docs/search-before-build.md, "Needs"."""

import pytest

from catalog import actions as catalog
from catalog import need_actions as actions
from catalog.models import Need, RegisteredModel
from catalog.search_record_actions import Reason, decide_search_record
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import discovery_factories, factories

pytestmark = pytest.mark.django_db
WHY = "Two units need it, and the data is there already."


@pytest.fixture
def advisor():
    return factories.person("wanda", factories.wealth())


@pytest.fixture
def need():
    return discovery_factories.need(value_a_year=40_000)


def told(key):
    return set(Notice.objects.filter(key=key).values_list("recipient__username", flat=True))


def demand(need):
    counted = Need.objects.with_demand().get(pk=need.pk)
    return counted.teams, counted.value


def test_teams_join_with_what_it_is_worth_and_leave(need, advisor):
    assert demand(need) == (1, 40_000)
    joined = actions.join_need(advisor, need, team=factories.wealth(), value_a_year=25_000)
    assert demand(need) == (2, 65_000) and told(f"need-joined:{joined.pk}") == {"maya"}
    actions.join_need(advisor, need, team=factories.wealth(), value_a_year=30_000)
    assert demand(need) == (2, 70_000)
    with pytest.raises(RuleError, match="Other teams"):
        actions.withdraw_need(factories.maya(), need)
    actions.leave_need(advisor, need, team=factories.wealth())
    assert demand(need) == (1, 40_000)
    with pytest.raises(RuleError):
        actions.leave_need(advisor, need, team=factories.wealth())
    actions.withdraw_need(factories.maya(), need)
    assert not Need.objects.visible_to(advisor).exists()
    assert Need.objects.visible_to(factories.maya()).exists()


def test_who_joined_is_told_when_the_linked_model_is_published(need, advisor):
    actions.join_need(advisor, need, team=factories.wealth())
    entry = factories.model()
    with pytest.raises(NotAllowed):
        actions.link_model(factories.maya(), need, entry)
    actions.link_model(factories.alice(), need, entry)
    need.refresh_from_db()
    assert need.state == "open" and told(f"need-matched:{need.pk}") == set()
    factories.published_version(entry)
    need.refresh_from_db()
    assert need.state == "matched" and told(f"need-matched:{need.pk}") == {"maya", "wanda"}
    with pytest.raises(RuleError):
        actions.join_need(advisor, need, team=factories.wealth())


def test_nobody_is_told_of_a_model_that_they_may_not_see(need):
    entry = factories.published_version().model
    RegisteredModel.objects.filter(pk=entry.pk).update(visibility="restricted")
    entry.refresh_from_db()
    actions.link_model(factories.alice(), need, entry)
    assert told(f"need-matched:{need.pk}") == set()


def test_a_search_that_ends_in_a_need_is_met_by_the_model_that_is_built():
    record = factories.search_record(title="Roofs", need="The age of a roof, from photos of it.")
    need = discovery_factories.need(search_record=record)
    decide_search_record(
        factories.maya(),
        record,
        decision="build",
        sponsor="Mara",
        reason=WHY,
        reasons=[Reason(one.position, "scope", WHY) for one in record.candidates.all()],
    )
    record.refresh_from_db()
    entry = factories.model(
        factories.maya(), name="Roofs", owner_team=factories.mortgage(), search_record=record
    )
    need.refresh_from_db()
    assert record.demand == need and need.model == entry and need.state == "open"
    catalog.list_model(factories.rita(), entry)
    need.refresh_from_db()
    assert need.state == "matched"


def test_curators_commission_or_decline_and_all_are_told(need):
    for verb in (
        lambda by: actions.commission(by, need, team=factories.lending(), reason=WHY),
        lambda by: actions.decline_need(by, need, WHY),
    ):
        with pytest.raises(NotAllowed):
            verb(factories.maya())
    with pytest.raises(Invalid):
        actions.commission(factories.rita(), need, team=factories.lending(), reason="Because.")
    factories.alice()
    actions.commission(factories.rita(), need, team=factories.lending(), reason=WHY)
    assert told(f"need-commissioned:{need.pk}") == {"maya", "alice"}
    actions.decline_need(factories.rita(), need, WHY)
    assert told(f"need-declined:{need.pk}") == {"maya"}
    need.refresh_from_db()
    assert (need.state, need.decided_by, need.decision_reason) == (
        "declined",
        factories.rita(),
        WHY,
    )


def test_only_for_ones_own_team_and_within_bounds(need):
    for who in (factories.charlie, factories.alice, factories.rita):
        with pytest.raises(NotAllowed):
            discovery_factories.need(by=who())
        with pytest.raises(NotAllowed):
            actions.join_need(who(), need, team=factories.mortgage())
    for value in (-1, 10**9 + 1):
        with pytest.raises(Invalid):
            actions.join_need(factories.maya(), need, team=factories.mortgage(), value_a_year=value)
    with pytest.raises(Invalid):
        discovery_factories.need(text="Roofs.")
