"""A Celery worker is killed in the middle of a task, again and again: every effect of the task happens once."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from consumption.metering import rollups, shipping, usage_journal
from consumption.models import ApiKey, StaleHour, UsageEvent, UsageHour
from marketplace.audit.models import AuditEvent
from marketplace.launcher import processes
from marketplace.notices.models import Notice
from tests import factories
from tests.consumption.billing_state import assert_agree
from tests.gateway import live_version, subscriber, until
from tests.stack import WORKER_REDIS, on_redis, worker_on_test_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.fault("F7")]
VERSIONS, HOURS, KILLS = 20, 300, 4


@pytest.fixture
def supervisor(tmp_path):
    with worker_on_test_database(tmp_path / "killable") as supervisor:
        yield supervisor


@pytest.fixture(autouse=True)
def no_events(db):
    """The event table is not Django's own, so the flush between transactional tests passes it by."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")


def send(name):
    current_app.send_task(name, connection=current_app.connection_for_write(on_redis(WORKER_REDIS)))


def kill(supervisor):
    """SIGKILL the worker with its pool, and wait until another one works."""
    worker = supervisor.programs["worker"]
    parent = worker.child.pid
    for pid in [parent, *processes.children_by_parent().get(parent, ())]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: supervisor.tick() or (worker.child.pid != parent and worker.state == "ready"), 60)


def killed_in_between(supervisor, name, progress, source):
    """Send a task, kill its worker after a moment, as often as it takes; how many kills were between its first and last effect."""
    between = 0
    for _ in range(KILLS):
        before = progress()
        send(name)
        until(lambda before=before: supervisor.tick() or progress() != before, 30)
        time.sleep(source.uniform(0, 0.1))
        kill(supervisor)
        between += 0 < progress() < 1
        if progress() == 1:
            break
    return between


def test_checks_open_their_reviews_and_tell_of_them_once(supervisor, injected_faults):
    reference = factories.in_review_version(factories.model(name="Never disturbed"))
    versions = [
        factories.submitted_version(factories.model(name=f"Disturbed {number}"))
        for number in range(VERSIONS)
    ]

    def progress():
        return sum(one.reviews.exists() for one in versions) / VERSIONS

    injected_faults.add(
        killed_in_between(supervisor, "governance.sweep", progress, random.Random(7))
    )
    send("governance.sweep")
    until(lambda: supervisor.tick() or progress() == 1, 60)
    for version in versions:
        assert traces(version) == traces(reference)


def traces(version):
    """What a check leaves behind: reviews, record, notices, by kind."""
    record = AuditEvent.objects.filter(object_type="ModelVersion", object_id=str(version.pk))
    told = Notice.objects.filter(title__contains=version.model.name)
    version.refresh_from_db()
    return (
        version.state,
        Counter(version.reviews.values_list("kind", "round", "state")),
        Counter(record.values_list("action", flat=True)),
        Counter(told.values_list("kind", flat=True)),
    )


def test_a_roll_up_is_all_or_nothing(supervisor, injected_faults, tmp_path):
    spread_over_hours(tmp_path / "journal")
    StaleHour.objects.update(touched_at=timezone.now() - timedelta(hours=1))
    for _ in range(KILLS):
        send("consumption.roll_up")
        if caught_in_the_act(supervisor):
            kill(supervisor)
            injected_faults.add()
        done = HOURS - StaleHour.objects.count()
        assert (
            done in (HOURS, *range(0, HOURS, rollups.HOURS_AT_ONCE))
            and UsageHour.objects.count() >= done
        )
        rollups.mark_all_stale()
        StaleHour.objects.update(touched_at=timezone.now() - timedelta(hours=1))
    send("consumption.roll_up")
    until(lambda: supervisor.tick() or not StaleHour.objects.exists(), 60)
    assert (
        sum(UsageHour.objects.values_list("calls", flat=True))
        == UsageEvent.objects.count()
        == 10 * HOURS
    )
    assert_agree()


def caught_in_the_act(supervisor):
    """Wait for the roll-up's lock; False when it was over before it was seen."""
    by = time.monotonic() + 30
    with connection.cursor() as cursor:
        while StaleHour.objects.exists() and time.monotonic() < by:
            cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted")
            if cursor.fetchone():
                return True
            supervisor.tick()
    return False


def spread_over_hours(folder):
    """Ten calls in each of the last hours, as the shipping process leaves them."""
    version = live_version()
    subscription, _ = subscriber(version)
    key, application = ApiKey.objects.get(subscription=subscription), subscription.application
    who = (
        subscription.pk,
        key.pk,
        application.pk,
        application.team_id,
        version.model_id,
        version.pk,
    )
    journal = usage_journal.UsageJournal(folder)
    for number in range(10 * HOURS):
        ticket = journal.start(time.time_ns() // 1000 - number // 10 * 3_600_000_000, who, 100, 0)
        journal.end(ticket, 1000, 200, 1, 200, usage_journal.OK)
    shipper = shipping.Shipper(folder)
    until(lambda: shipper.ship() == 0, 30)
