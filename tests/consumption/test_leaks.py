"""Leaked keys: whoever finds one ends it, a person by a form, a scanner by a signed message; nobody learns whether it was live."""

import base64
import re
import time
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption import actions
from consumption.models import LeakReport
from marketplace.audit.models import AuditEvent
from marketplace.core import keys, webhooks
from marketplace.core.errors import NotAllowed
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
SECRET = b"k" * 24
URL = "/security/leaked-keys"
TOKEN = re.compile(r'csrfmiddlewaretoken" value="\w+"|x-csrftoken": "\w+"')


@pytest.fixture
def key():
    return factories.key(factories.subscription())


@pytest.fixture(autouse=True)
def scanner(settings):
    written = base64.b64encode(SECRET).decode()
    settings.LEAK_REPORT_SECRETS = webhooks.secrets(
        f"hunter:whsec_{base64.b64encode(b'n' * 24).decode()},hunter:whsec_{written}"
    )


def state(key):
    key.refresh_from_db()
    return key.state


def same_kid(text):
    """Another well-formed key of the same kid."""
    head = text[: -keys.CRC - 1] + ("a" if text[-keys.CRC - 1] != "a" else "b")
    return head + keys.checksum(head.encode())


# A person


def browser(person):
    client = Client()
    client.force_login(person)
    return client


def report(text, person=None, **more):
    return browser(person or factories.charlie()).post(
        reverse("consumption:leaked_key"), {"text": text, **more}, follow=True
    )


def test_whoever_finds_a_key_ends_it_and_its_team_and_security_are_told(key):
    key, text = key
    factories.sam()
    page = report(f'export KEY="{text}"', found_at="A public repository").content.decode()
    assert state(key) == "revoked" and "Thank you" in page and text[12:] not in page
    reason = "Reported as leaked by Charlie. Found at: A public repository"
    for person in (factories.maya(), factories.sam()):
        assert Notice.objects.get(recipient=person, title__contains="was revoked").body == reason
    event = AuditEvent.objects.get(action="key.revoke")
    assert (event.reason, event.actor.username) == (reason, "system:leaks")


def test_the_answer_and_the_record_of_who_reports_are_the_same_for_a_live_key_and_for_others(key):
    key, text = key
    pages, events = [], []
    for sent in (text, text, keys.mint().text, same_kid(text)):
        answer = report(sent)
        pages.append(TOKEN.sub("", answer.content.decode()))
        events.append(AuditEvent.objects.filter(actor=factories.charlie()).latest("pk"))
    assert len(set(pages)) == 1
    assert {event.action for event in events} == {"key.leak_report"} and {
        str(event.detail) for event in events
    } == {str(events[0].detail)}
    assert (
        AuditEvent.objects.filter(actor=factories.charlie())
        .exclude(action__in=["login", "key.leak_report"])
        .count()
        == 0
    )


def test_an_invented_text_of_the_same_kid_neither_ends_a_key_nor_hides_it(key):
    key, text = key
    report(same_kid(text))
    assert state(key) == "active"
    report(f"{text} {same_kid(text)}")
    assert state(key) == "revoked"


def test_a_text_without_a_key_comes_back_with_what_a_key_looks_like():
    answer = report("mkc_AbCd1234… is <leaked>")
    page = answer.content.decode()
    assert (
        answer.status_code == 422
        and "begins with mkc_" in page
        and "is &lt;leaked&gt;</textarea>" in page
    )
    assert not LeakReport.objects.exists()


def test_a_person_reports_twenty_times_an_hour_and_others_are_not_held_up(key):
    key, text = key
    charlie = factories.charlie()
    for _ in range(actions.REPORTS_AN_HOUR):
        actions.report_leak(charlie, keys.mint().text.encode())
    refused = report(text)
    assert (
        refused.status_code == 422
        and "within an hour" in refused.content.decode()
        and state(key) == "active"
    )
    LeakReport.objects.update(at=timezone.now() - timedelta(hours=1))
    actions.report_leak(charlie, text.encode())
    assert state(key) == "revoked"
    actions.report_leak(factories.maya(), text.encode())


def test_nothing_of_the_key_is_kept(key):
    _, text = key
    report(f"see {text}")
    for rows in (LeakReport, AuditEvent, Notice):
        assert not any(text[12:44] in str(row) for row in rows.objects.values())


def test_the_form_is_reached_from_every_page_and_from_the_keys(key):
    page = browser(factories.maya()).get(key[0].subscription.get_absolute_url()).content.decode()
    assert page.count(reverse("consumption:leaked_key")) == 1


# A scanner


def delivery(body, number="msg_1", at=None, key=SECRET, **headers):
    at = str(int(time.time()) if at is None else at)
    signed = {
        webhooks.ID: number,
        webhooks.TIMESTAMP: at,
        webhooks.SIGNATURE: webhooks.signature(key, number, at, body),
    }
    return Client(enforce_csrf_checks=True).post(
        URL, body, content_type="application/json", headers=signed | headers
    )


def test_a_signed_report_ends_the_key_and_says_nothing(key):
    key, text = key
    answer = delivery(f'[{{"token": "{text}"}}]'.encode())
    other = delivery(f'[{{"token": "{keys.mint().text}"}}]'.encode(), "msg_2")
    empty = delivery(b"[]", "msg_3")
    assert answer.status_code == 202 and answer["Cache-Control"] == "no-store"
    assert answer.content == other.content == empty.content
    assert state(key) == "revoked"
    assert AuditEvent.objects.get(action="key.revoke").reason == "Reported as leaked by hunter."
    assert (
        AuditEvent.objects.filter(
            action="key.leak_report", actor__username="system:scanner:hunter"
        ).count()
        == 2
    )


@pytest.mark.fault("F17")
def test_a_delivery_counts_once_however_often_and_in_whichever_order_it_comes(key, injected_faults):
    bodies = {f"msg_{number}": keys.mint().text.encode() for number in range(20)}
    for _ in range(3):
        for number, body in sorted(bodies.items(), key=lambda item: item[1]):
            injected_faults.add()
            assert delivery(body, number).status_code == 202
    assert (
        LeakReport.objects.count()
        == 20
        == AuditEvent.objects.filter(action="key.leak_report").count()
    )


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "forged",
    [
        {"at": 0},
        {"at": int(time.time()) + 86400},
        {"key": b"other" * 6},
        {"headers": {webhooks.SIGNATURE: "v1,AAAA"}},
        {"headers": {webhooks.SIGNATURE: ""}},
        {"headers": {webhooks.ID: "msg_9"}},
        {"headers": {webhooks.TIMESTAMP: "soon"}},
        {"headers": {webhooks.TIMESTAMP: "٣"}},
        {"headers": {webhooks.ID: ""}},
        {"headers": {webhooks.SIGNATURE: "v1,é"}},
    ],
)
def test_what_is_not_signed_well_ends_nothing(key, injected_faults, forged):
    key, text = key
    injected_faults.add()
    answer = delivery(
        text.encode(),
        at=forged.get("at"),
        key=forged.get("key", SECRET),
        **forged.get("headers", {}),
    )
    assert answer.status_code == 401 and answer.json()["type"] == "/docs/problems/not-signed"
    assert state(key) == "active" and not LeakReport.objects.exists()


def test_an_altered_byte_is_seen(key):
    key, text = key
    now = str(int(time.time()))
    signed = {
        webhooks.ID: "m",
        webhooks.TIMESTAMP: now,
        webhooks.SIGNATURE: webhooks.signature(SECRET, "m", now, b"other"),
    }
    assert (
        Client().post(URL, text.encode(), content_type="text/plain", headers=signed).status_code
        == 401
    )
    assert state(key) == "active"


def test_without_secrets_nobody_is_believed(settings, key):
    settings.LEAK_REPORT_SECRETS = []
    assert delivery(key[1].encode()).status_code == 401


def test_a_report_has_a_size():
    assert delivery(b"x" * ((1 << 20) + 1)).status_code == 413


@pytest.mark.parametrize(
    "written",
    ["hunter", "whsec_aaaa", "hunter:whsec_%%", ":whsec_" + "a" * 32, "hunter:" + "a" * 32],
)
def test_a_secret_that_is_none_ends_the_start_and_is_not_quoted(written):
    with pytest.raises(ValueError, match="is written name:whsec_") as refusal:
        webhooks.secrets(written)
    assert "aaaa" not in str(refusal.value)


# What scanners are shown


def test_the_page_for_scanners_is_open_and_its_code_is_right(client):
    page = client.get(reverse("consumption:key_pattern")).content.decode()
    assert r"\bmk[csp]_[0-9A-Za-z]{46}\b" in page and URL in page
    shown = {}
    exec(render_to_string("docs/samples/is_key.py.txt"), shown)
    text = keys.mint().text
    assert shown["is_key"](text) and not shown["is_key"](
        text[:-1] + ("a" if text[-1] != "a" else "b")
    )


def test_only_active_people_report():
    charlie = factories.charlie()
    charlie.is_active = False
    with pytest.raises(NotAllowed, match="active people"):
        actions.report_leak(charlie, keys.mint().text.encode())
