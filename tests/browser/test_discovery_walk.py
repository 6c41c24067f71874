"""Issue 12, done 3: Maya finds income verification in her own words, tries it, copies code that runs, proves it on 5 000 rows of her
own beside mortgage's model, and records the reuse; a wealth adviser finds three models that her team did not know.

The answers come from a small gateway of this test; the real one answers in tests/browser/test_story.py and
tests/hosting/test_gateway_sandbox.py.
"""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from catalog.models import RegisteredModel, SearchRecord
from consumption.models import BatchEvaluation, Subscription
from publishing.batch import work
from tests import factories
from tests.browser.test_batch_evaluation import applications
from tests.browser.test_looks import signed_in
from tests.consumption import evaluating

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
KEY = "mkc_of_mayas_own_application"


class Answers(BaseHTTPRequestHandler):
    """The score of each row is its income less its debt."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        values = {one["name"]: one["data"] for one in asked["inputs"]}
        scores = [a - b for a, b in zip(values["income"], values["debt"], strict=True)]
        self.server.keys.append(self.headers["Authorization"])
        body = json.dumps(
            {
                "model_name": "income-verification",
                "model_version": "1.0.0",
                "outputs": [
                    {"name": "score", "datatype": "FP32", "shape": [len(scores)], "data": scores}
                ],
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "0" * 32)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway(settings):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.keys = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.GATEWAY_URL = settings.GATEWAY_INTERNAL_URL = (
        f"http://127.0.0.1:{server.server_address[1]}"
    )
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def catalog(tmp_path):
    """Lending's and mortgage's models for the same income, and three that the wealth team never met."""
    summaries = {
        "Income verification": "Reads account credits and payslips and estimates the monthly income.",
        "Retail churn": "Says which customers may leave.",
        "Complaint routing": "Brings a letter to the right desk.",
    }
    first = evaluating.live(tmp_path, name="Income verification")
    others = [
        factories.published_version(factories.model(name=name)).model
        for name in list(summaries)[1:]
    ]
    maya = factories.maya()
    own = factories.model(maya, factories.mortgage(), name="Mortgage income")
    evaluating.answering(factories.published_version(own, by=maya), tmp_path)
    for name, summary in summaries.items():
        RegisteredModel.objects.filter(name=name).update(
            summary=summary, consumer_teams=3, calls_30d=900
        )
    RegisteredModel.objects.filter(pk=own.pk).update(summary="Mortgage's own figure, of old.")
    return first.model, others


def test_found_tried_proved_and_reused(catalog, gateway, chromium, live_server, client, tmp_path):
    model, others = catalog
    context = signed_in(chromium, live_server, client, "maya")
    page = context.new_page()
    page.goto(live_server.url)
    finds_it_in_one_try(page)
    code = tries_it(page)
    runs(code, gateway)
    proves_it_on_own_rows(page, live_server.url + model.get_absolute_url(), tmp_path)
    records_the_reuse(page, live_server, model)
    context.close()
    finds_three_unknown_ones(chromium, live_server, client, [model, *others])


def finds_it_in_one_try(page):
    page.locator("#search-q").fill("check payslips")
    page.locator("#search-q").press("Enter")
    first = page.locator("li.match").first
    expect(first.get_by_role("link", name="Income verification")).to_be_visible()
    expect(first.locator(".why mark").first).to_have_text("payslips")
    first.get_by_role("link", name="Income verification").click()
    expect(page.locator("h1")).to_have_text("Income verification")


def tries_it(page):
    page.get_by_role("link", name="Try it").first.click()
    page.locator("[name='in:income']").fill("4200")
    page.locator("[name='in:debt']").fill("300")
    page.locator(".run-bar button[value='run']").click()
    expect(page.locator(".bench-out")).to_contain_text("3,900")
    return page.locator(".bench-code code").first.text_content()


def runs(code, gateway):
    """What she copied runs as it is, once it has her key."""
    assert "YOUR_API_KEY" in code
    done = subprocess.run(
        ["bash", "-c", code.replace("YOUR_API_KEY", KEY)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert 3900 in json.loads(done.stdout)["outputs"][0]["data"], done.stdout + done.stderr
    assert gateway.keys[-1] == f"Bearer {KEY}"


def proves_it_on_own_rows(page, address, folder):
    page.goto(address)
    page.get_by_role("link", name="Evaluate on your data").first.click()
    page.get_by_label("Confidential").check()
    page.set_input_files("input[type=file]", applications(folder))
    page.get_by_label("Name", exact=True).fill("October applications")
    page.get_by_label("Mortgage income 1.0.0").check()
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("heading", name="Reading the file").wait_for()
    made = BatchEvaluation.objects.get()
    work.read(made.pk)
    page.get_by_role("button", name="Check the rows").wait_for()
    page.locator("#id_label").select_option("verified_income")
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("heading", name="Checking the rows").wait_for()
    work.check(made.pk)
    page.get_by_role("button", name="Run 2 models").click()
    page.get_by_role("heading", name="Queued").wait_for()
    work.run(made.pk)
    page.get_by_role("heading", name="No significant difference overall").wait_for()
    expect(page.locator("main")).to_contain_text("95 %")


def records_the_reuse(page, live_server, model):
    page.goto(f"{live_server.url}/search-records/new/")
    page.locator("#id_title").fill("Monthly income")
    page.locator("#id_need").fill("We read payslips and account credits to estimate the income.")
    page.locator("main form.form").get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Decide and sign").wait_for()
    page.locator("input[name='decision'][value='reuse']").check()
    position = SearchRecord.objects.get().candidates.get(model=model).position
    page.locator("#id_position").select_option(str(position))
    page.locator("#id_sponsor").fill("Head of Mortgage")
    page.locator("main form[novalidate] textarea[name='reason']").fill(
        "On 5 000 of our own rows it is as right as the model that we have."
    )
    page.get_by_role("button", name="Decide and sign").click()
    page.get_by_role("heading", name="Decision: Reuse a model").wait_for()
    assert SearchRecord.objects.get().decision == "reuse"


def finds_three_unknown_ones(chromium, live_server, client, models):
    wendy = factories.person("wendy", factories.wealth())
    assert not Subscription.objects.filter(application__team=factories.wealth()).exists()
    client.force_login(wendy)
    context = chromium.new_context(reduced_motion="reduce")
    value = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url)
    offered = page.get_by_role("region", name="For you")
    for model in models:
        card = offered.get_by_role("article").filter(has_text=model.name)
        expect(card).to_contain_text("3 teams")
        card.get_by_role("link", name=model.name).click()
        expect(page.locator("h1")).to_have_text(model.name)
        page.go_back()
    context.close()
    assert wendy.team_ids() == {factories.wealth().pk}
