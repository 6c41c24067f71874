"""The overview of a model: honest in every state, the same for a fixed number of queries, silent about what the reader may not know."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consumption.models import Plan, UsageDay, UsageHour
from governance.evaluations import artifact_digest
from governance.models import Evaluation
from marketplace.insights.model_page import trust
from marketplace.insights.model_page.avoided_cost import ALTERNATIVES, avoided
from tests import factories

pytestmark = pytest.mark.django_db


def overview(client, user, model, query="", **headers):
    client.force_login(user)
    return client.get(reverse("catalog:model", args=[model.slug]) + query, headers=headers)


def measured(version, value=2341.0, **more):
    """A figure of the marketplace about the version's present files."""
    facts = {
        "kind": Evaluation.Kind.INDEPENDENT,
        "suite": "regression/1.1.0",
        "metric": "mae",
        "low": value - 90,
        "high": value + 102,
        "n": 2100,
        "baseline": 5034.0,
        "data": "Income benchmark 2026.2",
        "artifact_sha256": artifact_digest(version),
        "by": factories.evan(),
        "at": MEASURED_AT,
    }
    return Evaluation.objects.create(version=version, value=value, **facts | more)


def declared(version, value, **more):
    facts = {"kind": Evaluation.Kind.DECLARED, "low": None, "high": None, "baseline": None}
    return measured(version, value, **facts | {"by": factories.alice()} | more)


def used(held, calls=40, days=10):
    """Calls of a subscription, answered all, on each of the last complete days."""
    now = timezone.now()
    paid = factories.paid_by(held) | {
        "client_errors": 0,
        "upstream_errors": 0,
        "aborted": 0,
        "unknown": 0,
    }
    for back in range(1, days + 1):
        at = (now - timedelta(days=back)).replace(minute=0, second=0, microsecond=0)
        facts = paid | {"subscription": held, "version": held.pinned_version, "calls": calls}
        facts |= {"ok": calls, "units": calls, "duration_us": calls * 9000, "p95_us": 9000}
        UsageDay.objects.create(day=at.date(), **facts)
        UsageHour.objects.create(hour=at, **facts)


MEASURED_AT = timezone.now() - timedelta(days=77)


def test_who_says_how_good_it_is(client):
    """Nobody, then its team alone, then the marketplace, whose figure of other files does not count."""
    live = factories.published_version()
    maya = factories.maya()
    assert overview(client, maya, live.model).context["answer"].headline is None
    declared(live, 1509.0)
    answer = overview(client, maya, live.model).context["answer"]
    assert not answer.headline.is_independent and not answer.headline.differs
    measured(live, 999.0, artifact_sha256="0" * 64)
    assert not overview(client, maya, live.model).context["answer"].headline.is_independent
    measured(live)
    measured(live, 3441.0, slice="work: self_employed", baseline=None, n=336)
    measured(live, 2131.0, slice="work: salaried", baseline=None, n=1764)
    response = overview(client, maya, live.model)
    headline = response.context["answer"].headline
    assert headline.is_independent and headline.differs
    assert headline.less_than_baseline == 53 and headline.unit == "USD"
    assert [row.group for row in headline.groups] == ["self_employed", "salaried"]
    text = " ".join(response.content.decode().split())
    assert "Independent" in text and "Its team declares 1,509" in text


def test_an_area_under_the_curve_is_worst_where_it_is_smallest(client):
    live = factories.published_version()
    measured(live, 0.75, metric="roc_auc", low=0.73, high=0.77, baseline=0.5)
    for group, value in (("a", 0.78), ("b", 0.61)):
        measured(live, value, metric="roc_auc", slice=f"region: {group}", low=None, high=None)
    headline = overview(client, factories.maya(), live.model).context["answer"].headline
    assert headline.groups[0].group == "b"
    assert headline.less_than_baseline is None and headline.unit == ""


def test_users_are_named_to_themselves_and_to_who_oversees(client):
    """Nobody agreed to be named yet: others see units and numbers."""
    live = factories.published_version()
    used(factories.subscription(live))
    advice = factories.person("wanda", factories.wealth())
    app = factories.application(advice, factories.wealth(), "Adviser workbench")
    used(factories.subscription(live, by=advice, app=app), calls=5)
    seen = {
        name: overview(client, getattr(factories, name)(), live.model).context["answer"].consumers
        for name in ("maya", "charlie", "alice", "vera")
    }
    names = {who: [one.name for one in found.shown] for who, found in seen.items()}
    assert names == {
        "maya": ["Mortgage origination", "One team"],
        "charlie": ["One team", "One team"],
        "alice": ["Mortgage origination", "Wealth advice"],
        "vera": ["Mortgage origination", "Wealth advice"],
    }
    assert {(one.calls, one.teams, one.units, one.outside) for one in seen.values()} == {
        (450, 2, 2, 2)
    }
    assert len(seen["maya"].daily) == 29 and sum(seen["maya"].daily) == 450


def test_service_is_judged_from_enough_calls_on(client):
    live = factories.published_version()
    held = factories.subscription(live)
    response = overview(client, factories.charlie(), live.model)
    assert response.context["answer"].service.verdict == "untried"
    assert "Not enough traffic" in response.content.decode()
    used(held)
    response = overview(client, factories.charlie(), live.model)
    answer = response.context["answer"]
    assert response.content.decode().count("Error budget left") == 2, "once to read, once as a name"
    assert answer.service.report.calls == 400 and answer.service.verdict == "kept"
    service = next(point for point in answer.trust.points if point.name == "Service level")
    assert (service.is_met, service.said) == (True, "met, 30 days")


@pytest.mark.parametrize(
    ("met", "required", "level"),
    [
        (8, True, "Gold"),
        (7, True, "Silver"),
        (7, False, "Bronze"),
        (5, True, "Bronze"),
        (3, True, ""),
    ],
)
def test_the_level_follows_from_the_points(met, required, level):
    """Silver asks for an independent evaluation and security; every level but the last says what the next one needs."""
    names = ["Independent evaluation", "Security", *"abcdef"]
    missing = set(names[-(8 - met) :] if met < 8 else [])
    if not required:
        missing = {"Security"}
    points = [
        trust.Point(name, "", "catalog:model", f"{name} mended" if name in missing else "")
        for name in names
    ]
    found = trust.Trust(points)
    assert found.level == level
    assert bool(found.next) == (level != "Gold")
    if level == "Silver":
        assert found.next == "Gold needs f mended."


def test_every_point_leads_to_its_evidence(client):
    live = factories.published_version()
    response = overview(client, factories.maya(), live.model)
    points = response.context["answer"].trust.points
    assert len(points) == 8
    for tab in {point.tab for point in points}:
        assert client.get(reverse(tab, args=[live.model.slug])).status_code == 200


@pytest.mark.parametrize("typed", ["12,000", "12 000", "12000"])
def test_the_calculator_answers_with_and_without_htmx(client, typed):
    live = factories.published_version(factories.model())
    factories.plan(live.model, slug="paid", price_micros_per_1000=4_000_000)
    factories.plan(live.model, slug="trial", monthly_quota=5_000)
    for headers in ({}, {"HX-Request": "true"}):
        response = overview(
            client, factories.maya(), live.model, f"?calls={typed}&without=large", **headers
        )
        text = " ".join(response.content.decode().split())
        assert "48.00 USD" in text and "106,000 USD" in text and "more than its quota" in text
        assert ("What moves next" in text) == (not headers)


@pytest.mark.parametrize("typed", ["0", "-4", "many", "9" * 30, "1e9", ""])
def test_the_calculator_says_what_it_does_not_take(client, typed):
    live = factories.published_version()
    response = overview(client, factories.maya(), live.model, f"?calls={typed}")
    assert response.status_code == 400
    assert b"field-error" in response.content
    assert response.context["answer"].price.bills == []


def test_avoided_cost_is_never_more_than_building_takes():
    for alternative, (_, cost) in ALTERNATIVES.items():
        found = avoided(alternative)
        if cost is None:
            assert found is None
        else:
            assert 0 < found.low < found.high < cost.high
    assert avoided("large").low == 106_000 and avoided("large").high == 166_000


def test_what_moves_next_is_told_for_who_reads(client):
    """Somebody on no version, on the newest one, and on one that ends."""
    old = factories.published_version()
    factories.subscription(old, by=factories.maya())
    new = factories.published_version(old.model, "2.0.0")
    sentences = {
        who: overview(client, getattr(factories, who)(), old.model).context["answer"].ahead.sentence
        for who in ("charlie", "maya")
    }
    assert sentences["charlie"].startswith("You would start on 2.0.0")
    assert sentences["maya"].startswith("Loan origination is on 1.0.0; the newest is 2.0.0")
    type(old).objects.filter(pk=old.pk).update(
        state="deprecated",
        sunset_at=timezone.now() + timedelta(days=90),
        deprecated_at=timezone.now(),
        successor=new,
    )
    response = overview(client, factories.maya(), old.model)
    assert "move it to 2.0.0" in response.context["answer"].ahead.sentence
    assert "Move it to 2.0.0" in " ".join(response.content.decode().split())
    assert overview(client, factories.charlie(), old.model).context["answer"].ahead.leaving == []


def test_versions_under_review_are_told_to_their_team_alone(client):
    live = factories.published_version()
    factories.in_review_version(live.model, "1.1.0")
    titles = {
        who: [
            one.title
            for one in overview(client, getattr(factories, who)(), live.model)
            .context["answer"]
            .ahead.coming
        ]
        for who in ("alice", "maya")
    }
    assert "1.1.0 to come" in titles["alice"] and "1.1.0 to come" not in titles["maya"]


@pytest.mark.parametrize("state", ["no version", "draft", "in review", "restricted"])
def test_every_state_has_its_page(client, state):
    entry = factories.model()
    if state == "draft":
        factories.draft_version(entry)
    elif state == "in review":
        factories.in_review_version(entry)
    elif state == "restricted":
        type(entry).objects.filter(pk=entry.pk).update(visibility="restricted")
    assert overview(client, factories.alice(), entry).status_code == 200
    assert overview(client, factories.maya(), entry).status_code == 404


def test_the_way_to_a_key_depends_on_the_plans(client):
    live = factories.published_version(factories.model())
    text = overview(client, factories.maya(), live.model).content.decode()
    assert "Get a key" in text and "Your subscription" not in text
    Plan.objects.filter(model=live.model).update(approval="owner")
    assert "Request access" in overview(client, factories.maya(), live.model).content.decode()
    Plan.objects.filter(model=live.model).update(approval="automatic")
    factories.subscription(live)
    text = overview(client, factories.maya(), live.model).content.decode()
    assert "Make a call" in text and "Your subscription" in text and "Get a key" not in text


def test_more_of_everything_asks_no_more_queries(client):
    """Teams, versions, plans, figures and changes: the page is built from a fixed number of questions."""
    live = factories.published_version()
    used(factories.subscription(live), days=3)
    measured(live)
    client.force_login(factories.charlie())

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(live.model.get_absolute_url()).status_code == 200
        return len(queries)

    count()
    before = count()
    for place in range(3):
        measured(live, 2400.0 + place, slice=f"region: {place}")
        factories.plan(live.model, slug=f"plan-{place}")
        team = factories.team(f"Team {place}", f"Unit {place}")
        person = factories.person(f"person-{place}", team)
        app = factories.application(person, team, f"System {place}")
        used(factories.subscription(live, by=person, app=app), days=3)
        factories.published_version(live.model, f"1.{place + 1}.0")
    assert count() <= before + 1 <= 51
