"""Parts that refresh themselves: they wait for who is in them, say so, and go on afterwards."""

import pytest
from playwright.sync_api import expect

from hosting.models import Deployment, Replica
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TICK_S = 5


@pytest.fixture
def part(page, live_server, client):
    """The operations page of a small fleet, and the requests that its refreshing part made."""
    live = factories.published_version()
    deployment = Deployment.objects.create(version=live, app_name="live", state="ready")
    Replica.objects.create(deployment=deployment, replica_id="a", state="running")
    client.force_login(factories.otto())
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.asked = []
    page.on(
        "request",
        lambda request: (
            page.asked.append(request.url) if request.headers.get("hx-request") else None
        ),
    )
    page.goto(f"{live_server.url}/operations/")
    return page


def line(page):
    return page.locator("#fleet > .refreshed")


def says(page, word):
    """Its last line begins with this word, now or soon."""
    expect(line(page)).to_contain_text(word)


@pytest.mark.slow
def test_it_waits_for_the_keyboard_says_so_and_goes_on(part):
    assert (
        line(part).inner_text() == "Refreshed every five seconds."
        and line(part).get_attribute("role") == "status"
    )
    link = part.locator("#fleet a").first
    while not link.evaluate("link => link === document.activeElement"):
        part.keyboard.press("Tab")
    says(part, "Paused")
    assert line(part).evaluate(
        "line => line.getBoundingClientRect().bottom <= innerHeight"
    )  # in sight wherever one reads
    before = len(part.asked)
    part.wait_for_timeout((TICK_S + 1) * 1000)
    assert len(part.asked) == before and link.evaluate("link => link === document.activeElement")
    part.locator(".skip-link").focus()
    says(part, "Refreshed")
    with part.expect_response(
        lambda response: response.request.headers.get("hx-request"), timeout=2 * TICK_S * 1000
    ):
        pass


def test_a_click_does_not_stop_it_and_a_selection_does(part):
    part.locator("#fleet .table-wrap").first.click()
    assert line(part).inner_text() == "Refreshed every five seconds."
    with part.expect_response(
        lambda response: response.request.headers.get("hx-request"), timeout=2 * TICK_S * 1000
    ):
        pass
    part.locator("#fleet h2").first.dblclick()
    says(part, "Paused")
    part.locator("h1").click()
    says(part, "Refreshed")
