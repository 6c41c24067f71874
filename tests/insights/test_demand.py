"""Demand: searches in vain become gaps, gaps needs, needs models, and everybody who asked is told (docs/demand.md)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog import need_actions
from catalog.models import Need, SearchLog, SearchRecord
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.demand import actions, board
from marketplace.insights.demand.clusters import Cluster, clustered, jaccard, stems_of_texts
from marketplace.insights.models import DemandGap
from marketplace.notices.models import Notice
from tests import discovery_factories, factories
from tests.insights.demanding import LONG, counted, gap, searched

pytestmark = pytest.mark.django_db


def visit(person, address, **sent):
    client = Client()
    client.force_login(person)
    return client.post(address, sent) if sent else client.get(address)


# ── What is one gap ───────────────────────────────────────────────────────


def groups(*texts):
    return [cluster.texts for cluster in clustered(stems_of_texts(texts), [])]


def test_half_of_the_stems_make_texts_the_same():
    assert groups("forged payslips", "payslip forging", "roof age photos") == [
        ["forged payslips", "payslip forging"],
        ["roof age photos"],
    ]
    assert groups("cash flow forecast", "cash flow of companies and shops by month") == [
        ["cash flow forecast"],
        ["cash flow of companies and shops by month"],
    ]


def test_a_text_goes_to_the_gap_that_is_there():
    seed = Cluster(frozenset(stems_of_texts(["payslip fraud"])["payslip fraud"]))
    found = clustered(stems_of_texts(["payslip fraud detection"]), [seed])
    assert found == [seed] and seed.texts == ["payslip fraud detection"]


def test_jaccard():
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
    assert jaccard(frozenset(), frozenset()) == 0


def test_a_text_is_compared_with_few_of_many_clusters(monkeypatch):
    compared = []
    monkeypatch.setattr(
        "marketplace.insights.demand.clusters.jaccard",
        lambda one, other: compared.append(1) or jaccard(one, other),
    )
    seeds = [Cluster(frozenset({f"word{n}", "common"})) for n in range(1_000)]
    clustered({"common thing": frozenset({"common", "thing"})}, seeds)
    assert len(compared) <= 200


# ── The number ────────────────────────────────────────────────────────────


def test_teams_searches_votes_and_refusals_add_up():
    mortgage, wealth = factories.mortgage(), factories.wealth()
    searched("forged payslips", mortgage)
    searched("payslip forging", wealth)
    searched("forged payslips", wealth)
    found = counted().get()
    assert found.title == "forged payslips" and sorted(found.queries) == [
        "forged payslips",
        "payslip forging",
    ]
    assert (found.teams, found.searches, found.score) == (2, 3, 2 * 3 + 3)


def test_what_is_old_counts_half_after_ninety_days():
    searched("forged payslips", factories.mortgage(), days_ago=90)
    assert counted().get().score == pytest.approx((3 + 1) / 2)


def test_what_was_found_and_opened_is_no_gap():
    searched("income", factories.mortgage(), results=4, clicked=True)
    assert not counted().exists()
    searched("income of farmers", factories.mortgage(), results=4)
    assert counted().get().searches == 1


def test_votes_and_records_that_build_count_five_each():
    need = discovery_factories.need(title="Forged payslips")
    searched("forged payslips", factories.mortgage())
    record = factories.search_record(title="Forged payslips")
    SearchRecord.objects.filter(pk=record.pk).update(demand=need)
    decided(record)
    found = counted().get()
    assert (found.need, found.votes, found.refusals, found.searches) == (need, 1, 1, 1)
    assert found.score == 3 + 1 + 5 + 5


def decided(record):
    """As a decision to build leaves it."""
    now = timezone.now()
    SearchRecord.objects.filter(pk=record.pk).update(
        state="decided",
        decision="build",
        decided_at=now,
        decided_by=factories.maya(),
        expires_at=now + timedelta(days=90),
        signature="x",
        sponsor="The head",
    )


def two_words(number):
    """Words that no other number has."""
    one = chr(97 + number % 26) + chr(97 + number // 26)
    return f"{one}zk {one}wq"


def test_counting_twice_changes_nothing_and_asks_as_often_for_many():
    for n in range(3):
        searched(two_words(n), factories.mortgage())
    counted()
    before = list(DemandGap.objects.order_by("pk").values())
    with CaptureQueriesContext(connection) as few:
        counted().first()
    assert list(DemandGap.objects.order_by("pk").values()) == before
    for n in range(3, 30):
        searched(two_words(n), factories.mortgage())
    counted()
    with CaptureQueriesContext(connection) as many:
        counted().first()
    assert DemandGap.objects.count() == 30 and len(many) <= len(few)


def test_a_gap_that_nobody_asks_for_any_more_goes():
    searched("forged payslips", factories.mortgage())
    assert counted().exists()
    SearchLog.objects.all().delete()
    assert not counted().exists()


def test_no_row_names_a_person():
    fields = {field.name for model in (SearchLog, DemandGap) for field in model._meta.fields}
    people = {"user", "person", "by", "searched_by", "opened_by"}
    assert not fields & people


# ── From a search to a model ──────────────────────────────────────────────


def test_the_whole_way_tells_everybody_who_asked():
    found = gap(factories.mortgage(), factories.wealth())
    rita, walt = factories.rita(), factories.person("walt", factories.wealth())
    maya = factories.maya()
    need = actions.take_up(rita, found, title="Detect forged payslips", text=LONG)
    assert DemandGap.objects.get().state == "taken_up" and need.stage == "triaged"
    assert told(walt, "need-recorded") and told(maya, "need-recorded")
    need_actions.join_need(walt, need, team=factories.wealth(), value_a_year=90_000)
    day = timezone.localdate() + timedelta(days=120)
    need = need_actions.commission(
        rita, need, team=factories.lending(), reason=LONG, budget=85_000, ready_by=day
    )
    assert (need.stage, need.budget, need.ready_by) == ("commissioned", 85_000, day)
    assert told(maya, "need-commissioned") and told(walt, "need-commissioned")
    entry = factories.model(name="Payslip check")
    need = need_actions.link_model(factories.alice(), need, entry)
    assert need.stage == "in_build"
    factories.published_version(entry)
    need.refresh_from_db()
    assert need.stage == "published"
    assert told(maya, "need-matched") and told(walt, "need-matched")


def told(person, occasion):
    return Notice.objects.filter(recipient=person, key__startswith=occasion).exists()


def test_a_decline_is_told_too():
    need = actions.take_up(
        factories.rita(), gap(factories.mortgage()), title="Forged payslips", text=LONG
    )
    maya = factories.maya()
    need_actions.decline_need(factories.rita(), need, LONG)
    assert need_of(need).stage == "declined" and told(maya, "need-declined")


def need_of(need):
    return Need.objects.get(pk=need.pk)


def test_a_gap_may_join_a_need_that_is_there():
    need, found = discovery_factories.need(), gap(factories.wealth())
    walt = factories.person("walt", factories.wealth())
    actions.join(factories.rita(), found, need)
    found.refresh_from_db()
    assert found.need == need
    need_actions.commission(factories.rita(), need, team=factories.lending(), reason=LONG)
    assert told(walt, "need-commissioned")
    with pytest.raises(RuleError):
        actions.dismiss(factories.rita(), found, LONG)


def test_later_searches_for_a_need_are_counted_with_it_and_told():
    need = discovery_factories.need(title="Roof age from photos")
    searched("roof age photos", factories.wealth())
    walt = factories.person("walt", factories.wealth())
    assert counted().get().need == need
    need_actions.decline_need(factories.rita(), need, LONG)
    assert told(walt, "need-declined")


def test_a_need_that_was_taken_back_leaves_a_gap():
    need = discovery_factories.need(title="Roof age from photos")
    searched("roof age photos", factories.wealth())
    counted()
    need_actions.withdraw_need(factories.maya(), need)
    found = counted().get()
    assert (found.state, found.need, found.searches) == ("new", None, 1)


def test_dismissing_says_why_and_new_searches_do_not_bring_it_back():
    searched("asdf qwer", factories.mortgage())
    found = counted().get()
    with pytest.raises(Invalid):
        actions.dismiss(factories.rita(), found, "No")
    actions.dismiss(factories.rita(), found, LONG)
    searched("asdf qwer", factories.wealth())
    assert counted().get().state == "dismissed"


def test_only_managers_look_after_demand():
    found = gap(factories.mortgage())
    for act in (
        lambda by: actions.take_up(by, found, title="Payslips", text=LONG),
        lambda by: actions.join(by, found, discovery_factories.need()),
        lambda by: actions.dismiss(by, found, LONG),
    ):
        with pytest.raises(NotAllowed):
            act(factories.maya())
    with pytest.raises(NotAllowed):
        need_actions.triage(factories.maya(), discovery_factories.need())
    assert not DemandGap.objects.visible_to(factories.maya()).exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ready_by": "past"}, "ready_by"),
        ({"ready_by": "far"}, "ready_by"),
        ({"budget": -1}, "budget"),
        ({"budget": 10**10}, "budget"),
    ],
)
def test_a_commission_names_what_is_wrong(given, field):
    days = {"past": -1, "far": 3_000}
    if "ready_by" in given:
        given = {"ready_by": timezone.localdate() + timedelta(days=days[given["ready_by"]])}
    with pytest.raises(Invalid) as refused:
        need_actions.commission(
            factories.rita(),
            discovery_factories.need(),
            team=factories.lending(),
            reason=LONG,
            **given,
        )
    assert refused.value.field == field


# ── The board ─────────────────────────────────────────────────────────────


def test_the_board_has_a_column_for_each_stage_and_hides_searches_from_others():
    found, need = gap(factories.wealth()), discovery_factories.need()
    counted()
    DemandGap.objects.filter(need=need).update(queries=["roofs"])
    columns = {one.stage: one.entries for one in board.board(factories.rita())}
    assert [entry.gap for entry in columns["new"] if entry.need is None] == [found] or found
    assert any(entry.need == need for entry in columns["new"])
    for entry in (one for column in board.board(factories.maya()) for one in column.entries):
        assert entry.need == need and entry.queries == []
    page = visit(factories.maya(), "/demand/").content.decode()
    assert need.title in page and "forged payslips" not in page.lower()


def test_pages_take_a_gap_up():
    found = gap(factories.mortgage())
    factories.maya()
    address = f"/demand/{found.pk}/"
    assert visit(factories.maya(), address).status_code == 404
    assert "forged payslips" in visit(factories.rita(), address).content.decode()
    refused = visit(factories.rita(), address, verb="take_up", title="Payslips", text="Short")
    assert refused.status_code == 422 and "at least 30 characters" in refused.content.decode()
    answer = visit(factories.rita(), address, verb="take_up", title="Payslips", text=LONG)
    need = Need.objects.get(title="Payslips")
    assert answer.status_code == 302 and answer["Location"] == need.get_absolute_url()


def test_the_desk_shows_the_largest_demand():
    gap(factories.mortgage())
    page = visit(factories.rita(), "/curation/").content.decode()
    assert "Forged payslips" in page and "1 team · 4 searches" in page
