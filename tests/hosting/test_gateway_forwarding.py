"""Between the gateway and the model: what is sent again, which connections went stale, whose stream is cut."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter

import pytest
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import actions as consumption
from consumption.models import ApiKey, Subscription, UsageEvent
from hosting.gateway.addresses import Origin
from hosting.gateway.config import GatewayConfig
from hosting.gateway.upstream.circuit_breaker import RetryBudget
from hosting.gateway.upstream.connection_pool import ConnectionPool, Failure
from marketplace.core.invalidation import invalidate
from tests import factories
from tests.gateway import (
    ANSWER,
    QUICK,
    REQUEST,
    Gateway,
    http_answer,
    infer_path,
    raw_request,
    subscriber,
    until,
)
from tests.hosting.upstreams import (
    LOST,
    NOT_LOST,
    Losing,
    call_in_threads,
    closing_after,
    drip,
    hang_up,
    id_of,
)
from tests.tiers import only

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


@pytest.fixture
def gateway(lone, stage):
    return lone


@pytest.mark.slow
@pytest.mark.fault("F13")
def test_a_caller_who_reads_too_slowly_is_no_failure_of_the_model(stage, version, tmp_path):
    """It took a byte in time again and again, and the call's time ran out: the model's availability has nothing to do with that."""
    subscription, key = subscriber(version)
    stage.stub.behave = lambda connection, head, body: connection.sendall(
        http_answer(b"x" * 24_000_000)
    )
    shared = stage.gateway.database_url, stage.gateway.redis_url, stage.stub.host
    with (
        Gateway(tmp_path, 1, *shared, **QUICK | {"total_s": 1.5}) as gateway,
        socket.socket() as caller,
    ):
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        caller.connect(("127.0.0.1", gateway.port))
        caller.sendall(raw_request(infer_path(version), key))
        ((_, outcome, units),) = until(
            lambda: caller.recv(4096) and stage.called(subscription), 15, gateway.said
        )
    assert (outcome, units) == ("aborted", 0)


# ── Sent again ────────────────────────────────────────────────────────────


@pytest.mark.fault("F12", "F14")
@pytest.mark.parametrize("how", only(LOST, "hangs up", "a balancer says 502"))
def test_a_call_that_a_dying_replica_lost_is_sent_again_and_charged_once(
    gateway, stage, version, injected_faults, how
):
    subscription, key = subscriber(version)
    losing = stage.stub.behave = Losing(LOST[how])
    status, headers, body = gateway.infer(infer_path(version), key)
    assert (status, body) == (200, ANSWER)
    assert losing.came == {headers["x-request-id"]: 2} and [
        sent for _, sent in stage.stub.seen
    ] == [REQUEST, REQUEST]
    until(lambda: stage.called(subscription), 5, gateway.said)
    assert stage.called(subscription) == [(headers["x-request-id"], "ok", 1)]
    until(lambda: gateway.count("retries_total", version=version.pk) == 1, 5)
    injected_faults.add(losing.injected)


@pytest.mark.parametrize("how", NOT_LOST)
def test_what_the_upstream_decided_is_not_asked_again(gateway, stage, version, how):
    _, key = subscriber(version)
    stage.stub.behave, expected = NOT_LOST[how]
    assert gateway.infer(infer_path(version), key)[0] == expected
    assert len(stage.stub.seen) == 1


@pytest.mark.fault("F12")
@pytest.mark.parametrize("how", only(("hangs up", "resets", "the ingress says 500"), "hangs up"))
def test_an_external_endpoint_that_took_the_request_is_not_asked_twice(
    gateway, stage, external, injected_faults, how
):
    subscription, key = subscriber(external)
    stage.stub.behave = LOST[how]
    assert gateway.infer(infer_path(external), key)[0] == 502
    assert len(stage.stub.seen) == 1
    until(
        lambda: [row[1:] for row in stage.called(subscription)] == [("upstream_error", 0)],
        5,
        gateway.said,
    )
    injected_faults.add(1)


def test_an_answer_that_has_begun_is_never_begun_again(gateway, stage, version):
    subscription, key = subscriber(version)

    def begin_and_stop(connection, head, body):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
        )
        for _ in range(4):
            connection.sendall(b'{"a":')
            time.sleep(0.1)
        return False

    stage.stub.behave = begin_and_stop
    assert gateway.infer(infer_path(version), key)[0] == 0, (
        "a cut connection is the only honest sign left"
    )
    assert len(stage.stub.seen) == 1
    until(
        lambda: [row[1:] for row in stage.called(subscription)] == [("upstream_error", 0)],
        5,
        gateway.said,
    )


def test_what_is_left_of_the_deadline_bounds_the_second_try(gateway, stage, version):
    _, key = subscriber(version)

    def lose_late(connection, head, body):
        time.sleep(QUICK["first_byte_s"] * 0.9)
        return False

    stage.stub.behave = lose_late
    assert gateway.infer(infer_path(version), key)[0] == 502
    assert len(stage.stub.seen) == 1


@pytest.mark.slow
@pytest.mark.fault("F12")
def test_retries_stay_within_their_budget(gateway, stage, version, injected_faults):
    _, key = subscriber(version)
    losing = stage.stub.behave = Losing(hang_up)
    began = time.monotonic()
    found = Counter(gateway.infer(infer_path(version), key)[0] for _ in range(40))
    most = 10 + 0.1 * 40 + (time.monotonic() - began) + 1
    assert 10 <= found[200] <= most and found[502] >= 5, found
    again = sum(count - 1 for count in losing.came.values())
    assert again == found[200]
    until(lambda: gateway.count("retries_total", version=version.pk) == again, 5)
    until(lambda: gateway.count("retries_denied_total", version=version.pk) >= 5, 5)
    injected_faults.add(losing.injected)


def test_a_budget_is_a_tenth_of_the_calls_and_a_floor():
    budget = RetryBudget(GatewayConfig())
    assert sum(budget.withdraw(100.0) for _ in range(50)) == 10, "the floor"
    for _ in range(300):
        budget.deposit()
    assert sum(budget.withdraw(100.0) for _ in range(50)) == 30, "a tenth of 300"
    assert sum(budget.withdraw(103.0) for _ in range(50)) == 3, "one a second"
    assert sum(budget.withdraw(9000.0) for _ in range(50)) == 10
    assert budget.denied == 40 + 20 + 47 + 40


# ── Connections that went stale ───────────────────────────────────────────


@pytest.mark.fault("F12")
@pytest.mark.parametrize("k", only((1, 2, 5), 2))
def test_connections_that_the_model_closed_meanwhile_fail_nobody(
    gateway, stage, version, injected_faults, k
):
    subscription, key = subscriber(version)
    closed = []
    stage.stub.behave = closing_after(k, closed)
    assert call_in_threads(gateway, infer_path(version), key, 4, 30) == {200: 120}
    assert len(closed) >= 20
    until(
        lambda: (
            UsageEvent.objects.filter(
                subscription_id=subscription.pk, outcome="ok", units=1
            ).count()
            == 120
        ),
        10,
        gateway.said,
    )
    assert UsageEvent.objects.filter(subscription_id=subscription.pk).count() == 120
    injected_faults.add(len(closed))


@pytest.mark.fault("F12")
@pytest.mark.parametrize("k", [1, 3])
def test_connections_that_an_external_endpoint_closed_meanwhile_fail_nobody_and_repeat_nothing(
    gateway, stage, external, injected_faults, k
):
    _, key = subscriber(external)
    closed = []
    stage.stub.behave = closing_after(k, closed)
    assert call_in_threads(gateway, infer_path(external), key, 1, 40) == {200: 40}
    assert set(Counter(id_of(head) for head, _ in stage.stub.seen).values()) == {1}
    injected_faults.add(len(closed))


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged", b"HTTP/1.1 200 OK\r\nx-a: ", b"\0"],
)
def test_what_an_upstream_says_unasked_reaches_nobody(
    gateway, stage, external, injected_faults, more
):
    _, key = subscriber(external)
    stage.stub.behave = lambda connection, head, body: connection.sendall(
        http_answer(ANSWER) + more
    )
    assert [gateway.infer(infer_path(external), key)[::2] for _ in range(10)] == [
        (200, ANSWER)
    ] * 10
    injected_faults.add(len(stage.stub.seen))


def test_headers_behind_a_running_call_are_bounded_too(gateway, stage, version):
    _, key = subscriber(version)
    stage.stub.behave = lambda *_: time.sleep(0.9)
    with (
        socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as client,
        pytest.raises(OSError),
    ):
        client.sendall(raw_request(infer_path(version), key))
        until(lambda: stage.stub.seen, 5)
        client.sendall(b"POST /v2/models/x/infer HTTP/1.1\r\nHost: g\r\n")
        for number in range(2000):
            client.sendall(b"X-%d: %b\r\n" % (number, b"y" * 500))
            time.sleep(0.0005)


class Asker:
    """The pool's side of one exchange."""

    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()

    def on_head(self, status, headers):
        pass

    def on_data(self, data):
        pass

    def on_done(self):
        self.ended.set_result("done")

    def on_failure(self, failure, is_unread):
        self.ended.set_result((failure, is_unread))


@pytest.mark.parametrize("reads_first", [False, True])
def test_a_request_that_nobody_took_is_told_from_one_that_was_taken(reads_first):
    """The upstream closes while the loop looks elsewhere, so that the next request is written into a closed connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    may_close, has_closed = threading.Event(), threading.Event()

    def serve():
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(http_answer(ANSWER))
        if reads_first:
            connection.recv(65536)
        else:
            may_close.wait(5)
        connection.close()
        has_closed.set()

    async def ask():
        pool = ConnectionPool(GatewayConfig(), lambda origin: origin.host)
        origin = Origin("127.0.0.1", listener.getsockname()[1], False, is_external=True)
        first, second = Asker(), Asker()
        (await pool.open(origin)).exchange(
            first, [b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"], 5
        )
        assert await first.ended == "done"
        if not reads_first:
            may_close.set()
            assert has_closed.wait(5)
        pool.take(origin).exchange(second, [b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nok"], 5)
        return await asyncio.wait_for(second.ended, 5)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        assert asyncio.run(ask()) == (Failure.HUNG_UP, not reads_first)


# ── Streams are cut ───────────────────────────────────────────────────────


def revoke(subscription, version):
    consumption.revoke_key(factories.maya(), ApiKey.objects.get(subscription=subscription))


def suspend(subscription, version):
    ModelVersion.objects.filter(pk=version.pk).update(suspended_at=timezone.now())
    invalidate("version", version=version.pk)


def pause(subscription, version):
    Subscription.objects.filter(pk=subscription.pk).update(state="paused")
    invalidate("subscription", subscription=subscription.pk)


class Listener:
    """Asks for a stream that never ends, and keeps what it is sent until it is cut."""

    def __init__(self, gateway, version, key):
        self.port, self.request = gateway.port, raw_request(infer_path(version), key)
        self.received = []
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=20) as client,
        ):
            client.sendall(self.request)
            while data := client.recv(65536):
                self.received.append(data)

    def is_cut_within(self, seconds):
        self.thread.join(seconds)
        return not self.thread.is_alive()


@pytest.mark.parametrize(
    ("end", "goes_on_s"), only([(revoke, 2.5), (suspend, 0), (pause, 0)], (suspend, 0))
)
def test_a_stream_is_cut_within_five_seconds_of_the_end_of_its_right(
    gateway, stage, version, end, goes_on_s
):
    subscription, key = subscriber(version)
    stage.stub.behave = drip
    listener = Listener(gateway, version, key)
    until(lambda: len(listener.received) > 10, 5, gateway.said)
    assert not listener.is_cut_within(goes_on_s), "a stream whose right lasts goes on"
    end(subscription, version)
    assert listener.is_cut_within(5)
    assert not b"".join(listener.received).endswith(b"0\r\n\r\n"), "it does not look complete"
    until(lambda: stage.called(subscription), 5, gateway.said)
    assert [row[1:] for row in stage.called(subscription)] == [("aborted", 0)]
    until(lambda: stage.stub.open == 0 or gateway.count("in_flight") == 0, 5)
