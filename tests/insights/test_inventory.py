"""Issue 14, I4: what runs in production against what is published; imports, exceptions, campaigns."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.inventory import actions, campaigns, coverage, imports, suggestions
from marketplace.insights.models import ProductionModel, PublicationCampaign
from marketplace.notices.models import Notice
from tests import adoption, factories
from tests.adoption import production_model

pytestmark = pytest.mark.django_db
REASON = "The vendor's licence forbids it this year."


def in_days(days):
    return timezone.localdate() + timedelta(days=days)


def published():
    return RegisteredModel.objects.published()


def coverage_now():
    return coverage.total(coverage.by_unit(published(), timezone.localdate()))


def test_a_person_confirms_the_listing_that_is_suggested():
    live = factories.published_version().model
    entry = production_model(live.name.upper(), description=live.summary)
    first = suggestions.for_entry(factories.rita(), entry)[0]
    assert (first.model, first.score) == (live, 1.0)
    assert coverage_now().missing == 1
    actions.match(factories.rita(), entry, first.model)
    entry.refresh_from_db()
    assert (entry.published_as, entry.matched_by) == (live, factories.rita())
    assert (coverage_now().published, coverage_now().missing, coverage_now().percent) == (1, 0, 100)
    assert suggestions.for_entry(factories.rita(), entry) == []


def test_nobody_releases_their_own_team():
    curating = factories.also(factories.alice(), "curator")
    live, entry = factories.published_version().model, production_model()
    for act in (
        lambda: actions.match(curating, entry, live),
        lambda: actions.retire(curating, entry, REASON),
        lambda: actions.grant_exception(curating, entry, reason=REASON, until=in_days(9)),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert ProductionModel.objects.get().published_as is None


def test_the_owner_team_knows_its_facts_and_hands_over_nothing():
    entry = production_model()
    actions.edit(factories.bob(), entry, description="Scores applicants.", risk_tier="high")
    with pytest.raises(Invalid) as refused:
        actions.edit(factories.bob(), entry, owner_team=factories.mortgage())
    assert refused.value.field == "owner_team"
    with pytest.raises(NotAllowed):
        actions.edit(factories.maya(), entry, description="No.")
    entry.refresh_from_db()
    assert (entry.description, entry.risk_tier) == ("Scores applicants.", "high")


def test_an_exception_ends_by_itself():
    entry = production_model()
    actions.grant_exception(factories.rita(), entry, reason=REASON, until=in_days(9))
    seen = published()
    at = {days: coverage.total(coverage.by_unit(seen, in_days(days))) for days in (0, 9, 10)}
    assert [(one.excepted, one.missing) for one in at.values()] == [(1, 0), (1, 0), (0, 1)]
    with pytest.raises(RuleError):
        actions.grant_exception(factories.rita(), entry, reason=REASON, until=in_days(9))
    with pytest.raises(Invalid):
        actions.grant_exception(
            factories.rita(), production_model("B"), reason=REASON, until=in_days(400)
        )


def test_owners_are_reminded_once_a_week():
    factories.alice()
    entry = production_model()
    actions.remind(factories.rita(), entry)
    told = Notice.objects.filter(key__startswith="inventory-reminder")
    assert {notice.recipient.username for notice in told} == {"alice"}
    with pytest.raises(RuleError):
        actions.remind(factories.rita(), entry)


def test_the_sum_is_its_parts_and_hides_what_is_hidden():
    hidden = factories.published_version(
        factories.model(name="Zephyr", visibility="restricted", visible_teams=[factories.wealth()])
    ).model
    entry = production_model()
    actions.match(factories.rita(), entry, hidden)
    production_model("Retired one")
    actions.retire(factories.rita(), ProductionModel.objects.get(name="Retired one"), REASON)
    client = Client()
    client.force_login(factories.maya())
    row = client.get("/api/v1/production-models/?state=running").json()["results"][0]
    assert (row["standing"], row["published_as"]) == ("missing", None)
    assert "zephyr" not in client.get(entry.get_absolute_url()).content.decode().lower()
    assert "zephyr" not in client.get("/insights/inventory/?as=csv").content.decode().lower()
    (unit,) = client.get("/api/v1/inventory-coverage/").json()
    assert unit["running"] == unit["published"] + unit["excepted"] + unit["missing"] == 1


# ── Import ────────────────────────────────────────────────────────────────


def test_a_file_is_looked_at_before_anything_changes():
    factories.alice()
    production_model("Old scorecard", risk_tier="low")
    text = (
        "name,business_unit,owner_team,owner,risk_tier,in_production_since\n"
        "old scorecard,,,alice,high,2019-05-01\n"
        "New model,consumer-lending,consumer-lending-ai,,,\n"
    )
    kept = adoption.inventory_import(text)
    found = imports.preview(kept)
    assert [one.facts["name"] for one in found.additions] == ["New model"]
    assert [set(one.facts) for one in found.changes] == [
        {"owner", "risk_tier", "in_production_since"}
    ]
    assert ProductionModel.objects.count() == 1
    imports.apply(factories.rita(), kept)
    assert kept.counts == {"new": 1, "changed": 1, "unchanged": 0}
    assert ProductionModel.objects.get(name="Old scorecard").risk_tier == "high"
    again = imports.preview(adoption.inventory_import(text))
    assert (again.additions, again.changes, again.unchanged) == ([], [], 2)


def test_what_is_wrong_is_named_by_row_and_column_and_nothing_is_imported():
    text = (
        "name,business_unit,risk_tier,in_production_since,owner\n"
        "Good one,consumer-lending,low,,\n"
        "Good one,consumer-lending,,,\n"
        "Bad one,nowhere,awful,1 May,nobody\n"
        ",consumer-lending,,,\n"
    )
    factories.lending()
    kept = adoption.inventory_import(text)
    wrong = {(one.row, one.column) for one in imports.preview(kept).problems}
    assert wrong == {
        (3, "name"),
        (4, "business_unit"),
        (4, "risk_tier"),
        (4, "in_production_since"),
        (4, "owner"),
        (5, "name"),
    }
    with pytest.raises(RuleError):
        imports.apply(factories.rita(), kept)
    assert not ProductionModel.objects.exists()
    client = Client()
    client.force_login(factories.rita())
    page = client.get(kept.get_absolute_url()).content.decode()
    assert "There is no business unit “nowhere”" in page and "Bad one,nowhere,awful" in page


@pytest.mark.parametrize(
    "text", ["nothing\nat all\n", 'name\n"open', "name,name\na,b\n", "name,colour\na,b\n"]
)
def test_a_file_that_is_none_is_said_to_be_none(text):
    assert imports.preview(adoption.inventory_import(text)).problems


def test_more_than_may_be_read_is_refused():
    with pytest.raises(Invalid):
        adoption.inventory_import("name\n" + "x" * (512 * 1024))
    many = "name\n" + "".join(f"model {number}\n" for number in range(1_001))
    kept = adoption.inventory_import(many, business_unit=factories.lending().business_unit)
    assert [one.row for one in imports.preview(kept).problems] == [0]


def test_the_export_is_safe_to_open_and_comes_back_as_it_was():
    production_model("=HYPERLINK(1)", description="@SUM(A1)")
    client = Client()
    client.force_login(factories.rita())
    text = client.get("/insights/inventory/?as=csv").content.decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["name"] == "'=HYPERLINK(1)" and row["description"] == "'@SUM(A1)"
    found = imports.preview(adoption.inventory_import(text))
    assert (found.unchanged, found.problems) == (1, [])


def registered(name, **facts):
    """A registered model as MLflow's REST API answers (2.x: stages and aliases side by side)."""
    version = {
        "name": name,
        "version": "3",
        "creation_timestamp": 1_714_521_600_000,
        "last_updated_timestamp": 1_714_521_700_000,
        "current_stage": facts.pop("stage", "None"),
        "source": "s3://registry/3",
        "run_id": "8a1f",
        "status": "READY",
    }
    return {
        "name": name,
        "creation_timestamp": 1_714_000_000_000,
        "last_updated_timestamp": 1_714_521_700_000,
        "latest_versions": [version],
        **facts,
    }


def test_an_mlflow_registry_brings_what_is_in_production():
    team = factories.lending()
    tags = [
        {"key": "business_unit", "value": team.business_unit.slug},
        {"key": "owner_team", "value": team.slug},
    ]
    document = {
        "registered_models": [
            registered("credit.line", stage="Production", tags=tags, description="Sets lines."),
            registered("by.alias", aliases=[{"alias": "champion", "version": "3"}]),
            registered("in.staging", stage="Staging"),
        ],
        "next_page_token": "abc",
    }
    kept = adoption.inventory_import(
        json.dumps(document), kind="mlflow", business_unit=factories.mortgage().business_unit
    )
    found = imports.preview(kept)
    assert not found.problems and len(found.notes) == 2
    imports.apply(factories.rita(), kept)
    entry = ProductionModel.objects.get(registry_name="credit.line")
    assert (entry.owner_team, entry.description) == (team, "Sets lines.")
    assert entry.in_production_since.isoformat() == "2024-05-01"
    assert ProductionModel.objects.get(name="by.alias").business_unit.name == "Mortgage"
    actions.edit(factories.rita(), entry, name="Credit line management")
    again = imports.preview(adoption.inventory_import(json.dumps(document), kind="mlflow"))
    assert (again.additions, again.changes, again.unchanged) == ([], [], 2)
    assert Team.objects.filter(production_models=entry).get() == team


@pytest.mark.parametrize("text", ["[]", "{", '{"registered_models": 1}'])
def test_what_is_no_answer_of_mlflow_is_said_so(text):
    assert imports.preview(adoption.inventory_import(text, kind="mlflow")).problems


# ── Campaigns ─────────────────────────────────────────────────────────────


def told(occasion):
    return Notice.objects.filter(key__contains=occasion).count()


def test_a_campaign_tells_owners_reminds_them_and_closes_when_it_is_reached():
    live = factories.published_version().model
    first, second = production_model("A"), production_model("B")
    campaign = adoption.campaign(first, second)
    people = len(actions.owners_of([first]))
    assert told("campaign-told") == people
    for _ in range(2):
        campaigns.sweep(in_days(17))
    assert told("14-days") == people
    actions.match(factories.rita(), first, live)
    actions.grant_exception(factories.rita(), second, reason=REASON, until=in_days(60))
    campaigns.sweep(in_days(18))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.done_at_close, campaign.of_at_close) == ("reached", 1, 1)
    actions.unmatch(factories.rita(), first, REASON)
    progress = campaigns.progress_of(campaign, published(), in_days(18))
    assert (progress.done, progress.of) == (1, 1), "the past does not change"


def test_a_campaign_that_is_over_says_how_far_it_came():
    campaign = adoption.campaign(production_model())
    campaigns.sweep(in_days(30))
    campaign.refresh_from_db()
    assert campaign.state == PublicationCampaign.State.RUNNING
    campaigns.sweep(in_days(31))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.done_at_close, campaign.of_at_close) == ("ended", 0, 1)
    rows = PublicationCampaign.objects.with_progress(published(), in_days(31))
    assert (rows.get().done, rows.get().of) == (0, 1)


def test_a_campaign_is_about_what_is_missing():
    entry = production_model()
    actions.grant_exception(factories.rita(), entry, reason=REASON, until=in_days(9))
    with pytest.raises(Invalid):
        adoption.campaign(entry)
    with pytest.raises(NotAllowed):
        campaigns.start(
            factories.alice(), title="Mine", until=in_days(9), models=[production_model("B")]
        )
