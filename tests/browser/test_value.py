"""Requirement H7: cleo clicks from the year's figure to the calls, the decision record and the signature, three clicks each."""

import pytest
from playwright.sync_api import expect

from marketplace.insights.ledger import actions, quarters
from tests import factories
from tests.browser.test_looks import seen_as, signed_in
from tests.insights import ledgers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, WIDE = 390, 1440


@pytest.fixture
def line():
    made = ledgers.mortgage_line()
    factories.called(made.subscription, 5, day=quarters.last_day(made.quarter))
    with ledgers.after_quarter(made):
        actions.sign_quarter(factories.finn(), made.quarter)
    return made


ENDS = {
    "Every call by day and hour": "560 calls on 14 days",
    "The record, frozen and signed": "The record is as it was signed.",
    "Subscription and its history": "reuse.confirm",
    "Verify the signature": "It is as it was signed.",
}


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False])
def test_three_clicks_from_the_figure_to_each_evidence(chromium, live_server, client, line, script):
    context = signed_in(chromium, live_server, client, "cleo")
    if not script:
        cookies = context.cookies()
        context = chromium.new_context(java_script_enabled=False)
        context.add_cookies(cookies)
    page = context.new_page()
    for link, found in ENDS.items():
        page.goto(f"{live_server.url}/insights/value/?year={line.quarter.year}")
        page.get_by_role("link", name="131,000").click()
        page.get_by_role("link", name="Mortgage origination reuses Income verification").click()
        page.get_by_role("link", name=link).click()
        expect(page.locator("main")).to_contain_text(found)
    context.close()


@pytest.mark.slow
def test_the_pages_of_value_hold_in_every_look(chromium, live_server, client, line):
    seen = {
        "cleo": [
            f"/insights/value/?year={line.quarter.year}&line={line.pk}",
            f"/insights/value/lines/{line.pk}/calls/?day={line.qualified_on:%Y-%m-%d}",
            f"/insights/value/lines/{line.pk}/record/",
            f"/insights/value/lines/{line.pk}/approval/",
            f"/insights/value/quarters/{quarters.name_of(line.quarter)}/",
            "/insights/value/claims/",
            "/insights/business-case/",
        ],
        "maya": ["/insights/value/claims/new/"],
        "alice": [f"/models/{line.model.slug}/effort/"],
    }
    wrong = []
    for username, paths in seen.items():
        context = signed_in(chromium, live_server, client, username)
        page = context.new_page()
        for path in paths:
            assert page.goto(live_server.url + path).status == 200, path
            wrong += seen_as(page, "light", WIDE) + seen_as(page, "dark", PHONE)
        context.close()
    assert wrong == []
