"""Which versions sleep when nobody calls them, and who is told (issue 8, line 7)."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from consumption.models import Subscription, UsageDay
from hosting import actions, health, sleep
from hosting.models import AwakeReason, Deployment
from hosting.reconcile import reconcile
from tests import factories
from tests.hosting import rows
from tests.hosting.engines import FakeEngine

pytestmark = pytest.mark.django_db
State = Deployment.State
PROMISE = {"p95_ms": 100}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    cache.clear()
    monkeypatch.setattr(health, "is_answering", lambda url, version: True)


def judged(deployment):
    sleep.refresh()
    deployment.refresh_from_db()
    return deployment.awake_because


def subscribe(deployment, **plan):
    factories.plan(deployment.version.model)
    made = factories.subscription(deployment.version)
    Subscription.objects.update(state="active")
    for field, value in plan.items():
        setattr(made.plan, field, value)
    made.plan.save()
    return made


def used(deployment, calls):
    """So many calls of the version in the last days."""
    made = subscribe(deployment)
    team, zeros = (
        made.application.team,
        ("client_errors", "upstream_errors", "aborted", "unknown", "cost", "duration_us"),
    )
    UsageDay.objects.create(
        day=timezone.now().date() - timedelta(days=2),
        subscription=made,
        version=deployment.version,
        team=team,
        business_unit=team.business_unit,
        terms=made.plan.terms.first(),
        calls=calls,
        ok=calls,
        units=calls,
        **dict.fromkeys(zeros, 0),
    )
    deployment.version.model.calls_30d = calls
    deployment.version.model.save(update_fields=["calls_30d"])


def test_a_fresh_version_may_sleep_and_its_spec_says_so():
    engine = FakeEngine()
    version = rows.version("Fresh", sla=PROMISE)
    reconcile(engine)
    spec = engine.specs[version.deployment.app_name]
    assert (spec.min_replicas, spec.starts_asleep) == (0, False), (
        "it is started once, to prove that it runs"
    )


def test_one_that_nobody_uses_sleeps_sooner(settings):
    settings.SLEEP_AFTER_S, settings.SLEEP_UNUSED_AFTER_S = 900, 120
    engine, deployment = FakeEngine(), rows.deployment("Unused")
    reconcile(engine)
    assert engine.specs[deployment.app_name].idle_seconds == 120
    subscribe(deployment)
    reconcile(engine)
    assert engine.specs[deployment.app_name].idle_seconds == 900


def test_what_its_team_keeps_running_stays_awake():
    deployment = rows.deployment("Kept")
    actions.scale(factories.alice(), deployment, minimum=1, maximum=2, target_ongoing_requests=4)
    deployment.refresh_from_db()
    assert deployment.awake_because == AwakeReason.TEAM
    actions.scale(factories.alice(), deployment, minimum=0, maximum=2, target_ongoing_requests=4)
    deployment.refresh_from_db()
    assert deployment.awake_because == AwakeReason.NONE


def test_an_always_on_plan_keeps_it_awake_while_it_has_subscribers():
    deployment = rows.deployment("Promised")
    made = subscribe(deployment, is_always_on=True)
    assert judged(deployment) == AwakeReason.PLAN
    Subscription.objects.filter(pk=made.pk).update(state="closed")
    assert judged(deployment) == AwakeReason.NONE


def test_callers_that_do_not_wait_for_a_start_keep_it_awake():
    deployment = rows.deployment("Hurried", sla={"timeout_s": 4}, cold_start_s=3.0)
    assert judged(deployment) == AwakeReason.DEADLINE
    patient = rows.deployment("Patient", sla={"timeout_s": 60}, cold_start_s=3.0)
    assert judged(patient) == AwakeReason.NONE


@pytest.mark.parametrize(
    ("p95_ms", "calls", "expected"),
    [
        (100, 200, "latency"),
        (100, 199, ""),
        (4000, 1000, ""),
        ("", 1000, ""),
        ("nonsense", 1000, ""),
        (None, 1000, ""),
    ],
)
def test_a_promised_latency_that_is_judged_and_would_break_keeps_it_awake(p95_ms, calls, expected):
    """Below 200 calls in 30 days nobody judges the promise, as on the page."""
    deployment = rows.deployment("Quick", sla={"p95_ms": p95_ms}, cold_start_s=3.0)
    used(deployment, calls)
    assert judged(deployment) == expected


def test_an_old_version_of_a_busy_model_sleeps():
    deployment = rows.deployment("Busy", sla=PROMISE, cold_start_s=3.0)
    used(deployment, 5000)
    deployment.version.model.calls_30d = 5000
    UsageDay.objects.all().delete()
    assert judged(deployment) == AwakeReason.NONE


def test_without_sleep_all_stay_awake(settings):
    settings.SLEEP_AFTER_S = 0
    engine, deployment = FakeEngine(), rows.deployment("Any")
    reconcile(engine)
    assert engine.specs[deployment.app_name].min_replicas == 1
    sleep.refresh()
    deployment.version.refresh_from_db()
    assert deployment.version.cold_start_s is None


def test_the_cold_start_is_measured_and_told_to_the_catalog():
    engine = FakeEngine()
    version = rows.version("Fresh")
    reconcile(engine)
    deployment = Deployment.objects.get()
    engine.run(deployment.app_name, [11])
    (replica,) = engine.apps[deployment.app_name].replicas
    began = timezone.now() - timedelta(seconds=4)
    engine.begun_at(deployment.app_name, began)
    reconcile(engine)
    deployment.refresh_from_db()
    version.refresh_from_db()
    assert deployment.cold_start_s == pytest.approx(4, abs=2)
    assert version.cold_start_s == deployment.cold_start_s


def test_a_start_that_nobody_watched_is_no_measurement():
    engine = FakeEngine()
    rows.version("Fresh")
    reconcile(engine)
    deployment = Deployment.objects.get()
    engine.run(deployment.app_name, [11])  # it began months ago
    reconcile(engine)
    deployment.refresh_from_db()
    assert (deployment.state, deployment.cold_start_s) == (State.READY, None)


def test_the_page_says_whether_it_sleeps_and_why_not(client):
    client.force_login(factories.alice())

    def page(deployment):
        return client.get(
            reverse("hosting:deployment", args=[deployment.version.model.slug])
        ).content.decode()

    sleeper = rows.deployment("Sleeper", cold_start_s=2.9)
    assert (
        "Sleeps after 2 minutes without a call; the next one then waits about 3 seconds."
        in page(sleeper)
    )
    kept = rows.deployment("Kept", awake_because="plan")
    assert "Stays awake: an always-on plan has subscribers." in page(kept)
    asleep = rows.deployment("Asleep", state=State.SCALED_TO_ZERO, cold_start_s=2.9)
    assert "The next call wakes it and waits about 3 seconds." in page(asleep)


def test_a_refresh_writes_only_what_changed(django_assert_max_num_queries):
    for number in range(5):
        rows.deployment(f"Model {number}")
    sleep.refresh()
    with django_assert_max_num_queries(3):
        assert sleep.refresh() == 0


def test_what_is_not_due_is_not_judged():
    """Issue 8, C8: by due time, so many at once, not all versions every minute."""
    waits = rows.deployment("Waits")
    sleep.refresh_due()
    Deployment.objects.update(awake_because=AwakeReason.DEADLINE)
    assert sleep.refresh_due() == 0
    Deployment.objects.filter(pk=waits.pk).update(sleep_due_at=timezone.now())
    assert sleep.refresh_due() == 1


def test_more_than_are_judged_at_once_take_their_turns(monkeypatch):
    monkeypatch.setattr(sleep, "AT_ONCE", 2)
    for number in range(5):
        rows.deployment(f"Model {number}", awake_because=AwakeReason.DEADLINE)
    assert [sleep.refresh_due() for _ in range(4)] == [2, 2, 1, 0]


def test_a_subscriber_of_an_always_on_plan_does_not_wait_until_it_is_due():
    wanted = rows.deployment("Wanted")
    sleep.refresh_due()
    subscribe(wanted, is_always_on=True)
    assert sleep.refresh_due() == 1
    wanted.refresh_from_db()
    assert wanted.awake_because == AwakeReason.PLAN
