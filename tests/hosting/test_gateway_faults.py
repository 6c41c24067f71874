"""Redis, Postgres or the upstream misbehave: only 200 or 503, never 401 or 403; counted, and over when the fault is over."""

import time
from contextlib import closing
from types import SimpleNamespace

import psycopg
import pytest
import redis
from django.conf import settings

from consumption import actions as consumption
from consumption.models import ApiKey, QuotaPeriod, UsageEvent
from hosting.gateway import database
from marketplace.core import keys
from tests import factories
from tests.gateway import Faulty, infer_path, parallel, proxy_before, subscriber, through, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


@pytest.fixture(scope="module")
def faulty(gateway_stage, tmp_path_factory):
    with Faulty(gateway_stage, tmp_path_factory.mktemp("faulty")) as faulty:
        yield faulty


@pytest.fixture
def gateway(faulty, stage):
    """The gateway, all well; and all well again afterwards."""
    yield faulty.gateway
    faulty.heal()


def metric(gateway, name):
    return gateway.metrics().get(f"gateway_{name}", 0)


@pytest.mark.fault("F1", "F2")
@pytest.mark.parametrize(
    "mode",
    [
        "hang",
        *(pytest.param(mode, marks=pytest.mark.chaos) for mode in ("refuse", "slow", "reset")),
    ],
)
def test_redis_away_in_any_way_only_makes_limits_local(
    gateway, stage, faulty, injected_faults, mode
):
    version = stage.version()
    _, key = subscriber(version, rate_per_second=5000, burst=5000)
    path = infer_path(version)
    assert gateway.infer(path, key)[0] == 200
    before = metric(gateway, "degraded_decisions_total")
    injected_faults.watch(lambda: faulty.redis.injected)
    faulty.redis.set(mode)
    time.sleep(1.1)  # the lease in hand runs out
    assert {gateway.infer(path, key)[0] for _ in range(40)} == {200}
    until(
        lambda: (
            metric(gateway, "degraded_decisions_total") > before
            and metric(gateway, "redis_up") == 0
        ),
        5,
        gateway.said,
    )
    faulty.redis.set("pass")
    until(lambda: metric(gateway, "redis_up") == 1, 6, gateway.said)
    assert gateway.infer(path, key)[0] == 200


@pytest.mark.fault("F1")
@pytest.mark.chaos
def test_without_redis_the_local_limit_still_bites(gateway, stage, faulty, injected_faults):
    version = stage.version()
    _, key = subscriber(version, rate_per_second=20, burst=20)
    injected_faults.watch(lambda: faulty.redis.injected)
    faulty.redis.set("refuse")
    until(lambda: metric(gateway, "redis_up") == 0, 5)
    began = time.monotonic()
    found = []
    while time.monotonic() - began < 2:
        found.append(gateway.infer(infer_path(version), key)[0])
    assert (
        set(found) == {200, 429}
        and found.count(200) <= 1.1 * (20 + 20 * (time.monotonic() - began)) + 1
    )


@pytest.mark.fault("F3", "F25")
def test_flushing_redis_under_load_neither_resets_quotas_nor_refuses_anybody(
    gateway, stage, faulty, injected_faults
):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=25)
    server = redis.Redis.from_url(stage.gateway.redis_url)
    found = []
    for number in range(40):
        if number % 10 == 5:
            server.flushdb()
            server.script_flush()
            injected_faults.add()
        found.append(gateway.infer(infer_path(version), key)[0])
    assert found.count(200) == 25 and set(found) == {200, 429}
    assert QuotaPeriod.objects.get(subscription=subscription).leased == 25


@pytest.mark.fault("F1", "F24")
@pytest.mark.chaos
def test_revocation_without_redis_takes_at_most_five_seconds(
    gateway, stage, faulty, injected_faults
):
    version = stage.version()
    subscription, key = subscriber(version)
    assert gateway.infer(infer_path(version), key)[0] == 200
    injected_faults.watch(lambda: faulty.redis.injected)
    faulty.redis.set("refuse")
    consumption.revoke_key(factories.maya(), ApiKey.objects.get(subscription=subscription))
    until(lambda: gateway.infer(infer_path(version), key)[0] == 401, 5, gateway.said)


@pytest.mark.fault("F4")
@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_postgres_away_serves_cached_keys_and_answers_503_to_others(
    gateway, stage, faulty, injected_faults, mode
):
    version = stage.version()
    subscription, key = subscriber(version)
    _, other = subscriber(version, app="Never seen")
    path = infer_path(version)
    assert gateway.infer(path, key)[0] == 200
    injected_faults.watch(lambda: faulty.postgres.injected)
    faulty.postgres.set(mode)
    faulty.postgres.drop_all()
    by = time.monotonic() + 7
    found = set()
    while time.monotonic() < by:
        found.add(gateway.infer(path, key)[0])
        time.sleep(0.1)
    assert found == {200}
    status, headers, _ = gateway.infer(path, other)
    assert status == 503 and "retry-after" in headers
    assert gateway.infer(path, keys.mint().text)[0] == 503
    assert gateway.infer(path, "nonsense")[0] == 401, (
        "no database is needed to see that this is no key"
    )
    assert gateway.get("/v2/health/ready")[0] == 200
    faulty.postgres.set("pass")
    until(lambda: gateway.infer(path, other)[0] == 200, 5, gateway.said)
    until(
        lambda: UsageEvent.objects.filter(subscription_id=subscription.pk).count() > 30,
        15,
        gateway.said,
    )


@pytest.mark.fault("F4", "F25")
def test_postgres_away_spends_the_lease_in_hand_and_no_more(
    gateway, stage, faulty, injected_faults
):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=2000)
    path = infer_path(version)
    assert gateway.infer(path, key)[0] == 200
    time.sleep(0.3)
    leased = QuotaPeriod.objects.get(subscription=subscription).leased
    injected_faults.watch(lambda: faulty.postgres.injected)
    faulty.postgres.set("refuse")
    found = [gateway.infer(path, key)[0] for _ in range(leased + 5)]
    assert set(found) == {200, 503} and 1 <= found.count(200) <= leased
    faulty.postgres.set("pass")
    until(lambda: gateway.infer(path, key)[0] == 200, 6, gateway.said)


@pytest.mark.fault("F4")
def test_a_statement_that_is_never_answered_ends_by_itself(injected_faults):
    """A server or a proxy that hangs closes nothing: without a limit of our own, shipping waited for ever."""
    proxy = proxy_before(settings.DATABASE_URL)
    with (
        closing(proxy),
        closing(psycopg.connect(through(proxy, settings.DATABASE_URL), autocommit=True)) as raw,
    ):
        database._limit_reads(0.3, SimpleNamespace(connection=raw))
        assert raw.execute("SELECT 7").fetchone() == (7,)
        injected_faults.watch(lambda: proxy.injected)
        proxy.set("hang")
        with pytest.raises(psycopg.OperationalError):
            raw.execute("SELECT 7")


@pytest.mark.fault("F28")
@pytest.mark.chaos
def test_cut_database_replies_neither_lose_nor_double_an_event(
    gateway, stage, faulty, injected_faults
):
    version = stage.version()
    subscription, key = subscriber(version)
    path = infer_path(version)
    assert gateway.infer(path, key)[0] == 200
    injected_faults.watch(lambda: faulty.postgres.injected)
    faulty.postgres.share = 0.2
    faulty.postgres.set("cut")
    answered = [1]
    by = time.monotonic() + 6
    while time.monotonic() < by or not injected_faults.count:
        answered.append(gateway.infer(path, key)[0] == 200)
        time.sleep(0.02)
    faulty.postgres.set("pass")
    until(
        lambda: UsageEvent.objects.filter(subscription_id=subscription.pk).count() >= sum(answered),
        15,
        gateway.said,
    )
    time.sleep(1.5)
    assert (
        UsageEvent.objects.filter(subscription_id=subscription.pk).count()
        == sum(answered)
        == len(answered)
    )


@pytest.mark.fault("F23")
@pytest.mark.chaos
def test_a_hundred_first_calls_of_one_key_ask_postgres_once(gateway, stage, faulty):
    version = stage.version()
    _, key = subscriber(version)
    _, warm = subscriber(version, app="Warm")
    gateway.infer(infer_path(version), warm)
    time.sleep(1.2)
    before = metric(gateway, "key_loads_total")
    assert parallel(100, lambda _: gateway.infer(infer_path(version), key)[0]) == [200] * 100
    time.sleep(1.2)
    assert metric(gateway, "key_loads_total") - before <= 4, "one load, and the periodic refreshes"
