"""Between the gateway and the model: what is sent again, which upstream is not asked for a while, whose stream is cut."""

import asyncio
import contextlib
import os
import socket
import struct
import threading
import time
from collections import Counter

import pytest
from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import actions as consumption
from consumption.models import ApiKey, Subscription, UsageEvent
from hosting.gateway.addresses import Origin
from hosting.gateway.lanes import Lane
from hosting.gateway.limits import Limits
from hosting.gateway.pool import SILENT, Pool
from hosting.models import Deployment, DeploymentState, Upstream
from marketplace.lib.nudge import nudge
from tests import cast
from tests.gateway import (
    ANSWER,
    QUICK,
    REQUEST,
    Gateway,
    answer,
    answer_ok,
    content_length,
    free_port,
    http_answer,
    infer_path,
    route,
    subscriber,
    until,
)

pytestmark = [pytest.mark.xdist_group("gateway_stage")]

RESET = struct.pack("ii", 1, 0)
QUEUE_IS_FULL = b"Request dropped due to backpressure (num_queued_requests=64, max_queued_requests=64)."


@pytest.fixture(scope="module")
def lone(gateway_stage, tmp_path_factory):
    """A gateway of one process on the stage's database: what it has learnt is in one place."""
    stage = gateway_stage.gateway
    folder = tmp_path_factory.mktemp("lone")
    with Gateway(folder, 1, stage.database_url, stage.redis_url, gateway_stage.stub.host, **QUICK, breaker_s=1.0) as gateway:
        yield gateway


@pytest.fixture
def gateway(lone, stage):
    return lone


@pytest.fixture
def version(stage):
    return stage.version()


@pytest.fixture
def external(stage):
    """A version that somebody else hosts, at the stub. Made in one transaction: no snapshot sees it hosted by us."""
    with transaction.atomic():
        version = stage.version()
        Upstream.objects.filter(version=version).update(kind="external", base_url=f"{stage.stub.url}/income")
    return version


def id_of(head):
    return next(line[14:].decode() for line in head.split(b"\r\n") if line.startswith(b"x-request-id: "))


class Losing:
    """A behaviour: each request is lost in `how` the first `times` times that it comes, then answered."""

    def __init__(self, how, times=1):
        self.how = how
        self.times = times
        self.came = Counter()
        self.fired = 0

    def __call__(self, connection, head, body):
        self.came[id_of(head)] += 1
        if self.came[id_of(head)] <= self.times:
            self.fired += 1
            return self.how(connection, head, body)
        return answer_ok(connection, head, body)


def hang_up(connection, head, body):
    return False


def reset(connection, head, body):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return False


def stop_amid_the_answer(connection, head, body):
    connection.sendall(http_answer(ANSWER)[:-50])
    return False


LOST = {
    "hangs up": hang_up,
    "resets": reset,
    "stops amid the answer": stop_amid_the_answer,
    "the ingress says 500": answer(b"500 Internal Server Error", b"Internal Server Error"),
    "a balancer says 502": answer(b"502 Bad Gateway", b"<html>"),
    "a balancer says 503": answer(b"503 Service Unavailable", b"no server is available"),
    "a balancer says 504": answer(b"504 Gateway Timeout", b"<html>"),
}


# ── Sent again ────────────────────────────────────────────────────────────


@pytest.mark.fault("F12", "F14")
@pytest.mark.parametrize("how", LOST)
def test_a_call_that_a_dying_replica_lost_is_sent_again_and_charged_once(gateway, stage, version, fired, how):
    subscription, key = subscriber(version)
    losing = stage.stub.behave = Losing(LOST[how])
    status, headers, body = gateway.infer(infer_path(version), key)
    assert (status, body) == (200, ANSWER)
    assert losing.came == {headers["x-request-id"]: 2} and [sent for _, sent in stage.stub.seen] == [REQUEST, REQUEST]
    until(lambda: stage.called(subscription), 5, gateway.said)
    assert stage.called(subscription) == [(headers["x-request-id"], "ok", 1)]
    until(lambda: gateway.count("retries_total", version=version.pk) == 1, 5)
    fired.add(losing.fired)


NOT_LOST = {
    "a full queue": (answer(b"503 Service Unavailable", QUEUE_IS_FULL), 503),
    "told to wait": (answer(b"503 Service Unavailable", b"later", extra=b"retry-after: 3\r\n"), 503),
    "too many": (answer(b"429 Too Many Requests"), 503),
    "the model's own failure": (answer(b"500 Internal Server Error", b"{}", b"application/problem+json"), 502),
    "the model's own refusal": (answer(b"422 Unprocessable Entity", b"{}", b"application/problem+json"), 422),
}


@pytest.mark.parametrize("how", NOT_LOST)
def test_what_the_upstream_decided_is_not_asked_again(gateway, stage, version, how):
    _, key = subscriber(version)
    stage.stub.behave, expected = NOT_LOST[how]
    assert gateway.infer(infer_path(version), key)[0] == expected
    assert len(stage.stub.seen) == 1


@pytest.mark.fault("F12")
@pytest.mark.parametrize("how", ["hangs up", "resets", "the ingress says 500"])
def test_an_external_endpoint_that_took_the_request_is_not_asked_twice(gateway, stage, external, fired, how):
    subscription, key = subscriber(external)
    stage.stub.behave = LOST[how]
    assert gateway.infer(infer_path(external), key)[0] == 502
    assert len(stage.stub.seen) == 1
    until(lambda: [row[1:] for row in stage.called(subscription)] == [("upstream_error", 0)], 5, gateway.said)
    fired.add(1)


def test_an_answer_that_has_begun_is_never_begun_again(gateway, stage, version):
    subscription, key = subscriber(version)

    def begin_and_stop(connection, head, body):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n")
        for _ in range(4):
            connection.sendall(b'{"a":')
            time.sleep(0.1)
        return False

    stage.stub.behave = begin_and_stop
    assert gateway.infer(infer_path(version), key)[0] == 0, "a cut connection is the only honest sign left"
    assert len(stage.stub.seen) == 1
    until(lambda: [row[1:] for row in stage.called(subscription)] == [("upstream_error", 0)], 5, gateway.said)


def test_what_is_left_of_the_deadline_bounds_the_second_try(gateway, stage, version):
    _, key = subscriber(version)

    def lose_late(connection, head, body):
        time.sleep(QUICK["first_byte_s"] * 0.9)
        return False

    stage.stub.behave = lose_late
    assert gateway.infer(infer_path(version), key)[0] == 502
    assert len(stage.stub.seen) == 1


@pytest.mark.fault("F12")
def test_retries_stay_within_their_budget(gateway, stage, version, fired):
    _, key = subscriber(version)
    losing = stage.stub.behave = Losing(hang_up)
    began = time.monotonic()
    found = Counter(gateway.infer(infer_path(version), key)[0] for _ in range(40))
    most = 10 + 0.1 * 40 + (time.monotonic() - began) + 1
    assert 10 <= found[200] <= most and found[502] >= 5, found
    again = sum(count - 1 for count in losing.came.values())
    assert again == found[200]
    until(lambda: gateway.count("retries_total", version=version.pk) == again, 5)
    assert gateway.count("retries_denied_total", version=version.pk) >= 5
    fired.add(losing.fired)


def test_a_budget_is_a_tenth_of_the_calls_and_a_floor():
    lane = Lane(1, Limits())
    assert sum(lane.may_retry(100.0) for _ in range(50)) == 10, "the floor"
    for _ in range(300):
        lane.enter(None)
    assert sum(lane.may_retry(100.0) for _ in range(50)) == 30, "a tenth of 300"
    assert sum(lane.may_retry(103.0) for _ in range(50)) == 3, "one a second"
    assert sum(lane.may_retry(9000.0) for _ in range(50)) == 10
    assert lane.retries_denied == 40 + 20 + 47 + 40


# ── Connections that went stale ───────────────────────────────────────────


def closing_after(k, closed):
    """Answers, and closes each connection after its k-th exchange without saying so."""
    exchanges = Counter()

    def behave(connection, head, body):
        answer_ok(connection, head, body)
        exchanges[connection] += 1
        if exchanges[connection] == k:
            closed.append(1)
            return False
        return None

    return behave


def call_in_threads(gateway, path, key, threads, each):
    found = []

    def work():
        for _ in range(each):
            found.append(gateway.infer(path, key)[0])

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return Counter(found)


@pytest.mark.fault("F12")
@pytest.mark.parametrize("k", [1, 2, 5])
def test_connections_that_the_model_closed_meanwhile_fail_nobody(gateway, stage, version, fired, k):
    subscription, key = subscriber(version)
    closed = []
    stage.stub.behave = closing_after(k, closed)
    assert call_in_threads(gateway, infer_path(version), key, 4, 30) == {200: 120}
    assert len(closed) >= 20
    until(lambda: UsageEvent.objects.filter(subscription_id=subscription.pk, outcome="ok", units=1).count() == 120, 10, gateway.said)
    assert UsageEvent.objects.filter(subscription_id=subscription.pk).count() == 120
    fired.add(len(closed))


@pytest.mark.fault("F12")
@pytest.mark.parametrize("k", [1, 3])
def test_connections_that_an_external_endpoint_closed_meanwhile_fail_nobody_and_repeat_nothing(gateway, stage, external, fired, k):
    _, key = subscriber(external)
    closed = []
    stage.stub.behave = closing_after(k, closed)
    assert call_in_threads(gateway, infer_path(external), key, 1, 40) == {200: 40}
    assert set(Counter(id_of(head) for head, _ in stage.stub.seen).values()) == {1}
    fired.add(len(closed))


@pytest.mark.fault("F12")
@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged", b"HTTP/1.1 200 OK\r\nx-a: ", b"\0"])
def test_what_an_upstream_says_unasked_reaches_nobody(gateway, stage, external, fired, more):
    _, key = subscriber(external)
    stage.stub.behave = lambda connection, head, body: connection.sendall(http_answer(ANSWER) + more)
    assert [gateway.infer(infer_path(external), key)[::2] for _ in range(10)] == [(200, ANSWER)] * 10
    fired.add(len(stage.stub.seen))


def test_headers_behind_a_running_call_are_bounded_too(gateway, stage, version):
    _, key = subscriber(version)
    stage.stub.behave = lambda *_: time.sleep(0.9)
    head = f"POST {infer_path(version)} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(REQUEST)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as client, pytest.raises(OSError):
        client.sendall(head.encode() + REQUEST)
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

    def on_failed(self, why, untouched):
        self.ended.set_result((why, untouched))


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
        pool = Pool(Limits(), lambda origin: origin.host)
        origin = Origin("127.0.0.1", listener.getsockname()[1], False, is_external=True)
        first, second = Asker(), Asker()
        (await pool.open(origin)).exchange(first, [b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"], 5)
        assert await first.ended == "done"
        if not reads_first:
            may_close.set()
            assert has_closed.wait(5)
        pool.take(origin).exchange(second, [b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nok"], 5)
        return await asyncio.wait_for(second.ended, 5)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        assert asyncio.run(ask()) == (SILENT, not reads_first)


# ── An upstream that fails is left alone ──────────────────────────────────


def trip(gateway, version, key):
    """Call until the lane is shut; then (headers, body) of a refusal."""
    for _ in range(30):
        status, headers, body = gateway.infer(infer_path(version), key)
        if b"model-failing" in body:
            assert status == 503
            return headers, body
    raise AssertionError("it never opened")


def is_open(gateway, version):
    return gateway.count("breaker_open", version=version.pk)


@pytest.mark.fault("F11", "F12")
@pytest.mark.parametrize("how", ["hangs up", "resets", "the ingress says 500", "is late"])
@pytest.mark.parametrize("kind", ["version", "external"])
def test_an_upstream_that_fails_five_calls_in_a_row_is_not_asked_for_a_while(gateway, stage, request, fired, how, kind):
    version = request.getfixturevalue(kind)
    subscription, key = subscriber(version)
    stage.stub.behave = LOST.get(how) or (lambda *_: time.sleep(3))
    headers, body = trip(gateway, version, key)
    assert int(headers["retry-after"]) >= 1 and b"tell the model's team" in body
    until(lambda: is_open(gateway, version) or gateway.infer(infer_path(version), key)[0] == 0, 5)
    fired.add(len(stage.stub.seen))
    assert len(stage.stub.seen) >= 5
    until(lambda: len(stage.called(subscription)) >= 5, 5, gateway.said)
    assert {units for _, _, units in stage.called(subscription)} == {0}
    stage.stub.behave = answer_ok
    heals(gateway, version, key)


@pytest.mark.fault("F11")
def test_an_upstream_that_refuses_connections_is_not_asked_for_a_while(gateway, stage, fired):
    version = stage.version(url=f"http://127.0.0.1:{free_port()}")
    _, key = subscriber(version)
    trip(gateway, version, key)
    route(version, stage.stub.url)
    nudge("version")
    heals(gateway, version, key)
    fired.add(gateway.count("breaker_opened_total", version=version.pk))


def heals(gateway, version, key):
    until(lambda: gateway.infer(infer_path(version), key)[0] == 200, 10, gateway.said)
    assert [gateway.infer(infer_path(version), key)[0] for _ in range(10)] == [200] * 10
    until(lambda: is_open(gateway, version) == 0, 5)
    assert gateway.count("breaker_opened_total", version=version.pk) >= 1
    assert gateway.count("breaker_refused_total", version=version.pk) >= 1


def test_while_it_is_open_nothing_is_asked_and_then_exactly_one_call_tries(gateway, stage, external):
    _, key = subscriber(external)
    stage.stub.behave = hang_up
    trip(gateway, external, key)
    asked = len(stage.stub.seen)
    assert gateway.infer(infer_path(external), key)[0] == 503 and len(stage.stub.seen) == asked
    goes_on = threading.Event()

    def answer_when_told(connection, head, body):
        goes_on.wait(0.9)
        answer_ok(connection, head, body)

    stage.stub.behave = answer_when_told
    time.sleep(1.1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(gateway.infer(infer_path(external), key)[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    until(lambda: len(found) == 19, 5)
    assert len(stage.stub.seen) == asked + 1 and set(found) == {503}
    goes_on.set()
    for thread in threads:
        thread.join()
    assert found[-1] == 200
    assert [gateway.infer(infer_path(external), key)[0] for _ in range(5)] == [200] * 5


def test_a_caller_who_leaves_while_trying_lets_the_next_one_try(gateway, stage, external):
    _, key = subscriber(external)
    stage.stub.behave = hang_up
    trip(gateway, external, key)
    stage.stub.behave = lambda *_: time.sleep(0.9)
    time.sleep(1.1)
    asked = len(stage.stub.seen)
    leave_after(gateway, external, key, lambda: len(stage.stub.seen) > asked)
    stage.stub.behave = answer_ok
    until(lambda: gateway.infer(infer_path(external), key)[0] == 200, 3, gateway.said)


def leave_after(gateway, version, key, condition):
    """Call on a connection of its own, and go when the condition holds."""
    head = f"POST {infer_path(version)} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(REQUEST)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(head.encode() + REQUEST)
        until(condition, 5, gateway.said)


@pytest.mark.parametrize("how", ["a full queue", "told to wait", "too many", "the model's own failure", "the model's own refusal"])
def test_it_does_not_open_for_what_the_upstream_decided(gateway, stage, version, how):
    _, key = subscriber(version)
    stage.stub.behave, expected = NOT_LOST[how]
    assert [gateway.infer(infer_path(version), key)[0] for _ in range(12)] == [expected] * 12
    assert len(stage.stub.seen) == 12


def test_it_does_not_open_when_callers_leave(gateway, stage, version):
    _, key = subscriber(version)
    stage.stub.behave = lambda *_: time.sleep(0.8)
    for number in range(8):
        leave_after(gateway, version, key, lambda number=number: len(stage.stub.seen) > number)
    stage.stub.behave = answer_ok
    assert gateway.infer(infer_path(version), key)[0] == 200


def test_it_does_not_open_while_a_sleeping_version_wakes(gateway, stage, version):
    Deployment.objects.create(version=version, app_name=f"asleep-{version.pk}", state=DeploymentState.SCALED_TO_ZERO)
    _, key = subscriber(version)
    time.sleep(2)  # the next snapshot, if one was taken in between
    stage.stub.behave = lambda *_: time.sleep(1.5)
    assert call_in_threads(gateway, infer_path(version), key, 8, 1) == {504: 8}
    stage.stub.behave = answer_ok
    assert gateway.infer(infer_path(version), key)[0] == 200


@pytest.mark.fault("F11")
def test_a_hundred_hung_calls_of_one_model_touch_no_other_and_leave_nothing_behind(gateway, stage, version, fired):
    other = stage.version()
    _, key = subscriber(version)
    _, other_key = subscriber(other)
    worker = gateway.children()["0"]
    assert gateway.infer(infer_path(other), other_key)[0] == 200
    time.sleep(1.2)
    files, tasks = open_files(worker), gateway.count("tasks")
    hung = threading.Event()

    def hang_for_one(connection, head, body):
        if version.model.slug.encode() in head:
            hung.wait(8)
            return False
        return answer_ok(connection, head, body)

    stage.stub.behave = hang_for_one
    found = []
    threads = [threading.Thread(target=lambda: found.append(gateway.infer(infer_path(version), key)[0])) for _ in range(100)]
    for thread in threads:
        thread.start()
    until(lambda: len(stage.stub.seen) >= 100, 10)
    others = []
    while any(thread.is_alive() for thread in threads):
        others.append(gateway.infer(infer_path(other), other_key)[0])
    assert set(others) == {200} and len(others) > 10
    assert Counter(found) == {504: 100}
    assert gateway.infer(infer_path(version), key)[0] == 503, "five in a row are enough"
    time.sleep(1.2)  # the numbers are told once a second
    until(lambda: open_files(worker) <= files + 4 and gateway.count("tasks") <= tasks + 2, 3.8, gateway.said)
    until(lambda: gateway.count("in_flight") == 0, 2)
    hung.set()
    fired.add(100)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# ── Streams are cut ───────────────────────────────────────────────────────


def drip(connection, head, body):
    """A byte every 50 ms for as long as anybody listens."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        while content_length(head):
            connection.sendall(b"1\r\n \r\n")
            time.sleep(0.05)
    return False


def revoke(subscription, version):
    consumption.revoke_key(cast.maya(), ApiKey.objects.get(subscription=subscription))


def suspend(subscription, version):
    ModelVersion.objects.filter(pk=version.pk).update(suspended_at=timezone.now())
    nudge("version", version=version.pk)


def pause(subscription, version):
    Subscription.objects.filter(pk=subscription.pk).update(state="paused")
    nudge("subscription", subscription=subscription.pk)


@pytest.mark.parametrize("end", [revoke, suspend, pause])
def test_a_stream_is_cut_within_five_seconds_of_the_end_of_its_right(gateway, stage, version, end):
    subscription, key = subscriber(version)
    stage.stub.behave = drip
    received = []

    def listen():
        head = f"POST {infer_path(version)} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(REQUEST)}\r\n\r\n"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
            client.sendall(head.encode() + REQUEST)
            while data := client.recv(65536):
                received.append(data)

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(2.5)
    assert thread.is_alive() and len(received) > 10, "a stream whose right lasts goes on"
    end(subscription, version)
    thread.join(5)
    assert not thread.is_alive()
    assert not b"".join(received).endswith(b"0\r\n\r\n"), "it does not look complete"
    until(lambda: stage.called(subscription), 5, gateway.said)
    assert [row[1:] for row in stage.called(subscription)] == [("aborted", 0)]
    until(lambda: stage.stub.open == 0 or gateway.count("in_flight") == 0, 5)
