"""Issue 12: maya types, takes a suggestion, ticks two results and compares them; by keyboard, and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(chromium, live_server, client):
    """site() → a page on which maya is signed in, with two models about income and one about the sea."""
    for name, summary in (
        ("Income check", "Checks the payslips of an applicant and estimates the income."),
        ("Borrower income", "Estimates the income of a borrower from account credits."),
        ("Sea weather", "Forecasts the height of waves for the next three days."),
    ):
        factories.published_version(factories.model(name=name, summary=summary))
    client.force_login(factories.maya())
    contexts = []

    def opened(**options):
        context = chromium.new_context(**options)
        contexts.append(context)
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
        page = context.new_page()
        page.goto(live_server.url)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.slow
def test_from_the_first_key_to_the_comparison(site):
    page = site()
    page.keyboard.press("/")
    box = page.locator("#search-q")
    expect(box).to_be_focused()
    page.keyboard.type("inc")
    option = page.get_by_role("option", name="Income check")
    expect(option).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(option).to_be_hidden()
    page.keyboard.type("ome")
    expect(option).to_be_visible()
    while option.get_attribute("aria-selected") != "true":
        page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == option.get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url("**/models/income-check/")

    page.keyboard.press("Control+k")
    page.keyboard.type("income")
    page.keyboard.press("Enter")
    page.wait_for_url("**/models/?q=income")
    expect(page.locator("h1")).to_have_text("income")
    page.get_by_label("Compare Income check").check()
    expect(page.get_by_role("button", name="Compare 1 model")).to_be_disabled()
    page.get_by_label("Compare Borrower income").check()
    page.get_by_role("button", name="Compare 2 models").click()
    expect(page.locator("h1")).to_have_text("Compare 2 models")
    page.get_by_role("link", name="Add a model").click()
    expect(page.get_by_label("Compare Income check")).to_be_checked()
    page.get_by_role("button", name="Take Income check out").click()
    expect(page.get_by_label("Compare Income check")).not_to_be_checked()


def test_a_filter_refreshes_the_list_and_keeps_the_tray(site):
    page = site()
    page.goto(page.url + "models/?q=income")
    page.get_by_label("Compare Income check").check()
    expect(page.locator("#tray")).to_contain_text("Room for 3 more")
    page.locator("#facet-access-at-once").check()
    page.wait_for_url("**access=at-once**")
    expect(page.locator(".chips")).to_contain_text("Access")
    expect(page.get_by_label("Compare Income check")).to_be_checked()
    expect(page.locator("#facet-access-at-once")).to_be_checked()


@pytest.mark.slow
def test_without_javascript_one_searches_ticks_and_compares(site):
    page = site(java_script_enabled=False)
    page.locator("#search-q").fill("income")
    page.locator("#search-q").press("Enter")
    page.wait_for_url("**/models/?q=income")
    page.get_by_label("Compare Income check").check()
    page.get_by_label("Compare Borrower income").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("h1")).to_have_text("Compare 2 models")
