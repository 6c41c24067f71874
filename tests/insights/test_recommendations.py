"""What the start page recommends, and whom it tells that they are on no team."""

import pytest
from django.urls import reverse

from catalog.models import Neighbour, RegisteredModel
from marketplace.accounts.models import Membership
from marketplace.insights.start_page import recommendations
from marketplace.notices.models import Notice
from marketplace.organisation.actions.joining import MOST_A_DAY
from tests import factories

pytestmark = pytest.mark.django_db


def recommended(user):
    """{model's name: why}, in order."""
    seen = RegisteredModel.objects.visible_to(user).published()
    found = recommendations.for_person(user, user.roles(), seen)
    return {one.model.name: one.why for one in found}


@pytest.fixture
def company():
    """Mortgage uses income verification; another team of its unit, and one of wealth, use others."""
    made = {
        name: factories.published_version(factories.model(name=name))
        for name in ("Income verification", "Ladder safety", "Sea weather")
    }
    factories.subscription(made["Income verification"])
    neighbours = factories.team("Mortgage servicing", "Mortgage")
    sam = factories.person("sandra", neighbours)
    app = factories.application(sam, neighbours, "Servicing")
    factories.subscription(made["Ladder safety"], by=sam, app=app)
    RegisteredModel.objects.filter(name="Sea weather").update(consumer_teams=5, risk_tier="high")
    return {name: version.model for name, version in made.items()}


def test_each_has_its_reason_and_what_one_has_is_none(company):
    Neighbour.objects.all().delete()
    Neighbour.objects.create(
        model=company["Income verification"], other=company["Sea weather"], score=0.6
    )
    assert recommended(factories.maya()) == {
        "Sea weather": "Like Income verification, which your team uses",
        "Ladder safety": "Another team of Mortgage uses it",
    }
    assert recommended(factories.alice()) == {}, "what her own team publishes is not news to her"


def test_whoever_has_no_history_gets_what_others_rely_on(company):
    Neighbour.objects.all().delete()
    assert recommended(factories.charlie()) == {"Sea weather": "5 teams called it in 30 days"}
    assert recommended(factories.finn())["Sea weather"] == "Spreads: 5 teams called it in 30 days"
    assert recommended(factories.mira())["Sea weather"] == "High risk, and in use"


@pytest.mark.parametrize("who", ["maya", "charlie"])
def test_what_one_may_not_see_is_neither_recommended_nor_trending(company, who):
    RegisteredModel.objects.update(visibility="restricted")
    user = getattr(factories, who)()
    held = {"Income verification"} if who == "maya" else set()
    assert set(recommended(user)) <= held
    seen = RegisteredModel.objects.visible_to(user).published()
    assert {one.model.name for one in recommendations.trending(seen)} <= held


def test_trending_counts_teams(company):
    seen = RegisteredModel.objects.visible_to(factories.charlie()).published()
    found = {one.model.name: one.why for one in recommendations.trending(seen)}
    assert found == dict.fromkeys(
        ["Income verification", "Ladder safety"], "1 team began in the last 30 days"
    )
    shown = recommendations.trending(seen)[:1]
    rest = recommendations.trending(seen, besides=shown)
    assert {one.model.name for one in shown + rest} == set(found) and len(rest) == 1


def test_a_newcomer_asks_and_the_lead_is_told(client):
    team, alice = factories.lending(), factories.alice()
    factories.bob()
    Membership.objects.filter(user=alice, team=team).update(role="lead")
    client.force_login(factories.charlie())
    assert b"You are on no team yet" in client.get(reverse("home")).content
    address = reverse("organisation:join")
    asked = {"team": team.slug, "words": "I work on loans."}
    assert [client.post(address, asked).status_code for _ in range(2)] == [302, 422]
    told = Notice.objects.filter(kind="join")
    assert list(told.values_list("recipient", flat=True)) == [alice.pk], "once, to the lead"
    assert "I work on loans." in told.get().body
    answer = client.post(address, {"team": "nowhere", "words": "x" * 201})
    assert answer.status_code == 422 and Notice.objects.filter(kind="join").count() == 1


def test_nobody_asks_the_whole_company(client):
    client.force_login(factories.charlie())
    factories.rita()
    answers = [
        client.post(
            reverse("organisation:join"), {"team": factories.team(f"Team {place}", "Mortgage").slug}
        ).status_code
        for place in range(MOST_A_DAY + 1)
    ]
    assert answers == [302] * MOST_A_DAY + [422]


def test_the_api_is_readable_in_a_browser(client):
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    for path, status in (("/api/v1/models/", 401), ("/api/", 404), ("/api/docs/", 401)):
        page = client.get(path, headers=browser)
        assert page.status_code == status and page["Content-Type"].startswith("text/html"), path
        assert "REST API" in page.content.decode()
        if path != "/api/docs/":  # which is a page, and nothing for programs
            program = client.get(path, headers={"Accept": "application/json"})
            assert program.status_code == status
            assert program["Content-Type"] == "application/problem+json"
    assert "next=/api/v1/models/%3Fq%3Dx" in (
        client.get("/api/v1/models/?q=x", headers=browser).content.decode()
    )
