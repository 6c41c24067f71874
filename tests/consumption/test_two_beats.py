"""Two beats send every scheduled task twice, and two workers do it at the same moment: each effect happens once."""

import os
import time
from collections import Counter
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from consumption.metering import quota, shipping, usage_journal
from consumption.models import QuotaPeriod, StaleHour, UsageEvent
from marketplace.audit.models import AuditEvent, Checkpoint
from marketplace.audit.verify import find_faults
from marketplace.notices.models import Notice
from tests import factories
from tests.consumption import crash
from tests.consumption.test_exactness import assert_exact, empty, who_of
from tests.gateway import subscriber

pytestmark = [pytest.mark.chaos, pytest.mark.fault("F8")]
ROUNDS, VERSIONS = 3, 6


@pytest.fixture
def ground(billing, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "AUDIT_WITNESS_FILE", str(tmp_path / "witness.jsonl"))
    monkeypatch.setattr(settings, "ENGINE_API_URL", "http://127.0.0.1:9")
    Checkpoint.objects.all().delete()  # their witness was another test's file
    empty()
    yield billing
    empty()


def twice_at_once(name):
    """Two processes that begin with the same tenth of a second. Raises RuntimeError when one fails."""
    task, begin = current_app.tasks[name], time.monotonic() + 0.3

    def work():
        time.sleep(max(0.0, begin - time.monotonic()))
        task()

    children = [crash.start(work) for _ in range(2)]
    for child, told in children:
        with os.fdopen(told) as said:
            words = said.read()
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise RuntimeError(words)


def traces(version):
    """What the sweeps leave behind about a version, by kind."""
    version.refresh_from_db()
    record = AuditEvent.objects.filter(object_type="ModelVersion", object_id=str(version.pk))
    return (
        version.state,
        Counter(version.reviews.values_list("kind", "round", "state")),
        Counter(record.values_list("action", flat=True)),
        Counter(
            Notice.objects.filter(title__contains=version.model.name).values_list(
                "kind", "recipient"
            )
        ),
    )


def ship_calls(folder, who):
    """Thirty calls over three hours whose shipping process died before it rolled them up."""
    journal = usage_journal.UsageJournal(folder)
    quota.take(who[0], quota.period_start(timezone.now()), 1000, 30, journal.owner)
    for number in range(30):
        ticket = journal.start(time.time_ns() // 1000 - number % 3 * 3_600_000_000, who, 100, 0)
        journal.end(ticket, 1000, 200, 1, 200, usage_journal.OK)
    journal.close()
    shipping.Shipper(folder).ship()
    StaleHour.objects.update(touched_at=timezone.now() - timedelta(hours=1))


def test_every_scheduled_task_may_run_twice_at_once(ground, tmp_path, injected_faults):
    current_app.loader.import_default_modules()
    reference = factories.submitted_version(factories.model(name="Alone"))
    current_app.tasks["governance.sweep"]()
    current_app.tasks["publishing.sweep"]()
    version = ground.version()
    who = who_of(subscriber(version, monthly_quota=1000)[0], version)
    scheduled = sorted({entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()})
    made = []
    for number in range(ROUNDS):
        made += [
            factories.submitted_version(factories.model(name=f"Round {number} model {one}"))
            for one in range(VERSIONS)
        ]
        ship_calls(tmp_path / f"journal-{number}", who)
        for name in scheduled:
            twice_at_once(name)
            injected_faults.add()
    for one in made:
        assert traces(one) == traces(reference)
    assert (
        UsageEvent.objects.count()
        == QuotaPeriod.objects.get(subscription=who[0]).used
        == 30 * ROUNDS
    )
    assert_exact([who[0]])
    current_app.tasks["audit.checkpoint"]()
    assert find_faults() == [] and not AuditEvent.objects.filter(seq=None).exists()
    sizes = list(Checkpoint.objects.values_list("size", flat=True))
    assert len(sizes) == len(set(sizes)) >= ROUNDS
