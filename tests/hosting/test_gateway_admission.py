"""Who is let in: concurrency slots that all workers share, decisions that are counted, bursts, trusted proxies, networks of keys."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from consumption import actions as consumption
from consumption.models import ApiKey
from hosting.gateway.auth import trusted_proxies
from hosting.gateway.limits import shared_slots
from marketplace.audit.models import AuditEvent
from marketplace.core import keys
from marketplace.core.problem_types import BY_SLUG
from marketplace.launcher.rundir import ROOT
from marketplace.notices.models import Notice
from tests import factories
from tests.gateway import (
    answer_ok,
    free_port,
    infer_path,
    meanwhile,
    parallel,
    same_kid,
    subscriber,
    until,
)

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


def slowly(seconds):
    """An upstream that takes its time."""

    def behave(connection, head, body):
        time.sleep(seconds)
        answer_ok(connection, head, body)

    return behave


# Counted


@pytest.mark.slow
def test_without_redis_each_decision_is_counted_once_and_as_what_it_was(stage, tmp_path):
    version = stage.version()
    _, key = subscriber(version, rate_per_second=1, burst=10)
    with stage.new_gateway(tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0") as gateway:
        answers = [gateway.infer(infer_path(version), key)[0] for _ in range(30)]
        until(lambda: gateway.count("degraded_decisions_total") == 30, 5, gateway.said)
        assert gateway.count("redis_up") == 0 and set(answers) == {200, 429}
        assert gateway.count("decisions_total", decision="failure_mode_allowed") == answers.count(
            200
        )
        assert gateway.count("decisions_total", decision="over_limit") == answers.count(429)
        assert gateway.count("decisions_total", decision="ok") == 0


@pytest.fixture(scope="module")
def trio(gateway_stage, tmp_path_factory):
    """A gateway of three workers, with a long wait for slots so that only the limit itself refuses."""
    with gateway_stage.new_gateway(
        tmp_path_factory.mktemp("trio"), 3, slot_wait_s=20, first_byte_s=20
    ) as gateway:
        yield gateway


@pytest.mark.slow
def test_each_version_tells_its_refusals_and_its_calls_in_flight(stage, trio):
    quick, slow = stage.version(), stage.version()
    _, hasty = subscriber(quick, rate_per_second=1, burst=2)
    _, patient = subscriber(slow)
    time.sleep(1.2)  # the numbers are told once a second: now all earlier calls are in them
    before = trio.count("decisions_total", decision="ok")
    answers = [trio.infer(infer_path(quick), hasty)[0] for _ in range(6)]
    until(
        lambda: (
            trio.count("rejections_total", version=quick.pk, limit="rate") == answers.count(429) > 0
        ),
        5,
        trio.said,
    )
    until(
        lambda: trio.count("decisions_total", decision="ok") - before == answers.count(200) > 0,
        5,
        trio.said,
    )
    stage.stub.behave = slowly(2)
    with meanwhile(3, lambda _: trio.infer(infer_path(slow), patient)):
        until(lambda: trio.count("version_in_flight", version=slow.pk) == 3, 3, trio.said)
        assert trio.count("version_in_flight", version=quick.pk) == 0
    until(lambda: trio.count("version_in_flight", version=slow.pk) == 0, 3, trio.said)


# Slots


class Watched:
    """An upstream that knows the largest number of calls it was given at the same time."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, connection, head, body):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(self.seconds)
        finally:
            with self.lock:
                self.now -= 1
        answer_ok(connection, head, body)


def in_flight_by_worker(gateway, version):
    return [
        gateway.count("version_in_flight", version=version.pk, worker=worker) for worker in range(3)
    ]


@pytest.mark.slow
def test_three_workers_together_never_pass_the_plans_calls_at_once(stage, trio):
    version = stage.version()
    _, key = subscriber(version, concurrency=4)
    stage.stub.behave = upstream = Watched(0.02)
    answers = parallel(24, lambda _: [trio.infer(infer_path(version), key)[0] for _ in range(15)])
    assert {status for found in answers for status in found} == {200}, (
        "a slot freed by another worker is noticed"
    )
    assert upstream.most == 4


@pytest.mark.slow
def test_three_workers_together_never_pass_a_versions_calls_at_once(stage, tmp_path):
    version = stage.version()
    _, key = subscriber(version)
    stage.stub.behave = upstream = Watched(0.3)
    with stage.new_gateway(tmp_path, 3, upstream_concurrency=5) as gateway:
        answers = sum(
            parallel(30, lambda _: [gateway.infer(infer_path(version), key) for _ in range(5)]), []
        )
        until(
            lambda: gateway.count("rejections_total", version=version.pk, limit="upstream") > 0,
            5,
            gateway.said,
        )
    assert {status for status, *_ in answers} == {200, 503} and upstream.most == 5
    refused = next(json.loads(body) for status, _, body in answers if status == 503)
    assert refused["type"].endswith("/model-busy")


@pytest.mark.slow
@pytest.mark.fault("F9")
def test_a_killed_worker_leaves_no_slot_taken(stage, trio, injected_faults):
    version = stage.version()
    _, key = subscriber(version, concurrency=6)
    stage.stub.behave = slowly(8)
    with meanwhile(6, lambda _: trio.infer(infer_path(version), key)):
        held = until(
            lambda: sum(found := in_flight_by_worker(trio, version)) == 6 and found, 5, trio.said
        )
        victim = held.index(max(held))
        os.kill(trio.children()[str(victim)], signal.SIGKILL)
        injected_faults.add(int(held[victim]))
        stage.stub.behave = upstream = Watched(0.4)
        answers = parallel(
            int(held[victim]), lambda _: trio.infer(infer_path(version), key, timeout=3)
        )
        assert (
            [status for status, *_ in answers] == [200] * int(held[victim]) == [200] * upstream.most
        )


def test_the_table_has_a_row_for_each_name_and_both_sides_agree(tmp_path):
    columns = shared_slots.SlotTableColumns(tmp_path, 2)
    first, second = (
        shared_slots.SharedSlotTable(columns.fd, columns.allocate(), columns.count)
        for _ in range(2)
    )
    assert first.of_subscription(7).acquire(2) and second.of_subscription(7).acquire(2)
    assert not first.of_subscription(7).acquire(2) and not second.of_subscription(7).acquire(2)
    assert second.of_version(7).acquire(1) and not first.of_version(7).acquire(1), (
        "a version is not a subscription"
    )
    first.of_subscription(7).release()
    assert second.of_subscription(7).acquire(2) and first.of_subscription(7).in_use() == 2
    columns.release(1)
    assert first.of_subscription(7).in_use() == 0 and columns.allocate() == 1


def test_a_full_table_limits_what_is_new_per_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_slots, "ROWS", 2)
    columns = shared_slots.SlotTableColumns(tmp_path, 1)
    table = shared_slots.SharedSlotTable(columns.fd, columns.allocate(), columns.count)
    limiters = [table.of_subscription(pk) for pk in (1, 2, 3)]
    assert all(limiter.acquire(1) for limiter in limiters)
    assert not any(limiter.acquire(1) for limiter in limiters)


# Addresses


PROXY = "10.0.3.7"


@pytest.mark.parametrize(
    ("told", "caller"),
    [
        ((), PROXY),
        (("203.0.113.9",), "203.0.113.9"),
        (("198.51.100.1, 203.0.113.9",), "203.0.113.9"),
        (("127.0.0.1, 10.0.3.8, 203.0.113.9, 10.0.3.8",), "203.0.113.9"),
        (("198.51.100.1", "203.0.113.9, 10.0.3.8"), "203.0.113.9"),
        (("10.0.3.9, 10.0.3.8",), "10.0.3.9"),
        (("203.0.113.9, unknown",), PROXY),
        (("198.51.100.1, nonsense, 10.0.3.8",), "10.0.3.8"),
        (("203.0.113.9:4711",), "203.0.113.9"),
        (("[2001:db8::9]:4711",), "2001:db8::9"),
        (("2001:db8::9",), "2001:db8::9"),
        (("::ffff:203.0.113.9, ::ffff:10.0.3.8",), "203.0.113.9"),
        ((", ,",), PROXY),
        (("\xff\x00\r",), PROXY),
    ],
)
def test_the_caller_is_the_first_address_from_the_right_that_is_no_trusted_proxy(told, caller):
    proxies = trusted_proxies.TrustedProxies(["10.0.3.0/24"])
    assert proxies.contain(PROXY) and not proxies.contain("203.0.113.9")
    headers = [
        (b"host", b"models"),
        *((b"x-forwarded-for", value.encode("latin-1")) for value in told),
    ]
    assert proxies.client_of(PROXY, headers) == caller


def test_a_proxy_that_is_no_network_ends_the_start_with_a_sentence():
    assert not trusted_proxies.TrustedProxies([]).contain("127.0.0.1")
    with pytest.raises(ValueError, match="10.0.0.0/8 for all of it"):
        trusted_proxies.TrustedProxies(["10.0.3.7/8"])


def test_a_gateway_does_not_start_with_a_proxy_that_is_no_network():
    words = [sys.executable, "-m", "hosting.gateway"]
    done = subprocess.run(
        words,
        env=os.environ | {"GATEWAY_TRUSTED_PROXIES": "10.0.3.0/24,balancer"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (
        done.returncode == 1
        and "GATEWAY_TRUSTED_PROXIES cannot be used: balancer is not a network" in done.stderr
    )


def guesses(gateway, path, told, count):
    return [
        gateway.infer(path, "nonsense", x_forwarded_for=told(number))[0] for number in range(count)
    ]


@pytest.mark.slow
def test_who_is_not_trusted_cannot_escape_by_naming_other_addresses(stage, version, tmp_path):
    with stage.new_gateway(tmp_path, failures_per_minute=20) as gateway:
        found = guesses(gateway, infer_path(version), lambda number: f"203.0.113.{number}", 25)
    assert found == [401] * 20 + [429] * 5


@pytest.fixture(scope="module")
def proxied(gateway_stage, tmp_path_factory):
    """A gateway of one process that trusts this machine to be its proxy."""
    bounds = {"connections_per_address": 4, "connections": 40, "failures_per_minute": 20}
    with gateway_stage.new_gateway(
        tmp_path_factory.mktemp("proxied"), trusted_proxies="127.0.0.0/8", **bounds
    ) as gateway:
        yield gateway


def test_behind_a_trusted_proxy_each_caller_is_counted_for_itself(proxied, version):
    path = infer_path(version)
    found = guesses(
        proxied, path, lambda number: f"198.51.100.{number}, 203.0.113.9, 127.0.0.2", 25
    )
    assert found == [401] * 20 + [429] * 5, (
        "what stands left of the caller's address is the caller's own invention"
    )
    assert proxied.infer(path, "nonsense", x_forwarded_for="203.0.113.10")[0] == 401
    with contextlib.ExitStack() as opened:
        several = [
            opened.enter_context(socket.create_connection(("127.0.0.1", proxied.port)))
            for _ in range(30)
        ]
        assert all(is_live(connection) for connection in several), (
            "a proxy's connections are many callers'"
        )
        rest = [
            opened.enter_context(socket.create_connection(("127.0.0.1", proxied.port)))
            for _ in range(20)
        ]
        assert not all(is_live(connection) for connection in rest), (
            "all connections together are bounded"
        )
    until(lambda: proxied.get("/v2/health/live")[0] == 200, 5, proxied.said)


def is_live(connection):
    connection.settimeout(5)
    with contextlib.suppress(OSError):
        connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: models\r\n\r\n")
        return connection.recv(4096).startswith(b"HTTP/1.1 200 ")


# Networks of keys


def key_from(version, networks):
    """A key of a wide plan that works from these networks only."""
    subscription, _ = subscriber(version)
    return consumption.create_key(factories.maya(), subscription, networks=networks)[1]


def test_a_key_for_some_networks_is_refused_elsewhere_and_told_why(proxied, version):
    path, key = infer_path(version), key_from(version, ["203.0.113.0/24"])
    assert proxied.infer(path, key, x_forwarded_for="203.0.113.20")[0] == 200
    assert (
        proxied.get(f"/v2/models/{version.model.slug}", key, x_forwarded_for="203.0.113.20")[0]
        == 200
    )
    status, _, body = proxied.infer(path, key, x_forwarded_for="203.0.113.20, 198.51.100.1")
    problem = json.loads(body)
    assert status == 403 and problem["type"].endswith("/address-not-allowed")
    assert (
        "198.51.100.1" in problem["detail"]
        and "203.0.113" not in problem["detail"]
        and "ask the application's team" in problem["detail"]
    )
    assert proxied.get(f"/v2/models/{version.model.slug}", key)[0] == 403
    assert proxied.infer(path, same_kid(key), x_forwarded_for="198.51.100.1")[0] == 401, (
        "a wrong key is not told"
    )
    assert "address-not-allowed" in BY_SLUG


def test_without_a_trusted_proxy_no_header_brings_a_key_into_its_network(gateway, version):
    inside, outside = key_from(version, ["127.0.0.0/8"]), key_from(version, ["203.0.113.0/24"])
    assert gateway.infer(infer_path(version), inside)[0] == 200
    assert gateway.infer(infer_path(version), outside, x_forwarded_for="203.0.113.9")[0] == 403


def test_a_key_for_some_networks_that_leaks_elsewhere_is_revoked_all_the_same(gateway, version):
    key = key_from(version, ["203.0.113.0/24"])
    assert gateway.infer(f"{infer_path(version)}?key={key}", "")[0] == 400
    until(lambda: ApiKey.objects.get(kid=key[4:12]).state == "revoked", 5, gateway.said)
    told = Notice.objects.get(recipient=factories.maya(), title__contains=key[4:12])
    assert "sent in an address" in told.body


def test_networks_that_change_hold_at_every_worker_within_a_second(gateway, version):
    text = key_from(version, [])
    key = ApiKey.objects.get(kid=text[4:12])

    def answers():
        return {gateway.infer(infer_path(version), text)[0] for _ in range(12)}

    until(lambda: answers() == {200}, 5, gateway.said)
    consumption.change_networks(factories.maya(), key, ["203.0.113.0/24"])
    until(lambda: answers() == {403}, 1, gateway.said)
    consumption.change_networks(factories.maya(), key, ["203.0.113.0/24", "127.0.0.1"])
    until(lambda: answers() == {200}, 1, gateway.said)


# Peppers

SECOND = "another pepper of at least thirty-two characters"


@pytest.mark.slow
def test_a_key_moves_to_the_current_pepper_with_its_next_good_use(stage, tmp_path, monkeypatch):
    version = stage.version()
    subscription, text = subscriber(version)
    key = ApiKey.objects.get(kid=text[4:12])
    monkeypatch.setenv("KEY_PEPPER_VERSIONS", "1,2")
    monkeypatch.setenv("KEY_PEPPER_2", SECOND)
    monkeypatch.setenv("KEY_PEPPER_CURRENT", "2")
    with stage.new_gateway(tmp_path, 3) as gateway:
        assert gateway.infer(infer_path(version), same_kid(text))[0] == 401
        time.sleep(0.5)
        key.refresh_from_db()
        assert key.pepper_version == 1, "a wrong key moves nothing"
        answers = parallel(12, lambda _: gateway.infer(infer_path(version), text)[0])
        assert answers == [200] * 12
        until(lambda: ApiKey.objects.get(pk=key.pk).pepper_version == 2, 5, gateway.said)
        key.refresh_from_db()
        assert keys.verify(text, key.mac, SECOND)
        time.sleep(2)
        assert {gateway.infer(infer_path(version), text)[0] for _ in range(12)} == {200}
        assert AuditEvent.objects.filter(action="key.rehash", object_id=str(key.pk)).count() == 1
        assert text[12:] not in (tmp_path / "gateway.log").read_text()


def test_a_gateway_that_lacks_a_keys_pepper_says_503_not_401(stage):
    subscription, text = subscriber(version := stage.version())
    ApiKey.objects.filter(kid=text[4:12]).update(pepper_version=2)
    status, headers, _ = stage.gateway.infer(infer_path(version), text)
    assert status == 503 and "retry-after" in headers
