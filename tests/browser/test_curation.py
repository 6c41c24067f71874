"""Issue 14, done 3: rita clears the desk by keyboard; a searcher without result becomes a demand, is commissioned, published, told."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from catalog.models import Need, RegisteredModel
from marketplace.insights.demand.count import count
from marketplace.insights.models import CurationItem, CurationRun, StrategicMark
from tests import factories
from tests.browser.test_looks import signed_in
from tests.insights import curating

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REASON = "It is only used for the annual report, in December."
PAYSLIPS = "forged payslip detector"


@pytest.fixture
def visit(chromium, live_server):
    """visit("rita", "/curation/") → a page on which rita is signed in."""
    contexts = []

    def opened(username, address):
        contexts.append(signed_in(chromium, live_server, Client(), username))
        contexts[-1].set_default_timeout(10_000)
        page = contexts[-1].new_page()
        page.goto(f"{live_server.url}{address}")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def findings():
    """Three models without consumers, due one after the other."""
    CurationRun.objects.create(ended_at=timezone.now())
    names = ("Annual report", "Branch traffic", "Card offers")
    return [
        curating.finding(
            factories.published_version(factories.model(name=name)),
            due_on=timezone.localdate() + timedelta(days=days),
        )
        for days, name in enumerate(names, 1)
    ]


def ready(page, text):
    """A page that says so is there, and listens to keys."""
    expect(page.get_by_text(text).first).to_be_visible()
    expect(page.locator("[data-desk-keys]")).to_be_visible()


def typing_in(page, name):
    """What is typed goes into the field of this name, whether the window is in front or not."""
    page.wait_for_function("name => document.activeElement?.name === name", arg=name)


def test_the_desk_is_cleared_from_the_keyboard(visit, findings):
    page = visit("rita", "/curation/")
    press = page.keyboard.press
    ready(page, "3 findings open")
    press("j")
    press("Enter")
    ready(page, "What is known")
    press("d")  # the first one: dismissed with a reason
    typing_in(page, "reason")
    page.keyboard.type(REASON)
    page.get_by_role("button", name="Dismiss with reason").press("Enter")
    ready(page, "Dismissed. It returns on its day")
    expect(page.locator(".is-open")).to_contain_text("Branch traffic")  # the next one opens
    press("1")  # the publisher is asked
    typing_in(page, "question")
    page.keyboard.type("Who will use it next year?")
    page.get_by_role("button", name="Ask the publisher").press("Enter")
    ready(page, "Asked. The answer comes here.")
    page.locator(".desk-row", has_text="Card offers").press("Enter")
    expect(page.locator(".is-open")).to_contain_text("Card offers")
    ready(page, "What is known")
    press("3")  # kept as strategic
    typing_in(page, "reason")
    page.keyboard.type(REASON)
    page.get_by_role("button", name="Keep as strategic").press("Enter")
    expect(page.get_by_text("Kept as strategic.")).to_be_visible()
    states = CurationItem.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["dismissed", "open", "settled"]
    assert CurationItem.objects.get(state="open").waits_for_publisher
    assert StrategicMark.objects.get().model.name == "Card offers"


@pytest.mark.slow
def test_the_desk_works_without_javascript(chromium, live_server, findings):
    client = Client()
    client.force_login(factories.rita())
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    page.goto(f"{live_server.url}/curation/")
    page.locator(".desk-row").first.click()
    page.get_by_role("link", name="Dismiss with reason").click()
    page.get_by_label("Why nothing is to be done").fill(REASON)
    page.get_by_role("button", name="Dismiss with reason").click()
    expect(page.get_by_text("Dismissed. It returns on its day")).to_be_visible()
    context.close()
    assert CurationItem.objects.filter(state="dismissed").count() == 1


@pytest.mark.slow
def test_a_search_without_result_becomes_a_model(visit):
    factories.published_version()
    factories.alice(), factories.rita()
    searching = visit("maya", f"/models/?q={PAYSLIPS.replace(' ', '+')}")
    count()
    board = visit("rita", "/demand/")
    board.get_by_role("link", name="Triage").first.click()
    board.get_by_label("Title").fill("Detect forged payslips")
    board.get_by_label("What is needed").fill(
        "Payslips that were changed, found before a decision."
    )
    board.get_by_role("button", name="Triage: it is a need").click()
    board.get_by_text("Commission…").click()
    board.get_by_label("Team that builds it").select_option(label="Consumer lending AI")
    board.get_by_label("Budget, USD").fill("85000")
    board.locator("form[action$='commission/']").get_by_label("Why").fill(REASON)
    board.get_by_role("button", name="Commission", exact=True).click()
    expect(board.get_by_text("Consumer lending AI builds it for 85,000 USD")).to_be_visible()
    entry = factories.model(name="Payslip check")
    need = Need.objects.get(title="Detect forged payslips")
    building = visit("alice", need.get_absolute_url())
    building.get_by_text("Link a model…").click()
    building.locator("form[action$='link/'] input[name=model]").fill(entry.slug)
    building.get_by_role("button", name="Link a model", exact=True).click()
    factories.published_version(RegisteredModel.objects.get(pk=entry.pk))
    searching.goto(searching.url.split("/models/")[0] + "/notices/")
    for told in ("is a need now", "Consumer lending AI builds it", "Payslip check is there"):
        expect(searching.get_by_text(told).first).to_be_visible()
    board.goto(board.url.split("/needs/")[0] + "/demand/")
    expect(board.get_by_role("region", name="Published")).to_contain_text("Payslip check")
