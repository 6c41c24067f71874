"""The card in a real browser: it saves what is typed, between two tabs, and through a server that is gone."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from governance import actions as governance
from publishing import actions
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TERMS = "Internal use within the company only"


@pytest.fixture
def card(page, live_server):
    """alice at the card of a draft at low risk."""
    version = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    governance.assess_risk(factories.alice(), version, factories.LOW)
    client = Client()
    client.force_login(factories.alice())
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.version = version
    page.address = live_server.url + reverse(
        "publishing:card", args=[version.model.slug, version.number]
    )
    page.goto(page.address)
    return page


def says(page, field):
    page.version.card.refresh_from_db()
    return page.version.card.data.get(field)


def status(page):
    return page.locator("#card-status")


def test_what_is_typed_is_saved_without_a_button(card):
    card.get_by_label("Terms of use").focus()
    card.keyboard.type(TERMS)
    expect(status(card)).to_contain_text("Saved at")
    assert says(card, "identity.license") == TERMS
    card.reload()
    assert card.get_by_label("Terms of use").input_value() == TERMS


@pytest.mark.slow
def test_of_two_tabs_the_later_is_told_and_chooses(card):
    other = card.context.new_page()
    other.goto(card.address)
    card.get_by_label("Terms of use").fill("What the first tab says")
    expect(status(card)).to_contain_text("Saved at")
    other.get_by_label("Terms of use").fill("What the second tab says")
    told = other.get_by_role("alert")
    expect(told).to_contain_text("What the first tab says")
    assert says(card, "identity.license") == "What the first tab says"
    assert other.get_by_label("Terms of use").input_value() == "What the second tab says"
    told.get_by_role("button", name="Keep mine").click()
    expect(status(other)).to_contain_text("Saved at")
    assert says(card, "identity.license") == "What the second tab says"


@pytest.mark.slow
def test_a_dead_server_loses_no_key_stroke(card):
    card.route(re.compile("/autosave/"), lambda route: route.abort())
    card.get_by_label("Terms of use").focus()
    card.keyboard.type(TERMS)
    expect(status(card)).to_contain_text("The server does not answer")
    assert says(card, "identity.license") is None
    card.close()
    later = card.context.new_page()
    later.version = card.version
    later.goto(card.address)
    expect(status(later)).to_contain_text(re.compile("Put back|Saved at"))
    assert later.get_by_label("Terms of use").input_value() == TERMS
    expect(status(later)).to_contain_text("Saved at")
    assert says(later, "identity.license") == TERMS
    assert (
        later.evaluate("Object.keys(localStorage).filter(k => k.startsWith('card|')).length") == 0
    )


@pytest.mark.slow
def test_it_goes_on_by_itself_when_the_server_answers_again(card):
    card.route(re.compile("/autosave/"), lambda route: route.fulfill(status=503))
    card.get_by_label("Terms of use").fill(TERMS)
    expect(status(card)).to_contain_text("The server cannot save now")
    card.unroute(re.compile("/autosave/"))
    expect(status(card)).to_contain_text("Saved at", timeout=15_000)
    assert says(card, "identity.license") == TERMS


def test_the_preview_and_the_meter_follow_what_is_typed(card):
    card.get_by_role("heading", name="Preview").click()
    preview = card.locator("#card-preview")
    expect(preview).to_contain_text("Owner team")
    card.get_by_role("link", name="Terms of use", exact=True).click()
    card.keyboard.type(TERMS)
    expect(preview).to_contain_text(TERMS)
    expect(card.locator("#completeness")).not_to_contain_text("Terms of use")


def test_a_link_of_what_is_missing_unfolds_its_section(card):
    card.get_by_role("link", name="Baseline").click()
    assert card.get_by_label("Baseline").evaluate("field => field === document.activeElement")


def test_a_chosen_file_is_read_and_its_fields_are_taken(card, tmp_path):
    (tmp_path / "README.md").write_text(f"---\nlicense_name: {TERMS}\n---\n# A model\n")
    card.get_by_role("link", name="Take answers from a file").click()
    card.get_by_label("A file", exact=True).set_input_files(tmp_path / "README.md")
    expect(card.get_by_label("Text of a file")).to_have_value(re.compile(TERMS))
    card.get_by_role("button", name="Show what would change").click()
    card.get_by_role("button", name="Take the ticked fields").click()
    card.get_by_text("Fields taken: 1.").wait_for()
    assert says(card, "identity.license") == TERMS
