"""Webhooks of teams: proof, signature, retries, rotation, replay, what is never called, and one effect for one event."""

import json
import random
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from marketplace.core import egress
from marketplace.core import webhooks as signing
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices import outbox, payloads, posting, webhooks
from marketplace.notices.actions import notify
from marketplace.notices.models import (
    Notice,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    WebhookTry,
)
from tests import factories
from tests.notices import made, receivers

pytestmark = pytest.mark.django_db


class Clock:
    """The time of the portal and of the receiver; it only goes forward."""

    def __init__(self):
        self.moment = timezone.now()

    def now(self):
        return self.moment

    def on(self, **step):
        self.moment += timedelta(**step)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock.now)
    seconds = SimpleNamespace(time=lambda: clock.moment.timestamp())
    monkeypatch.setattr(signing, "time", seconds)
    return clock


@pytest.fixture
def receiver(settings, clock):
    with receivers.running(settings) as receiver:
        yield receiver


def active(receiver, path="/hook", **facts):
    """A proven webhook of the mortgage team."""
    hook, secret = made.webhook(url=receiver.url(path), **facts)
    receiver.trusts(path, secret)
    assert webhooks.send_challenges() == 1
    hook.refresh_from_db()
    assert hook.state == "active"
    return hook, secret


def tell(number=1, kind="version.published", **facts):
    notify(
        [],
        kind,
        f"Event {number}",
        key=f"version.published:{number}",
        body="A <b>new</b> version.",
        url="/models/income-verification/",
        **{"model": "income-verification", "teams": [factories.mortgage()]} | facts,
    )


def states():
    return sorted(WebhookDelivery.objects.values_list("state", flat=True))


def test_nothing_is_sent_before_the_address_has_proven_itself(receiver):
    hook, _ = made.webhook(url=receiver.url())
    tell()
    assert webhooks.deliver_due() == 0 and receiver.posts == []
    assert webhooks.send_challenges() == 0  # the receiver does not know the secret
    hook.refresh_from_db()
    assert hook.state == "pending" and "401" in hook.problem
    assert webhooks.send_challenges() == 0 and len(receiver.posts) == 1  # asked once


def test_an_event_arrives_signed_in_a_cloudevents_envelope(receiver):
    active(receiver, application="")
    tell()
    assert webhooks.deliver_due() == 1 and states() == ["delivered"]
    _, headers, body = receiver.posts[-1]
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    event = json.loads(body)
    assert event["specversion"] == "1.0" and event["type"] == "marketplace.version.published.v1"
    assert event["subject"] == "models/income-verification" and event["source"]
    assert event["id"] == str(WebhookEvent.objects.get().pk)
    assert event["data"]["title"] == "Event 1" and event["data"]["team"] == "mortgage-origination"
    assert receiver.effects == [("/hook", "Event 1")] and receiver.refused == 0
    assert WebhookTry.objects.get().status == 204


def test_the_same_occasion_is_one_event_for_a_team(receiver):
    active(receiver)
    tell()
    tell()
    assert webhooks.deliver_due() == 1 and len(receiver.effects) == 1


def test_a_webhook_gets_only_what_it_is_for(receiver):
    active(receiver, "/app", application="loan-origination")
    active(receiver, "/kind", kinds=["quota"])
    tell(1, application="loan-origination")
    tell(2, application="other-system")
    tell(3, kind="quota", application="other-system")
    tell(4, teams=[factories.lending()])
    webhooks.deliver_due()
    assert sorted(receiver.effects) == [("/app", "Event 1"), ("/kind", "Event 3")]


def test_a_failure_is_tried_ten_times_in_three_days_and_then_given_up(receiver, clock):
    hook, _ = active(receiver)
    receiver.misbehave = lambda path: 503
    tell()
    began, waits = clock.moment, []
    while WebhookDelivery.objects.get().state == "pending":
        at = WebhookDelivery.objects.get().try_at
        waits.append((at - began).total_seconds())
        clock.moment = max(at, clock.moment)
        assert webhooks.deliver_due() == 0
    assert len(receiver.posts) == 1 + 10 and WebhookTry.objects.count() == 10
    assert waits == sorted(waits) and 50 * 3600 < waits[-1] <= 72 * 3600
    assert "503" in WebhookTry.objects.first().problem


def test_it_is_switched_off_after_three_days_without_a_delivery_and_its_team_is_told(
    receiver, clock
):
    hook, _ = active(receiver)
    receiver.misbehave = lambda path: 500
    tell(1)
    webhooks.deliver_due()
    clock.on(hours=73)
    tell(2)
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert hook.state == "disabled" and states() == ["failed", "failed"]
    told = Notice.objects.get(recipient=factories.maya(), kind="security")
    assert "switched off" in told.title and told.url == hook.get_absolute_url()
    receiver.misbehave = lambda path: None
    webhooks.challenge(factories.maya(), hook)
    assert webhooks.send_challenges() == 1
    hook.refresh_from_db()
    assert webhooks.replay_failed(factories.maya(), hook) == 2
    assert webhooks.deliver_due() == 2 and len(receiver.effects) == 2


def test_one_delivery_ends_the_count_of_failures(receiver, clock):
    hook, _ = active(receiver)
    receiver.misbehave = lambda path: 500
    tell(1)
    webhooks.deliver_due()
    receiver.misbehave = lambda path: None
    clock.on(hours=71)
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert hook.failing_since is None and hook.problem == "" and states() == ["delivered"]


def test_a_receiver_that_is_gone_is_switched_off_at_once(receiver):
    hook, _ = active(receiver)
    receiver.misbehave = lambda path: 410
    tell()
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert hook.state == "disabled"


def test_both_secrets_sign_while_they_rotate(receiver, clock):
    hook, old = active(receiver)
    hook, new = webhooks.rotate(factories.maya(), hook)
    tell(1)
    webhooks.deliver_due()
    receiver.trusts("/hook", new)
    tell(2)
    webhooks.deliver_due()
    assert len(receiver.effects) == 2 and receiver.refused == 0 and old != new
    receiver.trusts("/hook", old)
    clock.on(hours=25)
    tell(3)
    webhooks.deliver_due()
    assert receiver.refused == 1 and len(receiver.effects) == 2


def test_a_replay_has_the_same_id_so_that_nothing_is_done_twice(receiver):
    active(receiver)
    tell()
    webhooks.deliver_due()
    webhooks.replay(factories.maya(), WebhookDelivery.objects.select_related("webhook").get())
    assert webhooks.deliver_due() == 1
    assert len(receiver.effects) == 1 and receiver.duplicates == 1
    with pytest.raises(NotAllowed):
        webhooks.replay(factories.alice(), WebhookDelivery.objects.get())


def test_redirects_are_not_followed(receiver):
    active(receiver)
    receiver.misbehave = lambda path: 302
    tell()
    webhooks.deliver_due()
    assert [path for path, _, _ in receiver.posts] == ["/hook", "/hook"]
    assert "302" in WebhookTry.objects.get().problem


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.1.2.3/x",
        "https://user:secret@93.184.216.34/x",
        "https://93.184.216.34:22/x",
        "nonsense",
    ],
)
def test_addresses_inside_the_network_are_refused_when_they_are_entered(url):
    with pytest.raises(Invalid) as refusal:
        made.webhook(url=url)
    assert refusal.value.field == "url" and not Webhook.objects.exists()


def test_an_address_that_moved_inside_the_network_is_not_called(receiver, settings):
    hook, _ = active(receiver)
    settings.OUTBOUND_ALLOWED, settings.OUTBOUND_ALLOWS_LOOPBACK = [], False
    Webhook.objects.filter(pk=hook.pk).update(url=receiver.url().replace("http:", "https:"))
    tell()
    webhooks.deliver_due()
    assert len(receiver.posts) == 1  # the challenge, before it moved
    assert "is not called" in WebhookTry.objects.get().problem


def test_a_receiver_that_drips_is_hung_up_on(receiver, monkeypatch):
    monkeypatch.setattr(posting, "TOTAL_S", 0.05)
    monkeypatch.setattr(posting, "ANSWER_S", 5)
    released = SimpleNamespace(wait=None)

    class Silent:
        """A connection that never answers until it is shut."""

        def __init__(self):
            self.sock, self.is_shut = self, __import__("threading").Event()

        def shutdown(self, how):
            self.is_shut.set()

        def request(self, *args):
            assert self.is_shut.wait(30)
            raise ConnectionResetError("shut")

        def close(self):
            released.wait = True

    monkeypatch.setattr(egress, "connect", lambda url, timeout: Silent())
    answer = posting.post("https://93.184.216.34/x", b"{}", {})
    assert not answer.is_good and "ConnectionResetError" in answer.problem and released.wait


@pytest.mark.parametrize("format", ["slack", "teams"])
def test_a_chat_shows_the_event_and_proves_itself_by_a_code(receiver, format):
    hook, secret = made.webhook(url=receiver.url(), format=format)
    receiver.misbehave = lambda path: 200
    webhooks.send_challenges()
    hook.refresh_from_db()
    assert hook.state == "pending" and hook.challenge.encode() in receiver.posts[-1][2]
    with pytest.raises(Invalid, match="not the code"):
        webhooks.confirm(factories.maya(), hook, "wrong")
    webhooks.confirm(factories.maya(), hook, hook.challenge)
    tell()
    assert webhooks.deliver_due() == 1
    posted = json.loads(receiver.posts[-1][2])
    if format == "slack":
        text = posted["blocks"][0]["text"]["text"]
        assert "*Event 1*" in text and "&lt;b&gt;" in text and "|Show>" in text
    else:
        card = posted["attachments"][0]["content"]
        assert card["type"] == "AdaptiveCard" and card["body"][0]["text"] == "Event 1"
        assert card["actions"][0]["url"].endswith("/models/income-verification/")


def test_the_secret_in_a_chats_address_is_shown_to_nobody(client):
    hook, _ = made.webhook(url="https://93.184.216.34/services/T0/B1/s3cret?x=1", format="slack")
    client.force_login(factories.maya())
    for path in ("/webhooks/", hook.get_absolute_url(), f"/api/v1/webhooks/{hook.pk}/"):
        page = client.get(path).content.decode()
        assert "https://93.184.216.34/" in page and "s3cret" not in page


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("code", True),
        (' {"challenge": "code"} ', True),
        ('"code"', True),
        ('{"challenge": 1}', False),
        ("[" * 1000, False),
        ("cödé", False),
        ("", False),
    ],
)
def test_an_answer_is_the_challenge_or_it_is_not(text, is_it):
    assert webhooks._repeats(text, "code") is is_it


def test_one_delivery_that_cannot_be_tried_holds_up_no_other(receiver, monkeypatch):
    active(receiver, "/bad")
    active(receiver, "/good")
    tell()
    body_of, bad = payloads.body_of, WebhookDelivery.objects.get(webhook__url__endswith="/bad")

    def broken(event, format):
        if not bad.log.exists():
            bad.log.create(took_ms=0)
            raise RuntimeError("a bug")
        return body_of(event, format)

    monkeypatch.setattr(payloads, "body_of", broken)
    assert webhooks.deliver_due() == 1 and len(receiver.effects) == 1


def test_codes_cannot_be_tried_out(receiver):
    hook, _ = made.webhook(url=receiver.url(), format="slack")
    for _ in range(webhooks.WRONG_CODES):
        with pytest.raises(Invalid):
            webhooks.confirm(factories.maya(), hook, "00")
    with pytest.raises(RuleError, match="No code is waited for"):
        webhooks.confirm(factories.maya(), hook, hook.challenge)


def test_a_team_has_ten_webhooks_and_one_that_fails_keeps_no_more_than_so_many(
    receiver, monkeypatch
):
    hook, _ = active(receiver)
    monkeypatch.setattr(webhooks, "MOST_OF_A_TEAM", 1)
    with pytest.raises(RuleError, match="at most 1"):
        made.webhook(url=receiver.url("/second"))
    monkeypatch.setattr(outbox, "MOST_WAITING", 2)
    receiver.misbehave = lambda path: 500
    for number in range(4):
        tell(number)
        webhooks.deliver_due()
    assert states() == ["failed", "failed", "pending", "pending"]


def test_the_secret_is_not_in_the_database_and_goes_when_the_webhook_goes(receiver):
    hook, secret = active(receiver)
    assert secret.encode() not in bytes(Webhook.objects.get().secret)
    webhooks.remove(factories.maya(), hook)
    assert bytes(Webhook.objects.get().secret) == b""
    assert not Webhook.objects.visible_to(factories.maya()).exists()
    tell()
    assert states() == []


def test_an_operator_switches_a_webhook_off_and_its_team_is_told(receiver):
    hook, _ = active(receiver)
    with pytest.raises(NotAllowed):
        webhooks.disable(factories.alice(), hook)
    webhooks.disable(factories.otto(), hook, "It floods a partner.")
    assert Notice.objects.filter(recipient=factories.maya(), kind="security").exists()


def test_old_events_are_forgotten(receiver, clock):
    active(receiver)
    tell()
    webhooks.deliver_due()
    assert webhooks.clean() == 0
    clock.on(days=31)
    assert webhooks.clean() == 1 and states() == []


def test_the_page_registers_shows_the_secret_once_and_changes(client, receiver):
    client.force_login(factories.maya())
    sent = {
        "team": factories.mortgage().pk,
        "name": "Pager",
        "url": receiver.url(),
        "format": "standard",
    }
    page = client.post("/webhooks/", sent)
    secret = page.context["secret"]
    assert secret.startswith("whsec_") and secret in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    hook = Webhook.objects.get()
    assert secret not in client.get(hook.get_absolute_url()).content.decode()
    assert client.post("/webhooks/", sent | {"url": "https://10.0.0.1/"}).status_code == 422
    client.post(hook.get_absolute_url(), {"name": "Pager", "kinds": ["quota"]})
    hook.refresh_from_db()
    assert hook.kinds == ["quota"]


@pytest.mark.fault("F17")
@pytest.mark.parametrize("events", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_deliveries_with_every_fault_are_as_many_effects(
    receiver, clock, monkeypatch, injected_faults, events
):
    """Each event goes to ten webhooks: failures before and after the effect, disorder, duplicates, workers that are killed."""
    chance = random.Random(20261130)
    for number in range(10):
        active(receiver, f"/{number}")
    for number in range(events):
        tell(number)
    deliveries = list(WebhookDelivery.objects.all())
    assert len(deliveries) == 10 * events
    for delivery in deliveries:  # in another order than they were made
        delivery.try_at = clock.moment - timedelta(seconds=chance.randrange(1000))
    WebhookDelivery.objects.bulk_update(deliveries, ["try_at"])
    faults = ["before", "after", 500, 429]
    receiver.misbehave = lambda path: chance.choice(faults) if chance.random() < 0.1 else None
    post, kills = posting.post, []

    def post_and_be_killed_now_and_then(*args):
        answer = post(*args)
        if chance.random() < 0.02:
            kills.append(args)
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(posting, "post", post_and_be_killed_now_and_then)
    while WebhookDelivery.objects.filter(state="pending").exists():
        try:
            webhooks.deliver_due()
        except KeyboardInterrupt:
            injected_faults.add()
        clock.on(minutes=3)
    monkeypatch.setattr(posting, "post", post)
    receiver.misbehave = lambda path: None
    for delivery in WebhookDelivery.objects.select_related("webhook__team")[:50]:
        webhooks.replay(factories.maya(), delivery)
    webhooks.deliver_due()
    assert kills and receiver.duplicates >= 50
    assert len(receiver.effects) == 10 * events == len(set(receiver.effects))
    assert states() == ["delivered"] * 10 * events


def test_what_was_tampered_with_is_refused(receiver, clock):
    hook, _ = active(receiver)
    tell()
    webhooks.deliver_due()
    path, headers, body = receiver.posts[-1]
    lower = {name.lower(): value for name, value in headers.items()}
    other = signing.secrets(f"x:{webhooks._new_secret()}")[0]
    signed = signing.signature(other.key, lower["webhook-id"], lower["webhook-timestamp"], body)
    altered = [
        (lower, body.replace(b"Event 1", b"Event 2")),
        (lower | {"webhook-id": "msg_other"}, body),
        (lower | {"webhook-timestamp": str(int(lower["webhook-timestamp"]) + 1)}, body),
        (lower | {"webhook-signature": signed}, body),
        (lower | {"webhook-signature": lower["webhook-signature"].replace("v1,", "v2,")}, body),
    ]
    for sent, content in altered:
        assert receiver.answer(path, sent, content) == (401, "not signed")
    assert receiver.answer(path, lower, body)[0] == 204  # as it was, it is a duplicate
    clock.on(seconds=301)
    assert receiver.answer(path, lower, body)[0] == 401
    assert len(receiver.effects) == 1 and payloads.AGENT in headers["User-Agent"]
