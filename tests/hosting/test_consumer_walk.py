"""The whole way of a consumer, once, through pages, a real gateway and real clients (issue 13, Done 1).

From a request for access to the retirement of the version that it ran on. What the clock does (mail, webhooks, roll-ups, the end
of the notice) is done by the tasks that the clock calls.
"""

import re
import shutil
import warnings
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from catalog.models import ModelVersion
from consumption.changes import actions as changes
from consumption.metering import reconciliation, rollups
from consumption.models import ApiKey, Plan, Subscription, UsageEvent
from marketplace.core.errors import RuleError
from marketplace.notices import letters, webhooks
from marketplace.notices.models import WebhookDelivery
from publishing import actions as publishing
from publishing.models import Campaign
from tests import factories
from tests.ending_versions import GUIDE
from tests.gateway import REQUEST, Load, route, until
from tests.hosting.test_sdk_contract import answer_as_the_model, contract
from tests.notices import mail_server, receivers
from tests.sdks.runners import RUNNERS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("gateway_stage")]
NEW = b"/versions/2.0.0/"
MODEL = "Walked income"


@pytest.fixture
def company(gateway_stage, settings, chromium):
    """The gateway's stage with a portal, a mail server and a receiver of webhooks beside it, and two versions of one model."""
    stage = gateway_stage
    with stage.orm(), mail_server.running() as mails, receivers.running(settings) as receiver:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = mails.server_address
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.GATEWAY_INTERNAL_URL = f"http://127.0.0.1:{stage.gateway.port}"
        stage.stub.behave = answer_as_the_model
        portal = LiveServer("127.0.0.1")
        try:
            yield Company(stage, portal, mails, receiver, chromium)
        finally:
            portal.stop()


class Company:
    """What the walk needs of the world, and how its people act in it."""

    def __init__(self, stage, portal, mails, receiver, chromium):
        self.stage, self.portal, self.mails, self.receiver = stage, portal, mails, receiver
        self.chromium, self.contexts = chromium, {}
        self.first = self.version(factories.model(name=MODEL), "1.0.0")
        self.slug = self.first.model.slug
        self.path = f"/v2/models/{self.slug}/infer"
        factories.plan(
            self.first.model,
            slug="production",
            approval=Plan.Approval.OWNER,
            price_micros_per_1000=5_000_000,
            rate_per_second=1_000,
            burst=1_000,
            concurrency=100,
        )

    def version(self, entry, number):
        made = factories.published_version(entry, number)
        route(made, self.stage.stub.url)
        return made

    def page(self, who, path):
        """A page on which somebody is signed in."""
        if who not in self.contexts:
            client = Client()
            client.force_login(getattr(factories, who)())
            context = self.chromium.new_context(reduced_motion="reduce")
            context.set_default_timeout(15_000)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
            context.add_cookies([cookie | {"url": self.portal.url}])
            self.contexts[who] = context.new_page()
        page = self.contexts[who]
        page.goto(self.portal.url + path)
        return page

    def answers(self, key, path=""):
        """(status, the version that answered) of one call."""
        status, headers, _ = self.stage.gateway.infer(path or self.path, key)
        return status, headers.get("x-model-version")


def go_on(page):
    page.get_by_role("button", name="Continue", exact=True).click()


def subscribed(company):
    """Maya asks for the plan in steps, alice says yes. Returns the subscription."""
    page = company.page("maya", company.first.model.get_absolute_url())
    page.get_by_role("link", name="Get a key").first.click()
    page.get_by_label("Production").check()
    go_on(page)
    page.get_by_label("Application", exact=True).select_option("")
    page.get_by_label("New application").fill("Walked desk")
    go_on(page)
    page.get_by_label("Purpose").fill("Check the stated income of mortgage applicants.")
    page.get_by_label("Most sensitive data you send").select_option("internal")
    for question, answer in factories.USE.items():
        page.locator(f"#id_{question}").select_option(answer)
    page.get_by_label("Expected calls a month").fill("12000")
    go_on(page)
    go_on(page)
    page.get_by_label("We use it as described").check()
    page.get_by_role("button", name="Send the request").click()
    held = Subscription.objects.get(model=company.first.model)
    assert held.state == "pending", "the owner approves who gets this plan"
    answer = company.page("alice", f"/subscriptions/{held.pk}/decide/")
    answer.get_by_label("Approve").check()
    answer.get_by_label("Reason").fill("Within the intended use; welcome.")
    answer.get_by_role("button", name="Send the answer").click()
    answer.wait_for_load_state()
    held.refresh_from_db()
    assert held.state == "active"
    return held


def key_shown(page):
    """The text of a key that a page shows once."""
    page.get_by_text("it cannot be shown again").wait_for()
    return re.search(r"mkc_[0-9A-Za-z]{40,}", page.inner_text("main")).group()


def called_by_each_client(company, key):
    """One call of each client in its runtime; what is not installed is said."""
    case = contract.BY_NAME["ok"]
    where = {"gateway": f"http://127.0.0.1:{company.stage.gateway.port}", "model": company.slug}
    plan = {name: value for name, value in case.items() if name not in ("expect", "script")}
    done = []
    for runner in RUNNERS:
        if absent := [program for program in runner.needs if not shutil.which(program)]:
            warnings.warn(f"{runner.id} was not run: no {absent}", stacklevel=2)
            continue
        [outcome] = runner.run([plan | where | {"key": key}]).values()
        assert outcome["error"] is None and outcome["version"] == "1.0.0", (runner.id, outcome)
        done.append(runner.id)
    return done


def announced(company):
    """The owner announces the end of 1.0.0 with a guide, rita confirms: page, mail and webhook."""
    company.version(company.first.model, "2.0.0")
    change = publishing.deprecate(
        factories.alice(),
        company.first,
        sunset_at=timezone.now() + timedelta(days=100),
        reason="It is trained on a year of credits.",
        successor=company.first.model.versions.get(number="2.0.0"),
        guide=GUIDE,
    )
    changes.confirm(factories.rita(), change)


def moved(company, held, act):
    """A press on the page of the move."""
    page = company.page("maya", f"/subscriptions/{held.pk}/move/?to=2.0.0")
    page.get_by_role("button", name=act).click()
    page.wait_for_load_state()


def overdue(version):
    """The notice has run; the sunset was an hour ago."""
    now = timezone.now()
    begun = now - timedelta(days=100)
    ModelVersion.objects.filter(pk=version.pk).update(
        deprecated_at=begun, sunset_at=now - timedelta(hours=1)
    )
    Campaign.objects.filter(version=version).update(announced_at=begun, reached_at=begun)
    UsageEvent.objects.filter(version_id=version.pk).update(at=now - timedelta(days=3))
    rolled_up()


def rolled_up():
    rollups.mark_all_stale()
    rollups.roll_up_all()
    reconciliation.count_window()


def board(company):
    """The owner's page of how far everybody is."""
    return company.page("alice", f"/models/{company.slug}/versions/1.0.0/board/")


def retire(company):
    """Alice presses the button with the name typed."""
    page = board(company)
    page.get_by_text("Retire 1.0.0…").click()
    page.get_by_label("Type").fill(f"{company.slug} 1.0.0")
    page.get_by_role("button", name="Retire 1.0.0").click()
    page.wait_for_load_state()


def test_a_consumer_from_the_request_to_the_retirement(company, tmp_path):
    maya = factories.maya()
    type(maya).objects.filter(pk=maya.pk).update(email="maya@company.example")
    held = subscribed(company)

    # a key, one call from each client, and the next key beside it
    page = company.page("maya", held.application.get_absolute_url())
    page.get_by_role("button", name="Create a key").click()
    old = key_shown(page)
    until(lambda: company.answers(old) == (200, "1.0.0"), said=company.stage.gateway.said)
    ran = called_by_each_client(company, old)
    assert "python" in ran
    page = company.page("maya", held.application.get_absolute_url())
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Make the new key").click()
    key = key_shown(page)
    until(lambda: company.answers(key)[0] == 200, said=company.stage.gateway.said)
    assert company.answers(old)[0] == 200, "both answer while they overlap"
    assert ApiKey.objects.filter(subscription=held, state__in=["active", "rotating"]).count() == 2

    # use and cost
    calls = len(ran) + 3
    until(lambda: UsageEvent.objects.filter(subscription_id=held.pk).count() >= calls, 20)
    rolled_up()
    assert "Walked desk" in company.page("maya", "/usage/?by=application").inner_text("main")
    statement = company.page("maya", "/statement/").inner_text("main")
    assert MODEL in statement and "0.0" in statement

    # the end is announced: page, mail and webhook
    hook, secret = webhooks.register(
        maya, factories.mortgage(), name="Desk", url=company.receiver.url()
    )
    company.receiver.trusts("/hook", secret)
    assert webhooks.send_challenges() == 1
    announced(company)
    notices = company.page("maya", "/notices/").inner_text("main")
    assert f"{MODEL} 1.0.0" in notices and "ends" in notices
    letters.compose()
    letters.send_due()
    assert any(
        f"{MODEL} 1.0.0" in f"{mail['subject']} {mail.get_body(('plain',)).get_content()}"
        for mail in company.mails.taken
        if "maya" in mail["to"]
    )
    webhooks.deliver_due()
    assert any(f"{MODEL} 1.0.0" in title for _, title in company.receiver.effects)
    assert not WebhookDelivery.objects.filter(webhook=hook, state="pending").exists()

    # the successor with an example of its own
    page = company.page("maya", f"/subscriptions/{held.pk}/examples/")
    page.get_by_label("Name").fill("Salaried")
    page.get_by_label("Inputs").fill('{"income": 4000, "debt": 300}')
    page.get_by_label("At least").fill("3600")
    page.get_by_role("button", name="Store the example").click()
    page.get_by_role("button", name="Run the examples").click()
    page.get_by_text("all passed").wait_for()

    # it moves with the same key while calls flow, goes back, moves again
    load = Load(company.stage.gateway, company.path, key, tmp_path, seconds=12, rate=50)
    until(lambda: company.answers(key)[1] == "1.0.0")
    moved(company, held, "Move to 2.0.0")
    until(lambda: company.answers(key)[1] == "2.0.0", said=company.stage.gateway.said)
    moved(company, held, "Undo the move")
    until(lambda: company.answers(key)[1] == "1.0.0", said=company.stage.gateway.said)
    moved(company, held, "Move to 2.0.0")
    until(lambda: company.answers(key)[1] == "2.0.0", said=company.stage.gateway.said)
    result = load.result()
    assert (result["errors"], set(result["statuses"])) == (0, {"200"}), result

    # another team has not moved: no retirement; then it has
    lagging = lagging_team(company)
    overdue(company.first)
    said = board(company).inner_text("main")
    assert "Retirement is refused" in said and "Slow desk" in said
    with pytest.raises(RuleError, match="1 application still relies on .*Slow desk"):
        publishing.retire(factories.alice(), company.first)
    Subscription.objects.filter(pk=lagging.pk).update(
        pinned_version=company.first.model.versions.get(number="2.0.0")
    )
    retire(company)
    company.first.refresh_from_db()
    assert company.first.state == "retired"
    named = f"/v2/models/{company.slug}/versions/1.0.0/infer"
    until(lambda: company.stage.gateway.infer(named, key, REQUEST)[0] == 410, 10)
    assert company.answers(key) == (200, "2.0.0"), "the key goes on"


def lagging_team(company):
    """Another team's subscription, which 1.0.0 answers; it was there before the end was announced."""
    person = factories.person("walter", factories.wealth())
    app = factories.application(by=person, one=factories.wealth(), name="Slow desk")
    held = Subscription.objects.filter(model=company.first.model).first()
    return Subscription.objects.create(
        application=app,
        model=held.model,
        plan=held.plan,
        state="active",
        version_policy="pin_exact",
        pinned_version=company.first,
        purpose="Verify income of clients.",
        requested_by=person,
    )
