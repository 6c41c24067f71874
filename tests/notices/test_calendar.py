"""The calendar of deadlines: an address that one can revoke, and a feed that calendar programs read."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from consumption.deadlines import Deadline, Kind, calendar_feed
from consumption.models import ApiKey
from marketplace.notices.models import CalendarAddress
from tests import factories

pytestmark = pytest.mark.django_db


def path_of(person):
    return calendar_feed.url_of(calendar_feed.make_address(person)).removeprefix(
        settings.PORTAL_URL
    )


def unfolded(content):
    return content.replace(b"\r\n ", b"").decode().split("\r\n")


def test_a_key_that_ends_is_in_the_calendar_without_signing_in():
    key, _ = factories.key()
    ends = timezone.now() + timedelta(days=5)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=ends, created_at=ends - timedelta(days=90))
    answer = Client().get(path_of(factories.maya()))
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/calendar")
    lines = unfolded(answer.content)
    assert lines[0] == "BEGIN:VCALENDAR" and lines[-2] == "END:VCALENDAR"
    assert f"DTSTART:{ends:%Y%m%dT%H%M%SZ}" in lines
    assert any(line.startswith("SUMMARY:Key expires: ") for line in lines)
    assert b"Income" not in Client().get(path_of(factories.charlie())).content


def test_a_new_address_and_a_revoked_one_kill_the_old():
    maya, client = factories.maya(), Client()
    first = path_of(maya)
    second = path_of(maya)
    assert client.get(first).status_code == 404 and client.get(second).status_code == 200
    assert client.get(f"{second[:-6]}x.ics").status_code == 404
    calendar_feed.revoke_address(maya)
    assert client.get(second).status_code == 404


def test_who_was_deactivated_has_no_feed():
    gone = factories.person("gone")
    path = path_of(gone)
    gone.is_active = False
    gone.save()
    assert Client().get(path).status_code == 404


def test_the_page_makes_and_revokes(client):
    client.force_login(factories.maya())
    assert "Make an address" in client.get("/notices/calendar/").content.decode()
    client.post("/notices/calendar/", {"act": "make"})
    address = calendar_feed.url_of(CalendarAddress.objects.get())
    unsigned = address.split(":1")[0]  # the rest holds the second in which it was signed
    assert unsigned in client.get("/notices/calendar/").content.decode()
    client.post("/notices/calendar/", {"act": "revoke"})
    assert not CalendarAddress.objects.exists()


def deadline(**changed):
    facts = {
        "kind": Kind.VERSION,
        "due": datetime(2027, 3, 4, tzinfo=UTC),
        "title": "Income; verification, 1.0.0 · Loan origination",
        "url": "/models/x/",
        "text": "Ends.\nBEGIN:VALARM\r\nMove before. " + "ü" * 100,
        "act": "Move",
        "act_url": "/subscriptions/1/",
        "is_at_risk": True,
    } | changed
    return Deadline(**facts)


def test_texts_are_escaped_and_lines_are_folded_between_characters():
    content = calendar_feed.feed([deadline()])
    lines = content.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert all(line.decode() is not None for line in lines)
    whole = unfolded(content)
    assert "SUMMARY:Version ends: Income\\; verification\\, 1.0.0 · Loan origination" in whole
    assert whole.count("BEGIN:VALARM") == 1 and "TRIGGER:-P1D" in whole
    assert f"URL:{settings.PORTAL_URL}/subscriptions/1/" in whole


def test_an_event_keeps_its_identity_when_its_day_moves():
    def uid(due):
        content = calendar_feed.feed([due])
        return next(line for line in unfolded(content) if line.startswith("UID:"))

    moved = deadline(due=datetime(2027, 4, 4, tzinfo=UTC))
    assert uid(deadline()) == uid(moved) != uid(deadline(title="Another"))
