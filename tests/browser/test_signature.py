"""The Signature step in a real browser: alice defines the signature and runs the example, with the keyboard and without JSON."""

import pytest
from django.test import Client
from django.urls import reverse

from publishing import actions
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signature_page(page, live_server, tmp_path):
    """alice at the Signature step of a first version, whose package is the tiny graph."""
    version = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    factories.upload_tiny(version, tmp_path)
    client = Client()
    client.force_login(factories.alice())
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    address = reverse("publishing:interface", args=[version.model.slug, version.number])
    page.goto(live_server.url + address)
    page.version = version
    return page


@pytest.mark.slow
def test_a_signature_is_defined_and_its_example_run_without_json(signature_page):
    page = signature_page
    page.get_by_role("link", name="Say what these mean: income, debt, score.").click()
    page.get_by_label("income: meaning").fill("Monthly account credits")
    page.keyboard.press("Tab")
    page.keyboard.type("USD")
    page.keyboard.press("Tab")
    page.keyboard.type("0")
    page.keyboard.press("Tab")
    page.keyboard.type("-5")
    page.get_by_label("income: example").fill("4,100")
    page.keyboard.press("Enter")
    problem = page.get_by_role("link", name="income, largest")
    problem.wait_for()
    assert page.get_by_label("income: meaning").input_value() == "Monthly account credits"
    problem.click()
    page.get_by_label("income: largest").fill("90000")
    page.get_by_label("debt: meaning").fill("Monthly debt service")
    page.get_by_label("debt: example").fill("300")
    page.get_by_label("score: meaning").fill("What is left of the income")
    page.get_by_label("score: unit").fill("USD")
    page.get_by_role("button", name="Save and run the example").click()
    page.get_by_text("The signature is saved.").wait_for()
    assert page.locator("#trial").get_by_text("3800").first.is_visible()
    page.version.refresh_from_db()
    income = page.version.signature["inputs"][0]
    assert (income["unit"], income["minimum"], income["maximum"]) == ("USD", 0, 90000)


def test_the_table_changes_in_place_and_keeps_the_keyboard(signature_page):
    page = signature_page
    page.get_by_label("debt: meaning").fill("Typed before")
    page.get_by_role("button", name="Move up: debt").click()
    page.locator("[id='up:inputs:0']:focus").wait_for()
    assert page.locator("#inputs-0-description").input_value() == "Typed before"
    page.get_by_text("Read columns from").click()
    page.get_by_label("Columns from somewhere else").fill("owed,earned\n12,4000")
    page.get_by_role("button", name="Propose them in the table").click()
    page.get_by_text("2 fields read from CSV header").wait_for()
    assert page.locator("#inputs-0-name").input_value() == "owed"
    assert page.locator("#inputs-0-description").input_value() == "Typed before"
