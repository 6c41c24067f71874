"""Events = hours = days, per team and month, on a page that says in words where they are not."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consumption.metering import reconciliation, rollups
from consumption.models import ApiKey, ReconciledDay, StaleHour, UsageDay, UsageEvent, UsageHour
from tests import factories
from tests.consumption.counting import count_all
from tests.gateway import live_version, subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription(db):
    """One subscription with 12 calls of two days, rolled up."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    version = live_version()
    made, _ = subscriber(version)
    for days_ago in (0, 1):
        for _ in range(6):
            call(made, version, timezone.now() - timedelta(days=days_ago))
    rollups.mark_all_stale()
    rollups.roll_up()
    return made


def call(subscription, version, at, subscription_id=None):
    key = ApiKey.objects.get(subscription=subscription)
    return UsageEvent.objects.create(
        event_id=uuid.uuid4(),
        at=at,
        subscription_id=subscription_id or subscription.pk,
        key_id=key.pk,
        application_id=subscription.application_id,
        team_id=subscription.application.team_id,
        model_id=version.model_id,
        version_id=version.pk,
        outcome="ok",
        http_status=200,
        units=1,
        duration_us=900,
    )


def count_every_day():
    """As the sweep does it."""
    reconciliation.count_due(seconds=0)
    ReconciledDay.objects.update(due_at=timezone.now())
    assert reconciliation.count_due() > 60


def page(client):
    client.force_login(factories.finn())
    return client.get(reverse("consumption:reconciliation")).content.decode()


def test_what_was_rolled_up_agrees(client, subscription):
    found = count_all()
    assert found.wrong == [] and found.waiting_hours == 0
    assert {
        way: (count.calls, count.units) for way, count in found.totals.items()
    } == dict.fromkeys(("events", "hours", "days"), (12, 12))
    assert {line.team for line in found.lines} == {str(subscription.application.team)}
    assert "They agree." in page(client)


def test_a_changed_hour_is_told_in_words(client, subscription):
    row = UsageHour.objects.order_by("hour").last()
    UsageHour.objects.filter(pk=row.pk).update(
        calls=F("calls") + 3, ok=F("ok") + 3, units=F("units") - 1
    )
    [wrong] = count_all().wrong
    assert (
        wrong.differences == ["Hours count 3 calls more and 1 unit fewer than the events."]
        and wrong.difference == 3
    )
    text = page(client)
    assert "They do not agree." in text and wrong.differences[0] in text and "Differs" in text


def test_a_lost_day_is_told_in_words(client, subscription):
    UsageDay.objects.order_by("day").last().delete()
    assert count_all().wrong[0].differences == [
        "Days count 6 calls fewer and 6 units fewer than the events."
    ]


def test_a_call_of_nobody_is_seen(client, subscription):
    version = subscription.model.versions.get()
    call(subscription, version, timezone.now(), subscription_id=987_654)
    rollups.mark_all_stale()
    rollups.roll_up()
    [wrong] = count_all().wrong
    assert (wrong.team, wrong.events.calls, wrong.hours.calls, wrong.days.calls) == (None, 1, 0, 0)
    assert "Nobody that is known" in page(client)


def test_a_day_that_is_being_recomputed_keeps_its_last_count_and_is_told(client, subscription):
    count_all()
    now = timezone.now()
    call(subscription, subscription.model.versions.get(), now)
    StaleHour.objects.create(
        hour=now.replace(minute=0, second=0, microsecond=0), touched_at=now - timedelta(minutes=1)
    )
    found = count_all()
    assert found.wrong == [] and found.waiting_hours == 1 and found.totals["events"].calls == 12
    assert "Calls have just arrived" in page(client)
    today = ReconciledDay.objects.get(day=now.date())
    assert today.due_at <= now + reconciliation.AFTER_CHANGE + timedelta(seconds=5)
    rollups.roll_up()
    assert {way: count.calls for way, count in count_all().totals.items()} == dict.fromkeys(
        reconciliation.WAYS, 13
    )


def test_a_day_is_counted_when_it_is_due_and_no_other(subscription):
    """Issue 8, C8: by change or by due time. A day that nothing changed is counted again a day later."""
    count_every_day()
    assert (
        reconciliation.reconciliation().totals["events"].calls == 12
        and reconciliation.count_due() == 0
    )
    UsageDay.objects.all().delete()  # by nobody's verb: nothing is marked
    assert reconciliation.count_due() == 0 and reconciliation.reconciliation().wrong == []
    yesterday = timezone.now().date() - timedelta(days=1)
    ReconciledDay.objects.filter(day=yesterday).update(due_at=timezone.now())
    assert reconciliation.count_due() == 1
    assert reconciliation.reconciliation().wrong[0].differences == [
        "Days count 6 calls fewer and 6 units fewer than the events."
    ]


def test_a_roll_up_makes_its_days_due(subscription):
    count_every_day()
    call(subscription, subscription.model.versions.get(), timezone.now())
    rollups.mark_all_stale()
    rollups.roll_up()
    soon = timezone.now() + reconciliation.AFTER_CHANGE
    assert ReconciledDay.objects.filter(due_at__lte=soon).count() == 2


def test_the_page_reads_no_event(client, subscription):
    """Three months of events were summed for each reader."""
    count_all()
    with CaptureQueriesContext(connection) as queries:
        page(client)
    tables = ("consumption_usageevent", "consumption_usagehour", "consumption_usageday")
    assert not [query for query in queries if any(table in query["sql"] for table in tables)]


def test_days_before_the_window_are_forgotten(subscription):
    count_all(months=24)
    assert ReconciledDay.objects.count() > 23 * 30
    reconciliation.count_due(seconds=0)
    assert ReconciledDay.objects.count() <= 93


def test_it_is_for_finance_and_those_who_oversee(client, subscription):
    for person, expected in (
        (factories.maya(), 404),
        (factories.alice(), 404),
        (factories.vera(), 200),
        (factories.otto(), 200),
        (factories.finn(), 200),
    ):
        client.force_login(person)
        assert client.get(reverse("consumption:reconciliation")).status_code == expected, person
    link = f'href="{reverse("consumption:reconciliation")}"'
    assert link in page(client), "finance finds it in the navigation"
    client.force_login(factories.maya())
    assert link not in client.get(reverse("consumption:usage")).content.decode()


def test_more_teams_do_not_need_more_queries(client, subscription, django_assert_max_num_queries):
    client.force_login(factories.finn())
    with django_assert_max_num_queries(12):
        client.get(reverse("consumption:reconciliation"))


def test_nothing_to_compare_is_said(client, db):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    assert "No calls to compare" in page(client)


def test_what_was_loaded_at_once_is_compared_at_once(client, subscription):
    """As the demo does it with the past: no page begins with a difference that is none."""
    month = timezone.now().date().replace(day=1)
    before = (timezone.now() - timedelta(days=1)).date().replace(day=1)
    reconciliation.count_window()
    counts = [reconciliation.of_month(one) for one in {month, before}]
    assert sum(count["events"].calls for count in counts) == 12
    for count in counts:
        assert count["events"] == count["hours"] == count["days"]
