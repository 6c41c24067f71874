"""Issue 14, I1: announcements by audience with a schedule, and events with sign-up."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.announcements import actions
from marketplace.insights.events import actions as events
from marketplace.insights.following.actions import follow
from marketplace.insights.models import Announcement, SignUp
from marketplace.notices.models import Notice
from tests import adoption, factories
from tests.tiers import only

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def reads(person, announcement):
    """Is it on the person's start page, and does a notice say it?"""
    client = Client()
    client.force_login(person)
    on_home = announcement.title in client.get("/").content.decode()
    opens = client.get(announcement.get_absolute_url()).status_code == 200
    told = Notice.objects.filter(
        recipient=person, key=f"announcement:{announcement.pk}", read_at=None
    )
    return on_home, opens, told.exists()


def test_it_is_shown_at_its_time_and_leaves_at_its_end():
    factories.maya()
    now = timezone.now()
    draft = adoption.announcement(shown_from=now + DAY, shown_until=now + 3 * DAY)
    actions.schedule(factories.rita(), draft)
    assert reads(factories.maya(), draft) == (False, False, False)
    assert actions.sweep(now) == 0
    assert [actions.sweep(now + DAY) for _ in range(2)] == [1, 0]
    assert reads(factories.maya(), draft) == (True, True, True)
    actions.sweep(now + 3 * DAY)
    assert reads(factories.maya(), draft) == (False, True, False)


AUDIENCES = {
    "everybody": ({}, {"maya", "alice", "charlie"}),
    "unit": ({"unit": lambda: factories.mortgage().business_unit}, {"maya"}),
    "role": ({"role": lambda: "finance"}, {"finn"}),
    "domain": ({"domain": lambda: factories.vocabulary()["domain"]}, {"alice"}),
}


@pytest.mark.parametrize("audience", only(AUDIENCES, "domain"))
def test_its_audience_alone_reads_it(audience):
    people = {name: getattr(factories, name)() for name in ("maya", "alice", "charlie", "finn")}
    follow(people["alice"], domain=factories.vocabulary()["domain"])
    named, expected = AUDIENCES[audience]
    draft = adoption.announcement(
        audience=audience, **{name: value() for name, value in named.items()}
    )
    actions.schedule(factories.rita(), draft)
    found = {name for name, person in people.items() if reads(person, draft) == (True, True, True)}
    silent = {
        name for name, person in people.items() if reads(person, draft) == (False, False, False)
    }
    assert found >= expected and found | silent == set(people)
    assert audience == "everybody" or found == expected


def test_what_an_audience_does_not_name_is_refused_or_dropped():
    with pytest.raises(Invalid) as refused:
        adoption.announcement(audience="unit")
    assert refused.value.field == "unit"
    kept = adoption.announcement(audience="everybody", unit=factories.mortgage().business_unit)
    assert kept.unit is None
    with pytest.raises(Invalid):
        adoption.announcement(shown_until=timezone.now() + timedelta(days=100))


def test_only_drafts_change_and_only_managers_write():
    draft = adoption.announcement()
    with pytest.raises(NotAllowed):
        actions.schedule(factories.alice(), draft)
    actions.schedule(factories.rita(), draft)
    facts = {
        name: getattr(draft, name)
        for name in ("title", "text", "audience", "shown_from", "shown_until")
    }
    with pytest.raises(RuleError):
        actions.edit(factories.rita(), Announcement.objects.get(), **facts)


def test_a_text_is_text_and_its_addresses_are_links():
    draft = adoption.announcement(text="<b>Bold</b> https://models.example.com/x javascript:run()")
    client = Client()
    client.force_login(factories.rita())
    page = client.get(draft.get_absolute_url()).content.decode()
    assert "&lt;b&gt;Bold" in page and '<a href="https://models.example.com/x"' in page
    assert 'href="javascript' not in page


# ── Events ────────────────────────────────────────────────────────────────


def test_one_signs_up_withdraws_and_is_reminded():
    event = adoption.event()
    events.sign_up(factories.maya(), event)
    events.sign_up(factories.maya(), event)
    events.sign_up(factories.alice(), event)
    events.withdraw(factories.alice(), event)
    for _ in range(2):
        events.sweep(event.starts_at - timedelta(hours=20))
    (notice,) = Notice.objects.filter(key__startswith=f"event:{event.pk}")
    assert notice.recipient == factories.maya() and "Room 4" in notice.body
    events.sweep(event.ends_at)
    event.refresh_from_db()
    assert event.state == "over"
    with pytest.raises(RuleError):
        events.sign_up(factories.alice(), event)


def test_a_change_of_the_place_is_told_and_calendars_replace_it():
    event = adoption.event()
    events.sign_up(factories.maya(), event)
    client = Client()
    client.force_login(factories.maya())
    before = client.get(f"{event.get_absolute_url()}calendar.ics").content.decode()
    events.edit(factories.rita(), event, place="Room 5; floor 2")
    after = client.get(f"{event.get_absolute_url()}calendar.ics").content.decode()
    assert "SEQUENCE:0" in before and "SEQUENCE:1" in after
    assert "LOCATION:Room 5\\; floor 2" in after and "BEGIN:VEVENT\r\n" in after
    uid = next(line for line in after.splitlines() if line.startswith("UID:"))
    assert uid in before
    assert Notice.objects.filter(recipient=factories.maya(), key__contains="changed").count() == 1


def test_it_has_as_many_places_as_it_says():
    event = adoption.event(capacity=1)
    events.sign_up(factories.maya(), event)
    with pytest.raises(RuleError):
        events.sign_up(factories.alice(), event)
    events.withdraw(factories.maya(), event)
    events.sign_up(factories.alice(), event)
    with pytest.raises(Invalid):
        events.edit(factories.rita(), event, title="Other", capacity=0)


@pytest.mark.django_db(transaction=True)
def test_two_who_sign_up_at_once_do_not_share_the_last_place():
    event = adoption.event(capacity=1)
    people = [factories.maya(), factories.alice(), factories.bob()]

    def try_to(person):
        try:
            events.sign_up(person, event)
            return 1
        except RuleError:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(try_to, people)) == 1
    assert SignUp.objects.filter(withdrawn_at=None).count() == 1


def test_who_comes_is_the_managers_to_see():
    event = adoption.event()
    events.sign_up(factories.maya(), event)
    client = Client()
    client.force_login(factories.alice())
    assert client.get(f"{event.get_absolute_url()}attendance/").status_code == 404
    assert "Maya" not in client.get(event.get_absolute_url()).content.decode()
    with pytest.raises(RuleError):
        events.note_attendance(factories.rita(), event, ["maya"])
    type(event).objects.update(starts_at=timezone.now() - DAY)
    with pytest.raises(Invalid):
        events.note_attendance(factories.rita(), event, ["alice"])
    events.note_attendance(factories.rita(), event, ["maya"])
    assert SignUp.objects.get().attended is True
