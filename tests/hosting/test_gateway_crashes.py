"""kill -9, restarts and reloads under load: the client's own log joined with the events, to the unit."""

import random
import signal
import time

import pytest

from consumption import metering
from consumption.models import QuotaPeriod, UsageEvent
from tests.gateway import Load, infer_path, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


@pytest.fixture
def gateway(stage):
    return stage.gateway


def check_books(stage, subscription, said):
    """Lost 0, duplicate 0, foreign 0; sums equal at every level; nothing charged that was not answered or in flight."""
    acknowledged = said["acknowledged"]
    assert len(acknowledged) == len(set(acknowledged))
    until(
        lambda: UsageEvent.objects.filter(subscription_id=subscription.pk, outcome="ok").count() >= len(acknowledged),
        30,
        stage.gateway.said,
    )
    time.sleep(1)
    ids = [event.hex for event in UsageEvent.objects.filter(subscription_id=subscription.pk).values_list("event_id", flat=True)]
    assert set(acknowledged) <= set(ids), f"lost {len(set(acknowledged) - set(ids))}"
    assert len(ids) == len(set(ids))
    until(lambda: metering.balance()["waiting"] == {"hours": 0} or metering.roll_up() is None, 15)
    assert metering.balance()["difference"] == {"calls": 0, "units": 0}
    return ids


@pytest.mark.fault("F9")
def test_every_answered_call_survives_kill_9_of_the_workers(gateway, stage, fired, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=100_000)
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=5)
    time.sleep(1.0)
    for name in ("0", "1"):
        fired.add(gateway.kill(name))
        time.sleep(1.0)
    said = load.result()
    assert fired.count == 2 and said["statuses"].get("200", 0) > 50, said["statuses"]
    assert set(said["statuses"]) <= {"200", "503"}
    check_books(stage, subscription, said)
    until(lambda: (row := QuotaPeriod.objects.get(subscription=subscription)).leased == row.used, 20, gateway.said)
    assert metering.quota_drift() == []


@pytest.mark.fault("F9")
@pytest.mark.chaos
def test_a_killed_shipping_process_goes_on_where_it_was(gateway, stage, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version)
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=3)
    time.sleep(1.0)
    assert gateway.kill("shipping")
    said = load.result()
    assert said["errors"] == 0
    assert len(check_books(stage, subscription, said)) == len(said["acknowledged"])


@pytest.mark.fault("F10")
@pytest.mark.chaos
def test_a_rolling_reload_fails_no_call(gateway, stage, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version)
    before = gateway.children()
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=6)
    time.sleep(1.0)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: not set(gateway.children().values()) & set(before.values()), 60, gateway.said)
    said = load.result()
    assert said["errors"] == 0 and set(said["statuses"]) == {"200"}, said["statuses"]
    check_books(stage, subscription, said)


@pytest.mark.fault("F9")
@pytest.mark.soak
def test_ninety_seconds_of_random_kills(gateway, stage, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=10_000_000)
    load = Load(gateway, infer_path(version), key, tmp_path, seconds=90, rate=200)
    source, kills, until_s = random.Random(1), 0, time.monotonic() + 85
    while time.monotonic() < until_s:
        kills += gateway.kill(source.choice(["0", "1", "0", "1", "shipping"]))
        time.sleep(3)
    said = load.result()
    assert kills >= 15
    check_books(stage, subscription, said)
    until(lambda: (row := QuotaPeriod.objects.get(subscription=subscription)).leased == row.used, 30, gateway.said)
