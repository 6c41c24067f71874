"""B7 and B8 in Chromium: from a model's page to a verdict on 5 000 rows of one's own; each page as people see it.

BATCH_LOOKS=folder keeps pictures.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from consumption.models import BatchEvaluation
from publishing.batch import work
from tests.browser.test_looks import PHONE, WIDE, seen_as, signed_in
from tests.consumption import evaluating

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ROWS = 5_000


def applications(folder):
    """5 000 applications: what was verified, who they are; some rows that no model takes."""
    random = np.random.default_rng(11)
    income, debt = random.lognormal(8.3, 0.4, ROWS), random.uniform(0, 900, ROWS)
    is_own = random.uniform(size=ROWS) < 0.15
    paid = income - debt + random.normal(0, np.where(is_own, 500, 180), ROWS)
    age = random.integers(20, 75, ROWS)
    lines = ["income,debt,verified_income,employment,age,contact"]
    for at in range(ROWS):
        kind = "self-employed" if is_own[at] else "salaried"
        cells = [f"{income[at]:.2f}", f"{debt[at]:.2f}", f"{paid[at]:.2f}", kind, str(age[at])]
        if at % 400 == 7:
            cells[1] = ""
        lines.append(",".join([*cells, f"person{at}@bank-of-somewhere.com"]))
    path = folder / "october.csv"
    path.write_text("\n".join(lines))
    return path


class Looks:
    """What is wrong with each page, and pictures on request."""

    def __init__(self, page):
        self.page, self.wrong = page, []
        page.on(
            "console",
            lambda message: message.type == "error" and self.wrong.append(message.text),
        )

    def at(self, name):
        folder = os.environ.get("BATCH_LOOKS")
        for scheme, width in (("light", WIDE), ("dark", PHONE)):
            self.wrong += seen_as(self.page, scheme, width)
            if folder:
                self.page.screenshot(path=Path(folder) / f"{name}-{scheme}.png", full_page=True)
        self.page.set_viewport_size({"width": WIDE, "height": 900})


@pytest.mark.slow
def test_a_journey_with_two_models_on_identical_rows(chromium, live_server, client, tmp_path):
    first = evaluating.live(tmp_path, name="Income Verification")
    evaluating.live(tmp_path, name="Borrower Income")
    context = signed_in(chromium, live_server, client, "maya")
    page = context.new_page()
    looks = Looks(page)
    page.goto(live_server.url + first.model.get_absolute_url())
    page.get_by_role("link", name="Evaluate on your data").first.click()
    page.get_by_label("Confidential").check()
    page.set_input_files("input[type=file]", applications(tmp_path))
    page.get_by_label("Name", exact=True).fill("October applications")
    page.get_by_label("Borrower Income 1.0.0").check()
    looks.at("1-new")
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("heading", name="Reading the file").wait_for()
    looks.at("2-reading")
    made = BatchEvaluation.objects.get()
    work.read(made.pk)
    page.get_by_role("button", name="Check the rows").wait_for()  # htmx brought it
    assert page.get_by_label("income", exact=True).input_value() == "income"
    page.locator("#id_label").select_option("verified_income")
    page.locator("#id_group_1").select_option("employment")
    page.locator("#id_group_2").select_option("age")
    looks.at("3-columns")
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("heading", name="Checking the rows").wait_for()
    work.check(made.pk)
    page.get_by_role("button", name="Run 2 models").wait_for()
    looks.at("4-check")
    page.get_by_role("button", name="Run 2 models").click()
    page.get_by_role("heading", name="Queued").wait_for()
    work.run(made.pk)
    page.get_by_role("heading", name="No significant difference overall").wait_for()
    looks.at("5-results")
    page.get_by_text("Delete rows now…").click()
    page.get_by_role("button", name="Delete rows now").click()
    page.get_by_text("key destroyed on").first.wait_for()
    page.goto(f"{live_server.url}/evaluations/")
    looks.at("6-list")
    third = evaluating.live(tmp_path, name="Adds instead", content=evaluating.graph("Add"))
    several = [first, *BatchEvaluation.objects.get(pk=made.pk).evaluated()[1:], third]
    text = "\n".join(applications(tmp_path).read_text().splitlines()[:900])
    mapping = {"inputs": {"income": "income", "debt": "debt"}, "label": "verified_income"}
    done = evaluating.evaluated(text, several, mapping)
    page.goto(live_server.url + done.get_absolute_url())
    page.get_by_role("heading", name="against the others").wait_for()
    looks.at("9-three")
    without = evaluating.evaluated(text, several[:1], mapping | {"label": ""})
    page.goto(live_server.url + without.get_absolute_url())
    looks.at("10-no-truth")
    context.close()
    assert looks.wrong == []


@pytest.mark.slow
def test_the_threshold_moves_without_the_page(chromium, live_server, client, tmp_path):
    from tests.consumption.test_batch_evaluation import SCORED, scored

    rivals = [
        evaluating.live(tmp_path, name=name, content=evaluating.graph(node, sigmoid=True))
        for name, node in (("Repayment risk", "Sub"), ("Sum of both", "Add"))
    ]
    lines = scored(1000).splitlines()
    lines = [f"{line},{'north' if at % 2 else 'south'}" for at, line in enumerate(lines)]
    lines[0] = "income,debt,repaid,region"
    done = evaluating.evaluated("\n".join(lines), rivals, SCORED | {"groups": ("region",)})
    context = signed_in(chromium, live_server, client, "maya")
    page = context.new_page()
    looks = Looks(page)
    page.goto(live_server.url + done.get_absolute_url())
    looks.at("7-binary")
    page.get_by_label("Cost of a missed yes").fill("20")
    page.get_by_label("Cost of a missed yes").press("Tab")
    page.locator("a[href*='missed=20']").wait_for()  # htmx brought the part, not the page
    page.get_by_role("link", name="Use the cheapest").click()
    page.wait_for_url("**missed=20**")
    looks.at("8-cheapest")
    context.close()
    assert looks.wrong == []
