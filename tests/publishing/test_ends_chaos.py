"""Notices and retirements under killed workers and beats that come twice: each effect once, nobody left out."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Subscription
from marketplace.audit.models import AuditEvent
from marketplace.notices.models import Notice
from publishing.models import Campaign
from tests import ending_versions, factories
from tests.consumption.test_two_beats import twice_at_once
from tests.consumption.test_workers_die import killed_in_between, send, supervisor
from tests.gateway import until

__all__ = ["supervisor"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]
VERSIONS, PEOPLE = 6, 12


def ending_now():
    """Versions whose next notice is due, with many to tell; half of them have moved and are past their sunset."""
    for number in range(PEOPLE):
        factories.person(f"mortgage-{number}", factories.mortgage())
    versions = [
        ending_versions.ending(factories.model(name=f"Ending {number}"), name=f"System {number}")
        for number in range(VERSIONS)
    ]
    now = timezone.now()
    announced, soon = now - timedelta(days=93), now + timedelta(days=6, hours=1)
    past = [version.pk for version in versions[: VERSIONS // 2]]
    ModelVersion.objects.filter(successor__isnull=False).update(
        deprecated_at=announced, sunset_at=soon, brownouts=[]
    )
    ModelVersion.objects.filter(pk__in=past).update(sunset_at=now - timedelta(hours=1))
    for version in versions[: VERSIONS // 2]:
        Subscription.objects.filter(pinned_version=version).update(pinned_version=version.successor)
    facts = {"announced_at": announced, "reached_at": now - timedelta(days=1), "next_at": now}
    Campaign.objects.update(**facts)
    return versions


def told(versions):
    """{(version, person): notices of the 7 days or of the retirement}."""
    keys = [f"version-end:{version.pk}:7-days:" for version in versions]
    found = Counter()
    for notice in Notice.objects.filter(key__startswith="version-end:"):
        found[next(key for key in keys if notice.key.startswith(key)), notice.recipient_id] += 1
    return found


def assert_once(versions):
    waiting, retired = versions[VERSIONS // 2 :], versions[: VERSIONS // 2]
    people = PEOPLE + 2  # maya, and alice of the owner team
    assert set(told(versions).values()) == {1}
    assert len(told(versions)) == len(waiting) * people
    for version in retired:
        version.refresh_from_db()
        assert version.state == "retired"
        events = AuditEvent.objects.filter(action="version.retire", object_id=str(version.pk))
        assert events.count() == 1
        assert Notice.objects.filter(key=f"version.retired:{version.pk}").count() == people
    assert not any(
        one.state == "retired"
        for one in ModelVersion.objects.filter(pk__in=[w.pk for w in waiting])
    )


@pytest.mark.fault("F7")
def test_a_killed_worker_tells_and_retires_once(supervisor, injected_faults):
    versions = ending_now()

    def progress():
        retired = ModelVersion.objects.filter(state="retired").count()
        done = Campaign.objects.filter(ended_at=None, next_at__gt=timezone.now()).count()
        return (retired + done) / VERSIONS

    injected_faults.add(
        killed_in_between(supervisor, "publishing.end_versions", progress, random.Random(3))
    )
    send("publishing.end_versions")
    until(lambda: supervisor.tick() or progress() == 1, 60)
    assert_once(versions)


@pytest.mark.fault("F8")
def test_two_beats_at_once_tell_and_retire_once(injected_faults):
    current_app.loader.import_default_modules()
    versions = ending_now()
    twice_at_once("publishing.end_versions")
    injected_faults.add()
    current_app.tasks["publishing.end_versions"]()
    assert_once(versions)
