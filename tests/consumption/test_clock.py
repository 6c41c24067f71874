"""A gateway whose clock is hours off, or steps back in load: Postgres' clock judges, durations are monotonic, the skew is told."""

import asyncio
import hmac
import os
import signal
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection

from consumption.metering import quota
from consumption.models import ApiKey, QuotaPeriod, UsageEvent
from hosting.gateway import config
from hosting.gateway.auth import snapshot
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.clock import Clock
from hosting.gateway.limits.admission import Admission
from hosting.gateway.problems import Problem
from hosting.gateway.process.loops import BackgroundLoops
from hosting.gateway.records import SubscriptionLimits
from tests.gateway import Load, infer_path, subscriber, until

pytestmark = pytest.mark.fault("F16")
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
DAY_S = 24 * 3600
RATE, BURST = 20, 20


class Wall:
    """The machine's clock in the hands of a test; the monotonic one goes on as it is."""

    def __init__(self, monkeypatch):
        self.step_s = 0.0
        real, real_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: real() + self.step_s)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(self.step_s * 1e9))


@pytest.fixture
def wall(monkeypatch):
    return Wall(monkeypatch)


# A clock that steps


@pytest.mark.parametrize("step_s", [-1.5 * DAY_S, 1.5 * DAY_S, -3])
def test_a_step_changes_no_time_that_is_recorded_and_is_told(wall, step_s):
    clock = Clock()
    now = time.monotonic_ns()
    clock.set(1_000_000_000_000_000, now, now)
    before = clock.now_us()
    wall.step_s = step_s
    assert 0 <= clock.now_us() - before < 1_000_000
    assert clock.skew_s == pytest.approx(time.time() - 1_000_000_000, abs=1)


def test_keys_expire_by_the_clock_of_postgres(wall):
    now_s = [1000.0]
    cache = KeyCache(config.GatewayConfig(), {1: "pepper"}, None, None, lambda: now_s[0])
    raw = b"mkc_" + b"k" * 46
    record = SimpleNamespace(
        loaded_at=time.monotonic(),
        pepper_version=1,
        mac=hmac.digest(b"pepper", raw, "sha256").hex(),
        is_live=True,
        expires_at=1001.0,
        was_used=False,
        networks=(),
        verified_digest=b"",
    )
    cache.records[raw[4:12]] = record
    wall.step_s = 1.5 * DAY_S
    assert cache.get(raw, time.monotonic(), "") is record
    now_s[0] = 1002.0
    wall.step_s = -1.5 * DAY_S
    with pytest.raises(Problem):
        cache.get(raw, time.monotonic(), "")


def test_a_step_mints_no_tokens_when_redis_is_away(wall):
    redis = SimpleNamespace(is_up=False)
    gate = Admission(config.GatewayConfig(), redis, 1, None, None, None, None, None)
    limits = SubscriptionLimits(1, None)
    limits.adopt(
        SimpleNamespace(rate=RATE, burst=BURST, concurrency=1000, quota=None, environment=0)
    )
    admitted = 0
    for step_s in [0, -1.5 * DAY_S, 1.5 * DAY_S] * 30:
        wall.step_s = step_s
        try:
            gate.rate.take_local_token(limits, time.monotonic())
        except Problem:
            continue
        admitted += 1
    assert admitted <= BURST + RATE


# The month turns


MIDNIGHT_US = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * 1_000_000


def gate_with(left):
    """Admission with `left` units of each month in Postgres, which gives one at a time."""

    async def take_quota(subscription_id, start, limit, wanted, ask):
        granted = min(1, left.get(start, 0))
        left[start] = left.get(start, 0) - granted
        return granted, left[start]

    slots = SimpleNamespace(acquire=lambda limit: True, release=lambda: None)
    table = SimpleNamespace(of_subscription=lambda _: slots, of_version=lambda _: slots)
    shedder = SimpleNamespace(should_shed=lambda is_test: False)
    gate = Admission(
        config.GatewayConfig(),
        SimpleNamespace(is_up=False),
        1,
        table,
        shedder,
        take_quota,
        None,
        None,
    )
    limits = SubscriptionLimits(1, slots)
    limits.adopt(SimpleNamespace(rate=1000, burst=1000, concurrency=1000, quota=100, environment=0))
    return gate, limits


def test_a_unit_of_last_month_is_no_unit_of_this_month():
    """A call of before midnight fails after midnight, when the process has a lease of the new month already."""

    async def run():
        gate, limits = gate_with({date(2026, 11, 1): 1, date(2026, 12, 1): 1})
        began = await gate.wait(limits, 1, lambda: MIDNIGHT_US - 1)
        assert (
            await gate.wait(limits, 1, lambda: MIDNIGHT_US) == MIDNIGHT_US
            and limits.quota_units == 0
        )
        gate.release(limits, 1, began, was_charged=False)
        assert limits.quota_units == 0
        gate.release(limits, 1, MIDNIGHT_US, was_charged=False)
        assert limits.quota_units == 1

    asyncio.run(run())


def test_a_call_that_waits_over_midnight_is_recorded_in_the_month_that_pays_for_it():
    async def run():
        left = {date(2026, 11, 1): 1, date(2026, 12, 1): 1}
        gate, limits = gate_with(left)
        clock = iter([MIDNIGHT_US - 1, MIDNIGHT_US + 7, MIDNIGHT_US + 8])
        assert await gate.wait(limits, 1, clock.__next__) == MIDNIGHT_US + 8
        assert limits.period == date(2026, 12, 1) and set(left.values()) == {0}

    asyncio.run(run())


def test_nothing_is_answered_before_the_clock_of_postgres_was_read():
    """Postgres is away when the gateway starts, and comes back when changes are polled, long before the clock's loop does."""
    asked = []

    async def run(work):
        asked.append(work)
        return 1_000_000_000_000_000

    async def poll():
        asked.append("changes")

    context = SimpleNamespace(clock=Clock(), feed=SimpleNamespace(poll=poll))
    loops = BackgroundLoops(context, SimpleNamespace(run=run), None, None)
    asyncio.run(loops.poll_changes())
    assert asked == [snapshot.database_time_us, "changes"] and context.clock.is_set


# A clock that is wrong, for real


WRONG_CLOCK = """
import os, sys
told = {told!r}.get(os.environ.get("GATEWAY_WORKER"))
if told and "LD_PRELOAD" not in os.environ:
    os.environ.update(told, LD_PRELOAD={library!r}, FAKETIME_DISABLE_SHM="1")
    os.execv(sys.executable, sys.orig_argv)
"""
# The library's time.sleep fails when the monotonic clock is left alone; a worker's event loop does not use it.
ONLY_WALL = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def faketime(monkeypatch, tmp_path):
    """faketime(name={variable: value}) gives that process of the gateways that start from now on another clock."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed here (Debian: apt-get install faketime)")

    def wrong(told):
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            WRONG_CLOCK.format(told=told, library=str(LIBRARY))
        )
        monkeypatch.setenv(
            "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        )

    return wrong


def now():
    """By Postgres."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def key_that_ends(version, after, **terms):
    """(subscription, key text) with a key that ends so long from now; it may have ended."""
    subscription, text = subscriber(version, **terms)
    ApiKey.objects.filter(subscription=subscription).update(
        created_at=now() - timedelta(days=90), expires_at=now() + after
    )
    return subscription, text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "skew_s"), [("+36h", 1.5 * DAY_S), ("-36h", -1.5 * DAY_S), ("+45d", 45 * DAY_S)]
)
def test_a_worker_whose_clock_is_wrong_beside_one_whose_clock_is_right(
    billing, tmp_path, faketime, injected_faults, told, skew_s
):
    version = billing.version()
    subscription, key = key_that_ends(version, timedelta(hours=1), monthly_quota=10_000)
    _, ended = key_that_ends(version, -timedelta(hours=1))
    path = infer_path(version)
    began = now()
    faketime({"0": {"FAKETIME": told, **ONLY_WALL}, "shipping": {"FAKETIME": told}})
    with billing.new_gateway(tmp_path / "gateway", workers=2) as gateway:
        until(
            lambda: abs(gateway.count("clock_skew_seconds", worker="0") - skew_s) < 60,
            20,
            gateway.said,
        )
        until(
            lambda: "off Postgres' clock" in gateway.said() and gateway.count("models", worker="1"),
            20,
            gateway.said,
        )
        assert abs(gateway.count("clock_skew_seconds", worker="1")) < 60
        injected_faults.add()
        with stopped(gateway.children()["1"]):
            for _ in range(20):
                assert gateway.infer(path, ended)[0] == 401, "a key ends by the clock of Postgres"
                status, head, _ = gateway.infer(path, key)
                assert status == 200 and abs(date_of(head) - now()) < timedelta(seconds=30)
        until(lambda: gateway.count("calls_total", worker="0") >= 20, 10, gateway.said)
        acknowledged = set(
            Load(gateway, path, key, tmp_path, seconds=2, rate=100).result()["acknowledged"]
        )
        rows = UsageEvent.objects.filter(subscription_id=subscription.pk)
        until(
            lambda: acknowledged <= {pk.hex for pk in rows.values_list("pk", flat=True)},
            20,
            gateway.said,
        )
    ended_at = now() + timedelta(seconds=1)
    events = list(rows)
    assert all(began <= event.at <= ended_at and event.duration_us >= 0 for event in events)
    months = {quota.period_start(event.at) for event in events}
    periods = QuotaPeriod.objects.filter(subscription=subscription)
    assert {period.period_start for period in periods} == months and sum(
        period.used for period in periods
    ) == len(events)
    assert began <= ApiKey.objects.get(subscription=subscription).last_used_at <= ended_at


@contextmanager
def stopped(pid):
    """The right worker holds still, so that the wrong one answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def date_of(head):
    return datetime.strptime(head["date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)


@pytest.mark.slow
def test_a_clock_that_steps_in_load_changes_no_duration_and_mints_no_tokens(
    billing, tmp_path, faketime, injected_faults
):
    version = billing.version()
    subscription, key = subscriber(version, rate_per_second=RATE, burst=BURST, monthly_quota=10_000)
    path = infer_path(version)
    hand = tmp_path / "clock"
    hand.write_text("+0\n")
    faketime({"0": {"FAKETIME_TIMESTAMP_FILE": str(hand), "FAKETIME_NO_CACHE": "1", **ONLY_WALL}})
    began = now()
    with billing.new_gateway(tmp_path / "gateway") as gateway:
        until(lambda: gateway.infer(path, key)[0] == 200)
        seconds = 6
        load = Load(gateway, path, key, tmp_path, seconds=seconds, rate=100)
        for told, skew_s in (("-36h", -1.5 * DAY_S), ("+36h", 1.5 * DAY_S), ("-5", -5), ("+0", 0)):
            hand.write_text(f"{told}\n")
            until(
                lambda skew_s=skew_s: abs(gateway.count("clock_skew_seconds") - skew_s) < 2,
                5,
                gateway.said,
            )
            injected_faults.add()
        assert not load.is_over(), "all steps happened in load"
        said = load.result()
        assert set(said["statuses"]) == {"200", "429"} and not said["errors"]
        rows = UsageEvent.objects.filter(subscription_id=subscription.pk)
        until(
            lambda: (
                set(said["acknowledged"]) <= {pk.hex for pk in rows.values_list("pk", flat=True)}
            ),
            20,
            gateway.said,
        )
    assert said["statuses"]["200"] <= RATE * (seconds + 1) + BURST, (
        "at most one second's lease more"
    )
    ended_at = now() + timedelta(seconds=1)
    assert all(
        began <= event.at <= ended_at and 0 <= event.duration_us < seconds * 1e6 for event in rows
    )
    assert QuotaPeriod.objects.get(subscription=subscription).used == rows.count()
