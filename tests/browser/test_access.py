"""One journey (issue 13): a consumer asks in steps, leaves, resumes; the owner answers from home; a key, rotated and revoked."""

import pytest

from consumption.models import ApiKey, Plan, Subscription
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def enter(page, live_server, client, user, path="/"):
    client.force_login(user)
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.goto(live_server.url + path)


def go_on(page):
    page.get_by_role("button", name="Continue", exact=True).click()


@pytest.mark.slow
def test_subscribe_with_approval(page, live_server, client):
    version = factories.published_version()
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    enter(page, live_server, client, factories.maya(), version.model.get_absolute_url())
    page.get_by_role("link", name="Get a key").first.click()
    page.get_by_label("Production").check()
    go_on(page)
    page.get_by_label("New application").fill("Mortgage desk")
    go_on(page)
    page.get_by_label("Purpose").fill("Check the stated income of mortgage applicants.")
    go_on(page)  # the browser asks for what is missing; what was typed is lost with the page

    enter(page, live_server, client, factories.maya(), "/access/")
    page.get_by_role("link", name="Continue the request").click()
    page.get_by_label("Purpose").fill("Check the stated income of mortgage applicants.")
    page.get_by_label("Most sensitive data you send").select_option("personal")
    for question, answer in factories.USE.items():
        page.locator(f"#id_{question}").select_option(answer)
    page.get_by_label("Expected calls a month").fill("12000")
    go_on(page)
    go_on(page)
    page.get_by_text("12,000 calls a month").wait_for()
    page.get_by_label("We use it as described").check()
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Governance decides").wait_for()  # personal data: above the model's low tier

    enter(page, live_server, client, factories.gus())
    decide(page, "Decide", "The applicants know of it, and a person decides.")
    enter(page, live_server, client, factories.alice())
    page.get_by_role("heading", name="1 thing needs you").wait_for()
    decide(page, "Answer", "Within the intended use; welcome.")

    made = Subscription.objects.get()
    assert made.state == "active" and made.use_tier == "medium"
    enter(page, live_server, client, factories.maya(), made.application.get_absolute_url())
    page.get_by_role("button", name="Create a key").click()
    page.get_by_text("it cannot be shown again").wait_for()
    page.goto(live_server.url + made.application.get_absolute_url())
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Make the new key").click()
    page.get_by_text("it cannot be shown again").wait_for()
    assert ApiKey.objects.live().count() == 2
    page.goto(live_server.url + made.application.get_absolute_url())
    page.get_by_role("link", name="Revoke").first.click()
    page.get_by_text("Nothing called with it").wait_for()
    page.get_by_role("button", name="Revoke the key").click()
    page.get_by_text("no longer works").wait_for()
    assert ApiKey.objects.live().count() == 1


def decide(page, act, reason):
    page.get_by_role("link", name=act).first.click()
    page.get_by_label("Approve").check()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Save the decision").or_(
        page.get_by_role("button", name="Send the answer")
    ).click()
    page.get_by_text("Decided:").or_(page.get_by_text("Answered:")).wait_for()
