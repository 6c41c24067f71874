"""Postgres is restarted ten times under calls: known keys go on, nothing is lost or doubled, and all is well within five seconds."""

import signal
import time

import pytest

from consumption.models import QuotaPeriod, StaleHour, UsageEvent
from tests.consumption.billing_state import assert_agree
from tests.gateway import Load, infer_path, live_version, subscriber, until

RESTARTS = 10
RECOVERED_S = 5  # docs/reliability.md, F5
HOW = (signal.SIGINT, signal.SIGKILL)  # as an operator does it, and as a power cut does


@pytest.mark.slow
@pytest.mark.fault("F5")
def test_ten_restarts_of_postgres_under_calls(installation, tmp_path, injected_faults):
    installation.manage("migrate", "--no-input", "--verbosity", "0")
    with installation.orm():
        version = live_version(url=installation.stub.url)
        subscription, key = subscriber(version, monthly_quota=10_000_000)
        fresh = [subscriber(version, app=f"New {number}")[1] for number in range(RESTARTS)]
    path, slowest = infer_path(version), 0.0
    with installation.gateway() as gateway:
        load = Load(gateway, path, key, tmp_path, seconds=90, rate=100)
        for number, new_key in enumerate(fresh):
            installation.restart_postgres(HOW[number % 2])
            injected_faults.add()
            began = time.monotonic()
            until(
                lambda new_key=new_key: gateway.infer(path, new_key)[0] == 200,
                RECOVERED_S,
                gateway.said,
            )
            with installation.orm():
                until(
                    lambda: UsageEvent.objects.filter(subscription_id=subscription.pk).exists(),
                    RECOVERED_S,
                    gateway.said,
                )
                before = UsageEvent.objects.count()
                until(
                    lambda before=before: UsageEvent.objects.count() > before,
                    RECOVERED_S,
                    gateway.said,
                )
            slowest = max(slowest, time.monotonic() - began)
        assert not load.is_over(), "all restarts happened under calls"
        said = load.result()
        print(f"slowest recovery {slowest:.2f} s, answers {said['statuses']}")
        assert set(said["statuses"]) <= {"200", "503"} and not said["errors"]
        assert said["statuses"]["200"] > said["calls"] * 0.9, "known keys and leases in hand go on"
        acknowledged = set(said["acknowledged"])
        with installation.orm():
            rows = UsageEvent.objects.filter(subscription_id=subscription.pk, outcome="ok")
            until(lambda: rows.count() >= len(acknowledged), 20, gateway.said)
            ids = [pk.hex for pk in rows.values_list("pk", flat=True)]
            assert set(ids) == acknowledged and len(ids) == len(acknowledged)
            assert QuotaPeriod.objects.get(subscription=subscription).used == len(ids)
            until(lambda: not StaleHour.objects.exists(), 20, gateway.said)
            assert_agree()
