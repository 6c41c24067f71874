"""C6 in Chromium: a team disputes a line that it took apart to its calls; finance answers, closes the month, and it stays.

COST_LOOKS=folder keeps pictures.
"""

import os
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.budgets import actions as budgets
from consumption.metering.quota import next_period, period_start, periods_later
from consumption.models import ChargedDay, ChargeLine, ClosedMonth
from consumption.statements import actions as statements
from tests import factories
from tests.browser.test_looks import PHONE, WIDE, seen_as, signed_in
from tests.consumption.billing_state import empty
from tests.consumption.test_price_kinds import Months

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STEPS = [[4, 0], [20, 120_000_000], [None, 80_000_000]]


@pytest.fixture
def last_month():
    """Calls of last month on two plans, a shared cost, a budget; its fees are charged."""
    empty()
    months, finn = Months(), factories.finn()
    back = timezone.now().astimezone(UTC).day
    for number, version, days in ((0, 0, back), (0, 1, back + 2), (1, 0, back + 3)):
        for _ in range(6):
            months.late(number, version, days)
    with transaction.atomic():
        months.price(0, {"price_kind": "graduated", "price_steps": STEPS})
    months.calls(0, 0, 30)
    months.roll_up()
    now = period_start(timezone.now())
    month = periods_later(now, -1)
    ChargedDay.objects.get_or_create(day=next_period(month) - timedelta(days=1))
    unit = factories.mortgage().business_unit
    for first in (month, now):
        statements.set_charging(finn, unit, is_charged=True, from_month=first)
    statements.share_cost(
        finn, name="Platform, run cost", amount_micros=10**10, method="calls", from_month=month
    )
    budgets.set_budget(finn, team=factories.mortgage(), amount_micros=2 * 10**10, from_month=now)
    return month


class Looks:
    """What is wrong with each page, and pictures on request."""

    def __init__(self):
        self.wrong = []

    def at(self, page, name):
        folder = os.environ.get("COST_LOOKS")
        for scheme, width in (("light", WIDE), ("dark", PHONE)):
            self.wrong += seen_as(page, scheme, width)
            if folder:
                page.screenshot(path=Path(folder) / f"{name}-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": WIDE, "height": 900})


@pytest.mark.slow
def test_from_an_amount_to_its_calls_a_dispute_and_the_close(
    chromium, live_server, client, last_month
):
    looks = Looks()
    maya = signed_in(chromium, live_server, client, "maya").new_page()
    maya.goto(f"{live_server.url}/statement/")
    looks.at(maya, "statement-open")
    maya.locator("section[aria-labelledby=lines-title] tbody a", has_text="Income").first.click()
    maya.get_by_role("link", name=f"{timezone.now():%-d %b}", exact=True).click()
    maya.locator("#hours li a").first.click()
    looks.at(maya, "line")
    assert 0 < maya.locator("#hours tbody code").count() <= 30
    maya.get_by_text("Dispute this line").click()
    maya.get_by_label("What is wrong").fill("Half of these calls were our load test.")
    maya.get_by_role("button", name="Dispute").click()
    assert "Waits for an answer" in maya.inner_text("main")
    address = maya.url

    finn = signed_in(chromium, live_server, client, "finn").new_page()
    finn.goto(f"{live_server.url}/finance/")
    looks.at(finn, "finance")
    finn.goto(address)
    finn.get_by_label("Accept, and give back").check()
    finn.get_by_label("Reason").fill("The load test ran on the wrong key; agreed.")
    finn.get_by_role("button", name="Answer").click()
    assert "Accepted" in finn.inner_text("main")
    looks.at(finn, "dispute")
    finn.goto(f"{live_server.url}/finance/close/{last_month:%Y-%m}/")
    looks.at(finn, "close")
    finn.get_by_role("button", name=f"Close {last_month:%B %Y}", exact=True).click()
    assert "Closed" in finn.inner_text("main") and "Reconciled" in finn.inner_text("main")
    looks.at(finn, "statement-closed")
    closed = ClosedMonth.objects.get()
    assert closed.line_count == ChargeLine.objects.filter(month=last_month).count() > 3
    for path in ("budgets", "finance/shared-costs"):
        finn.goto(f"{live_server.url}/{path}/")
        looks.at(finn, path.replace("/", "-"))
    alice = signed_in(chromium, live_server, client, "alice").new_page()
    plans = f"{RegisteredModel.objects.get().get_absolute_url()}plans/"
    alice.goto(f"{live_server.url}{plans}first/change/")
    looks.at(alice, "terms")
    assert looks.wrong == []
