"""kill -9, restarts and reloads under load: the client's own log joined with the events, to the unit."""

import random
import signal
import time

import pytest

from consumption.metering import rollups
from consumption.models import QuotaPeriod, StaleHour, UsageEvent
from tests.consumption.billing_state import assert_agree
from tests.gateway import Load, infer_path, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
KILLS, KILL_S, CONNECTIONS = 50, 3.0, 16
RELOADS, RELOAD_S = 20, 14


def check_books(stage, subscription, said):
    """Lost 0, duplicate 0, foreign 0; sums equal at every level; nothing charged that was not answered or in flight."""
    acknowledged = said["acknowledged"]
    assert len(acknowledged) == len(set(acknowledged))
    until(
        lambda: (
            UsageEvent.objects.filter(subscription_id=subscription.pk, outcome="ok").count()
            >= len(acknowledged)
        ),
        30,
        stage.gateway.said,
    )
    time.sleep(1)
    ids = [
        event.hex
        for event in UsageEvent.objects.filter(subscription_id=subscription.pk).values_list(
            "event_id", flat=True
        )
    ]
    assert set(acknowledged) <= set(ids), f"lost {len(set(acknowledged) - set(ids))}"
    assert len(ids) == len(set(ids))
    until(lambda: rollups.roll_up_all() or not StaleHour.objects.exists(), 15)
    assert_agree()
    return ids


@pytest.mark.fault("F9")
def test_every_answered_call_survives_kill_9_of_the_workers(
    gateway, stage, injected_faults, tmp_path
):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=100_000)
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=3)
    for name in ("0", "1"):
        time.sleep(0.8)
        injected_faults.add(gateway.kill(name))
    said = load.result()
    assert injected_faults.count == 2 and said["statuses"].get("200", 0) > 50, said["statuses"]
    assert set(said["statuses"]) <= {"200", "503"}
    check_books(stage, subscription, said)
    until(
        lambda: (row := QuotaPeriod.objects.get(subscription=subscription)).leased == row.used,
        20,
        gateway.said,
    )


@pytest.mark.fault("F9")
@pytest.mark.chaos
def test_a_killed_shipping_process_goes_on_where_it_was(gateway, stage, injected_faults, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version)
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=3)
    time.sleep(1.0)
    injected_faults.add(gateway.kill("shipping"))
    said = load.result()
    assert said["errors"] == 0
    assert len(check_books(stage, subscription, said)) == len(said["acknowledged"])


@pytest.mark.fault("F10")
@pytest.mark.chaos
def test_twenty_rolling_reloads_fail_no_call(gateway, stage, injected_faults, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version)
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=RELOADS * RELOAD_S, rate=200)
    time.sleep(1.0)
    while injected_faults.count < RELOADS and not load.is_over():
        before = gateway.children()
        gateway.process.send_signal(signal.SIGHUP)
        until(
            lambda before=before: not set(gateway.children().values()) & set(before.values()),
            60,
            gateway.said,
        )
        injected_faults.add()
    assert injected_faults.count == RELOADS and not load.is_over(), (
        f"{injected_faults.count} reloads were under load"
    )
    said = load.result()
    assert said["errors"] == 0 and set(said["statuses"]) == {"200"}, said["statuses"]
    assert len(check_books(stage, subscription, said)) == len(said["acknowledged"])


@pytest.mark.fault("F9")
@pytest.mark.chaos
def test_fifty_kills_under_load_lose_no_call_that_was_answered(
    gateway, stage, injected_faults, tmp_path
):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=10_000_000)
    load = Load(
        gateway,
        infer_path(version),
        key,
        tmp_path,
        seconds=KILLS * KILL_S,
        rate=400,
        connections=CONNECTIONS,
    )
    source = random.Random(1)
    while not load.is_over():
        injected_faults.add(gateway.kill(source.choice(["0", "1", "0", "1", "shipping"])))
        time.sleep(2.0)  # the killed one works again, or there would be nobody left to kill
    said = load.result()
    assert injected_faults.count >= KILLS and said["calls"] >= 200 * said["seconds"], (
        injected_faults.count,
        said["calls"],
        said["seconds"],
    )
    check_books(stage, subscription, said)
    events = UsageEvent.objects.filter(subscription_id=subscription.pk)
    assert events.filter(outcome="unknown").count() <= CONNECTIONS * injected_faults.count
    assert not events.exclude(outcome="ok").filter(units__gt=0).exists()
    until(
        lambda: (row := QuotaPeriod.objects.get(subscription=subscription)).leased == row.used,
        30,
        gateway.said,
    )
