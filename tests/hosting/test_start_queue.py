"""Which versions start, and how many at once (issue 8, line 6)."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from consumption.models import Subscription
from hosting import health, start_queue
from hosting.lifecycle import LONGEST_START
from hosting.models import Deployment
from hosting.reconcile import reconcile
from tests import factories
from tests.hosting import rows
from tests.hosting.engines import FakeEngine

pytestmark = pytest.mark.django_db
State = Deployment.State


@pytest.fixture(autouse=True)
def one_at_once(settings, monkeypatch):
    cache.clear()
    settings.ENGINE_STARTS_AT_ONCE = 1
    monkeypatch.setattr(health, "is_answering", lambda url, version: True)


@pytest.fixture
def engine():
    return FakeEngine()


def started(engine):
    return set(engine.specs)


def name(version):
    return version.deployment.app_name


def run(engine, version, pid=1):
    engine.run(name(version), [pid])
    reconcile(engine)
    reconcile(engine)


def test_the_most_used_starts_first_then_the_most_subscribed_then_the_newest(engine):
    old, quiet, subscribed, busy = (
        rows.version("Old"),
        rows.version("Quiet"),
        rows.version("Subscribed"),
        rows.version("Busy", calls=9),
    )
    factories.plan(subscribed.model)
    factories.subscription(subscribed)
    Subscription.objects.update(state="active")
    order = []
    for _ in range(4):
        reconcile(engine)
        (next_one,) = started(engine) - set(order)
        order.append(next_one)
        engine.run(next_one, [len(order)])
        reconcile(engine)
    assert order == [name(one) for one in (busy, subscribed, quiet, old)]


def test_a_version_that_waits_is_told_its_position(client, engine):
    busy, rare = rows.version("Busy", calls=9), rows.version("Rare")
    another = rows.version("Another", calls=5)
    reconcile(engine)
    assert started(engine) == {name(busy)}
    assert start_queue.positions() == {another.deployment.pk: 1, rare.deployment.pk: 2}
    client.force_login(factories.alice())
    page = client.get(reverse("hosting:deployment", args=[rare.model.slug])).content.decode()
    assert "Waiting to start: 2nd" in page


def test_a_start_that_hangs_gives_its_slot_back_and_goes_on(engine):
    stuck, other = rows.version("Stuck", calls=9), rows.version("Other")
    reconcile(engine)
    Deployment.objects.filter(version=stuck).update(
        started_at=timezone.now() - start_queue.HOLDS_A_SLOT
    )
    reconcile(engine)
    assert started(engine) == {name(stuck), name(other)}
    assert Deployment.objects.get(version=stuck).state == State.STARTING


def test_an_engine_that_lost_everything_starts_a_few_at_a_time_too(engine):
    """A restart of the engine, or of the whole marketplace, is a cold start of everything that was awake."""
    first, second, third = (
        rows.deployment(label, calls=calls)
        for label, calls in (("First", 9), ("Second", 5), ("Third", 1))
    )
    for deployment in (first, second, third):
        deployment.version.cold_start_s = 3
    reconcile(engine)
    assert started(engine) == {first.app_name}
    waiting = Deployment.objects.filter(waits_for_slot=True)
    assert set(waiting) == {second, third} and {deployment.state for deployment in waiting} == {
        State.RESTARTING
    }
    assert start_queue.positions() == {second.pk: 1, third.pk: 2}
    Deployment.objects.update(started_at=timezone.now() - timedelta(hours=1))
    reconcile(engine)
    assert not Deployment.objects.filter(state=State.FAILED, waits_for_slot=True).exists(), (
        "the time in the queue is nobody's fault"
    )


def test_what_slept_needs_no_slot_when_the_engine_comes_back(engine):
    sleepers = [
        rows.deployment(f"Sleeper {number}", state=State.SCALED_TO_ZERO) for number in range(3)
    ]
    rows.deployment("Awake", calls=9)
    reconcile(engine)
    assert {one.app_name for one in sleepers} < started(engine)
    assert all(engine.specs[one.app_name].starts_asleep for one in sleepers)
    for one in sleepers:
        engine.run(one.app_name, [], target=0)
    reconcile(engine)
    assert Deployment.objects.filter(state=State.SCALED_TO_ZERO).count() == 3


def test_sleepers_that_are_to_stay_awake_wake_one_after_the_other(engine):
    """Their usage was counted, or their teams say so: all of them at once would be a cold start of everything."""
    sleepers = [
        rows.deployment(f"Sleeper {number}", state=State.SCALED_TO_ZERO, calls=number)
        for number in range(3)
    ]
    for one in sleepers:
        engine.run(one.app_name, [], target=0)
    reconcile(engine)
    Deployment.objects.update(min_replicas=1)
    for awake in range(1, 4):
        reconcile(engine)
        assert sum(spec.min_replicas for spec in engine.specs.values()) == awake
        states = dict(Deployment.objects.values_list("app_name", "state"))
        (waking,) = [name for name, state in states.items() if state == State.RESTARTING]
        assert waking == sleepers[-awake].app_name, "the most used first"
        engine.run(waking, [awake])
        reconcile(engine)
    assert set(Deployment.objects.values_list("state", "waits_for_slot")) == {(State.READY, False)}


def test_a_saturated_machine_stops_the_clock_of_a_start_but_not_for_ever(engine):
    rows.version("Slow")
    reconcile(engine)
    engine.is_busy = True
    Deployment.objects.update(started_at=timezone.now() - timedelta(minutes=10))
    reconcile(engine)
    assert Deployment.objects.get().state == State.STARTING
    engine.is_busy = False
    reconcile(engine)
    assert Deployment.objects.get().state == State.STARTING, (
        "the load has ended just now: it gets its five minutes"
    )
    engine.is_busy = True
    Deployment.objects.update(started_at=timezone.now() - LONGEST_START - timedelta(minutes=1))
    reconcile(engine)
    assert Deployment.objects.get().state == State.FAILED


def test_a_quiet_machine_gives_five_minutes(engine):
    rows.version("Slow")
    reconcile(engine)
    Deployment.objects.update(started_at=timezone.now() - timedelta(minutes=6))
    reconcile(engine)
    assert Deployment.objects.get().state == State.FAILED


@pytest.mark.parametrize("count", [1, 6])
def test_a_pass_costs_the_same_for_any_number_of_settled_versions(
    engine, count, django_assert_max_num_queries
):
    """Issue 8, line 8: what is settled and has not changed is neither written nor read one by one."""
    for number in range(count):
        one = rows.deployment(f"Model {number}", state=State.SCALED_TO_ZERO)
        engine.run(one.app_name, [], target=0)
    for _ in range(3):
        reconcile(engine)
    applied = engine.applied
    with django_assert_max_num_queries(10):
        assert reconcile(engine) is False
    assert engine.applied == applied
