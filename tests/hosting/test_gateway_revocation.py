"""Revocation races with calls and loads in flight, over four processes: what started too late is answered 200 never again."""

import asyncio
import random
import threading
import time
from typing import NamedTuple

import pytest

from bench.load import Client
from consumption import actions as consumption
from consumption.models import ApiKey
from tests import factories
from tests.gateway import Faulty, answer_ok, infer_path, raw_request, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage"), pytest.mark.fault("F24"), pytest.mark.chaos]
RACES, AT_ONCE = 500, 20
WATCH_S = 60
HURRIED_S, WATCHING_S = 0.05, 2.5


class Seen(NamedTuple):
    """One call of one key: when it began and ended (seconds), and what was answered."""

    began: float
    ended: float
    status: int


class Callers:
    """Connections that call with a key again and again until the end; every few calls by another connection, so another process."""

    def __init__(self, port, path):
        self.port, self.path = port, path
        self.log = {}
        self.pause = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    def start(self, key):
        self.log[key], self.pause[key] = [], HURRIED_S
        for _ in range(2):
            asyncio.run_coroutine_threadsafe(self._call(key), self.loop)

    async def _end(self):
        calling = asyncio.all_tasks() - {asyncio.current_task()}
        for task in calling:
            task.cancel()
        await asyncio.wait(calling)

    async def _call(self, key):
        request = raw_request(self.path, key)
        while True:
            transport, client = await self.loop.create_connection(Client, "127.0.0.1", self.port)
            for _ in range(4):
                if transport.is_closing():
                    break
                began = time.monotonic()
                try:
                    status, _ = await client.ask(request)
                except OSError:
                    break
                self.log[key].append(Seen(began, time.monotonic(), status))
                await asyncio.sleep(self.pause[key])
            transport.close()


@pytest.fixture(scope="module")
def four(gateway_stage, tmp_path_factory):
    """A gateway of four processes that does not slow down guessers: every call of a dead key is looked at."""
    with Faulty(
        gateway_stage, tmp_path_factory.mktemp("four"), 4, failures_per_minute=10**9
    ) as faulty:
        yield faulty


def race(callers, subscriptions, source, revoked):
    """Keys that are called from their first moment, revoked one after the other after a random while; {key: when the revoke returned}."""
    made = [
        consumption.create_key(factories.maya(), one)
        for one in subscriptions
        for _ in range(AT_ONCE // len(subscriptions))
    ]
    source.shuffle(made)
    for row, key in made:
        callers.start(key)
        time.sleep(source.uniform(0, 0.04))
        if source.random() < 0.3:  # its first load is still in flight
            consumption.revoke_key(factories.maya(), row)
            revoked[key] = time.monotonic()
    for row, key in made:
        if key not in revoked:
            time.sleep(source.uniform(0, 0.04))
            consumption.revoke_key(factories.maya(), row)
            revoked[key] = time.monotonic()
    return [key for _, key in made]


@pytest.mark.parametrize(("redis", "within_s"), [("up", 1.0), ("away", 5.0)])
def test_nothing_that_began_too_long_after_its_revocation_is_answered(
    four, stage, injected_faults, redis, within_s
):
    def slowly(connection, head, body):
        time.sleep(0.05)
        answer_ok(connection, head, body)

    stage.stub.behave = slowly
    version = stage.version()
    subscriptions = [
        subscriber(version, app=f"Racer {number}")[0] for number in range(AT_ONCE // 5)
    ]
    revoked, source = {}, random.Random(4)
    if redis == "away":
        four.redis.set("refuse")
        until(lambda: four.gateway.metrics()["gateway_redis_up"] == 0, 5)
    with Callers(four.gateway.port, infer_path(version)) as callers:
        while len(revoked) < RACES:
            made = race(callers, subscriptions, source, revoked)
            time.sleep(within_s + 0.5)
            callers.pause.update(dict.fromkeys(made, WATCHING_S))
        time.sleep(WATCH_S)
    four.heal()
    for key, at in revoked.items():
        injected_faults.add(any(seen.began < at < seen.ended for seen in callers.log[key]))
    late = [
        seen.began - revoked[key]
        for key, log in callers.log.items()
        for seen in log
        if seen.status == 200
    ]
    assert max(late) <= within_s, (
        f"{sum(one > within_s for one in late)} calls, the last {max(late):.2f} s after the revoke"
    )
    assert {seen.status for log in callers.log.values() for seen in log} <= {200, 401, 429}
    assert injected_faults.count >= RACES / 3, "calls were in flight when their key was revoked"
    assert min(log[-1].began - revoked[key] for key, log in callers.log.items()) > WATCH_S - 10, (
        "watched until the end"
    )
    assert (
        not ApiKey.objects.filter(kid__in=[key[4:12] for key in revoked])
        .exclude(state="revoked")
        .exists()
    )
