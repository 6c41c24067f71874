"""Many keys that a process has not seen, or one that all ask for at once: Postgres is asked little, and nobody is refused."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.utils import timezone

from bench.load import Client
from consumption.models import ApiKey
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.config import GatewayConfig
from hosting.gateway.database import DatabaseHealth, DatabaseUnavailable
from hosting.gateway.problems import Problem
from marketplace.core import keys
from tests import factories
from tests.gateway import infer_path, raw_request, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
PEPPER = "a pepper for the keys of this test"


class Postgres:
    """Counts what it is asked, and how much at once; answers after a while."""

    def __init__(self, seconds=0.005):
        self.seconds = seconds
        self.asked = []
        self.now = self.most = 0
        self.is_unavailable = False

    async def load(self, kids):
        self.asked.append(list(kids))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        if self.is_unavailable:
            raise DatabaseUnavailable
        return [record(kid) for kid in kids if kid in TEXTS]


TEXTS = {}


def texts(count):
    """So many keys that Postgres knows."""
    for minted in (keys.mint() for _ in range(count)):
        TEXTS[minted.kid] = minted.text
    return [TEXTS[kid].encode() for kid in list(TEXTS)[-count:]]


def record(kid):
    facts = dict(
        application_id=1,
        team_id=1,
        model_id=1,
        subscription_id=1,
        key_id=1,
        epoch=0,
        networks=(),
        verified_digest=b"",
    )
    return SimpleNamespace(
        kid=kid,
        mac=keys.mac(TEXTS[kid], PEPPER),
        pepper_version=1,
        is_live=True,
        expires_at=2e9,
        **facts,
    )


def key_cache(postgres):
    return KeyCache(GatewayConfig(), {1: PEPPER}, postgres.load, lambda record: None, time.time)


async def first_call(cache, raw):
    """As a call does it: get, fetch, get again. The status of a problem, else 200."""
    try:
        while cache.get(raw, time.monotonic(), "192.0.2.1") is None:
            await cache.fetch(raw)
    except Problem as problem:
        return problem.status
    return 200


def calls(cache, raws):
    """How the first calls of all these keys, at the same moment, end."""

    async def all_at_once():
        return Counter(await asyncio.gather(*(first_call(cache, raw) for raw in raws)))

    return asyncio.run(all_at_once())


@pytest.mark.fault("F23")
def test_a_thousand_first_calls_of_one_key_ask_postgres_once():
    postgres = Postgres()
    assert calls(key_cache(postgres), texts(1) * 1000) == {200: 1000}
    assert len(postgres.asked) == 1


@pytest.mark.fault("F23")
def test_five_thousand_cold_keys_ask_a_few_questions_one_at_a_time():
    postgres = Postgres()
    assert calls(key_cache(postgres), texts(5000)) == {200: 5000}
    assert len(postgres.asked) <= 11 and postgres.most == 1
    assert sorted(kid for kids in postgres.asked for kid in kids) == sorted(list(TEXTS)[-5000:]), (
        "each key once"
    )


@pytest.mark.fault("F23")
def test_a_hundred_thousand_random_keys_ask_nothing():
    source, postgres = random.Random(23), Postgres()
    alphabet = keys.ALPHABET
    guessed = ("mkc_" + "".join(source.choices(alphabet, k=46)) for _ in range(100_000))
    cache = key_cache(postgres)
    found = Counter()
    for raw in guessed:
        try:
            found[cache.get(raw.encode(), time.monotonic(), "192.0.2.1")] += 1
        except Problem as problem:
            found[problem.status] += 1
    assert set(found) == {401, 429} and postgres.asked == [] and not cache.records


def test_cold_keys_while_postgres_is_unavailable_are_answered_503_and_loaded_when_it_is_back():
    postgres = Postgres()
    postgres.is_unavailable = True
    cache, raws = key_cache(postgres), texts(300)
    assert calls(cache, raws) == {503: 300} and len(postgres.asked) == 1
    postgres.is_unavailable, cache.health = False, DatabaseHealth(1.0)
    assert calls(cache, raws) == {200: 300}


@pytest.mark.parametrize(("age_s", "status"), [(60, 200), (121, 503)])
def test_the_call_that_finds_postgres_away_is_served_from_a_record_that_is_young_enough(
    age_s, status
):
    postgres = Postgres()
    cache, raws = key_cache(postgres), texts(1)
    assert calls(cache, raws) == {200: 1}
    cache.records[raws[0][4:12]].loaded_at -= age_s
    postgres.is_unavailable = True
    assert cache.health.is_up and calls(cache, raws) == {status: 1}
    assert len(postgres.asked) == 2


def test_only_so_many_keys_are_held_and_one_in_use_stays():
    """Issue 8, line 8: records are kept within a bound."""
    postgres, raws = Postgres(seconds=0), texts(100)
    cache = key_cache(postgres)
    cache.config = replace(GatewayConfig(), key_records=20)
    for raw in raws:
        assert calls(cache, [raw, raws[0]]) == {200: 2} and len(cache.records) <= 20
    kid = raws[0][4:12].decode()
    assert sum(kid in asked for asked in postgres.asked) <= 2


def test_keys_that_exist_and_keys_that_do_not_may_come_together():
    raws = texts(10) + [keys.mint().text.encode() for _ in range(10)]
    assert calls(key_cache(Postgres()), raws) == {200: 10, 401: 10}


def test_a_fault_in_one_load_stops_no_later_one():
    postgres, raw = Postgres(), texts(1)
    cache = key_cache(postgres)
    load, cache._load = cache._load, None
    assert calls(cache, raw) == {503: 1}
    cache._load = load
    assert calls(cache, raw) == {200: 1}


@pytest.mark.chaos
@pytest.mark.fault("F23")
def test_five_thousand_cold_keys_at_a_real_gateway(stage):
    version = stage.version()
    subscription, _ = subscriber(version)
    minted = [keys.mint() for _ in range(5000)]
    until_then = timezone.now() + timedelta(days=1)
    ApiKey.objects.bulk_create(
        ApiKey(
            kid=key.kid,
            mac=keys.mac(key.text, settings.KEY_PEPPERS[1]),
            subscription=subscription,
            name=key.kid,
            created_by=factories.maya(),
            expires_at=until_then,
        )
        for key in minted
    )
    gateway = stage.gateway
    time.sleep(1.2)
    before = gateway.count("key_loads_total")
    found = asyncio.run(flood(gateway.port, infer_path(version), [key.text for key in minted]))
    assert found == {200: 5000}
    until(lambda: gateway.count("keys") >= 5000, 5, gateway.said)
    assert gateway.count("key_loads_total") - before < 1500, "far fewer questions than keys"


async def flood(port, path, texts, connections=200):
    """Each key once, over this many connections. Statuses."""
    waiting, found = list(texts), Counter()

    async def worker():
        _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
        while waiting:
            status, _ = await client.ask(raw_request(path, waiting.pop()))
            found[status] += 1
        client.transport.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return found
