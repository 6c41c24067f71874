"""Hostile clients and hostile upstreams: closed or refused within the stated limits while good traffic goes on."""

import json
import os
import random
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.gateway import (
    ANSWER,
    REQUEST,
    answer,
    answer_ok,
    http_answer,
    infer_path,
    parallel,
    raw_request,
    subscriber,
    until,
)
from tests.tiers import one_of_each, only

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
TRAILED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


@pytest.fixture
def caller(stage):
    """(path, key, subscription) of a subscriber to a version behind the stub."""
    version = stage.version()
    subscription, key = subscriber(version)
    return infer_path(version), key, subscription


def raw(gateway, data, wait=4.0, address="127.0.0.1"):
    """Send bytes, read until the gateway closes or `wait` passes: (what it said, seconds until it closed or None)."""
    with socket.create_connection(
        ("127.0.0.1", gateway.port), timeout=wait, source_address=(address, 0)
    ) as client:
        began, said = time.monotonic(), b""
        for piece in [data] if isinstance(data, bytes) else data:
            try:
                client.sendall(piece)
            except OSError:
                break
        try:
            while piece := client.recv(65536):
                said += piece
        except TimeoutError:
            return said, None
        except OSError:
            pass
        return said, time.monotonic() - began


def status_of(said):
    return int(said[9:12]) if said.startswith(b"HTTP/1.1 ") else 0


# ── Clients ───────────────────────────────────────────────────────────────


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Content-Length: 5x"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Host: other", "Content-Length: 0"],
        ["Bad Header: 1", "Content-Length: 0"],
    ],
)
def test_ambiguous_framing_is_400_and_closes(gateway, stage, caller, lines):
    path, key, _ = caller
    said, closed = raw(gateway, raw_request(path, key, b"0\r\n\r\n", *lines))
    assert status_of(said) == 400 and closed is not None and closed < 3 and stage.stub.seen == []


@pytest.mark.fault("F13")
def test_a_request_smuggled_behind_another_never_reaches_the_upstream(gateway, stage, caller):
    path, key, _ = caller
    inner = raw_request(path, key)
    said, _ = raw(
        gateway,
        raw_request(
            path, key, b"0\r\n\r\n" + inner, "Transfer-Encoding: chunked", "Content-Length: 4"
        ),
    )
    assert status_of(said) == 400 and b"\nHTTP/1.1" not in said and stage.stub.seen == []


@pytest.mark.fault("F13")
def test_ten_thousand_headers_are_refused(gateway, caller):
    path, key, _ = caller
    said, closed = raw(
        gateway, raw_request(path, key, REQUEST, *[f"X-{n}: {n}" for n in range(10_000)])
    )
    assert status_of(said) in (431, 0) and closed is not None


@pytest.mark.fault("F13")
def test_a_hundred_and_one_headers_are_refused_with_words(gateway, caller):
    path, key, _ = caller
    said, _ = raw(gateway, raw_request(path, key, REQUEST, *[f"X-{n}: {n}" for n in range(101)]))
    assert status_of(said) == 431 and b"At most 100 headers" in said


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    "start",
    only([b"GET /", b"POST /v2/models/x/infer HTTP/1.1\r\nX: " + b"y" * 500], b"GET /"),
)
def test_slow_headers_are_closed_in_time(gateway, start):
    said, closed = raw(gateway, start)
    assert closed is not None and 0.5 < closed < 3.5 and status_of(said) in (408, 0)


@pytest.mark.fault("F13")
def test_a_slow_body_is_closed_in_time_and_never_holds_a_replica(gateway, stage, caller):
    path, key, _ = caller
    said, closed = raw(
        gateway, raw_request(path, key, REQUEST[:20], f"Content-Length: {len(REQUEST)}"), wait=5
    )
    assert status_of(said) == 408 and closed < 4.5 and stage.stub.seen == []


@pytest.mark.fault("F13")
def test_an_idle_connection_is_closed_in_time(gateway, caller):
    path, key, _ = caller
    said, closed = raw(gateway, raw_request(path, key), wait=6)
    assert status_of(said) == 200 and closed is not None and 1.5 < closed < 5


@pytest.mark.fault("F13")
def test_a_300_mib_body_is_refused_before_it_is_sent(gateway, caller):
    path, key, _ = caller
    said, closed = raw(
        gateway, raw_request(path, key, b"x" * 1000, f"Content-Length: {300 * 1024 * 1024}")
    )
    assert status_of(said) == 413 and closed < 3
    assert b'"limit_bytes": 16777216' in said, "a program need not read the sentence"


@pytest.mark.fault("F13")
def test_a_chunked_body_without_end_is_cut_at_the_limit(gateway, stage, caller):
    path, key, _ = caller
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    pieces = [raw_request(path, key, b"", "Transfer-Encoding: chunked"), *[chunk] * 300]
    said, closed = raw(gateway, pieces, wait=10)
    assert status_of(said) in (413, 0) and closed is not None and stage.stub.seen == []


@pytest.mark.fault("F13")
def test_a_body_in_six_byte_chunks_is_put_together(gateway, stage, caller):
    path, key, _ = caller
    pieces = [
        b"%x\r\n%b\r\n" % (len(REQUEST[at : at + 6]), REQUEST[at : at + 6])
        for at in range(0, len(REQUEST), 6)
    ]
    said, _ = raw(
        gateway,
        raw_request(
            path,
            key,
            b"".join(pieces) + b"0\r\n\r\n",
            "Transfer-Encoding: chunked",
            "Connection: close",
        ),
    )
    assert status_of(said) == 200
    head, body = stage.stub.seen[-1]
    assert (
        body == REQUEST and b"content-length: %d" % len(REQUEST) in head and b"chunked" not in head
    )


def test_pipelined_requests_are_answered_in_order(gateway, caller):
    path, key, _ = caller
    said, _ = raw(
        gateway,
        raw_request(path, key) * 3 + raw_request(path, "wrong", REQUEST, "Connection: close"),
    )
    statuses = [part[1:4] for part in said.split(b"HTTP/1.1")[1:]]
    assert statuses[:3] == [b"200"] * 3 and statuses[3] in (b"401", b"429") and len(statuses) == 4


@pytest.mark.slow
def test_an_offer_to_upgrade_is_ignored(gateway, caller):
    path, key, _ = caller
    said, _ = raw(
        gateway,
        raw_request(
            path,
            key,
            REQUEST,
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
        ),
    )
    assert status_of(said) == 200


def test_expect_continue_is_answered_before_the_body(gateway, caller):
    path, key, _ = caller
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as client:
        client.sendall(
            raw_request(
                path,
                key,
                b"",
                f"Content-Length: {len(REQUEST)}",
                "Expect: 100-continue",
                "Connection: close",
            )
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(REQUEST)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_injections_in_every_field_are_refused_quietly(gateway, stage, caller):
    path, key, _ = caller
    nasty = [
        "' OR 1=1 --",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "../../etc/passwd",
        "%00",
        "<script>",
        "\x01",
        "mkc_" + "'" * 46,
        "\u00e9" * 40,
    ]
    for text in nasty:
        quoted = text.encode("latin-1", "replace")
        for data in (
            b"POST /v2/models/%b/infer HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n"
            % quoted.replace(b" ", b"%20"),
            b"POST %b HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %b\r\nContent-Length: 0\r\n\r\n"
            % (path.encode(), quoted),
            b"GET /v2/models/x?q=%b HTTP/1.1\r\nHost: g\r\nX-API-Key: %b\r\n\r\n"
            % (quoted.replace(b" ", b"+"), quoted),
        ):
            said, _ = raw(gateway, data.replace(b"Host: g", b"Host: g\r\nConnection: close"))
            assert status_of(said) in (400, 401, 404, 429), said[:100]
    assert stage.stub.seen == []


@pytest.mark.fault("F13")
@pytest.mark.slow
def test_five_thousand_mutated_requests_bring_no_5xx_and_no_growth(gateway, stage, caller):
    path, key, _ = caller
    source = random.Random(5)
    good = raw_request(path, key, REQUEST, "Content-Type: application/json", "Connection: close")
    seen = set()

    def some(seed, count):
        mine = random.Random(seed)
        for _ in range(count):
            data = bytearray(good)
            for _ in range(mine.randint(1, 6)):
                at = mine.randrange(len(data))
                data[at : at + mine.randint(0, 3)] = bytes(
                    mine.randrange(256) for _ in range(mine.randint(0, 4))
                )
            seen.add(status_of(raw(gateway, bytes(data), wait=0.3)[0]))

    parallel(8, lambda _: some(source.random(), 125))
    warm = memory(gateway)
    parallel(8, lambda _: some(source.random(), 500))
    assert not [status for status in seen if status >= 500], seen
    assert 200 in seen and 400 in seen
    assert memory(gateway) - warm < 8 * 1024 * 1024, "flat over the last four thousand"
    assert gateway.infer(path, key)[0] == 200


def memory(gateway):
    pages = [
        int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        for name, pid in gateway.children().items()
        if name != "shipping"
    ]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.fault("F13")
def test_good_traffic_goes_on_under_a_hundred_slow_sockets(gateway, caller):
    path, key, _ = caller
    slow = [
        socket.create_connection(("127.0.0.1", gateway.port), source_address=("127.0.0.2", 0))
        for _ in range(100)
    ]
    for client in slow:
        client.sendall(b"POST /v2/models/x/infer HTTP/1.1\r\nHost: g\r\nX-Slow: ")
    answers = [gateway.infer(path, key) for _ in range(30)]
    assert {status for status, *_ in answers} == {200}, [
        body for status, _, body in answers if status != 200
    ][:1]
    for client in slow:
        client.settimeout(5)
        client.recv(1000)
        assert client.recv(1000) == b""
        client.close()


@pytest.mark.fault("F13")
def test_an_address_may_have_so_many_connections_and_no_more(gateway, stage, caller):
    path, key, _ = caller
    many = [
        socket.create_connection(("127.0.0.1", gateway.port), source_address=("127.0.0.3", 0))
        for _ in range(700)
    ]
    until(
        lambda: gateway.metrics().get("gateway_connections_rejected_total", 0) >= 100,
        5,
        gateway.said,
    )
    until(lambda: gateway.metrics().get("gateway_connections", float("inf")) <= 2 * 300 + 50, 8)
    assert gateway.infer(path, key)[0] == 200, "from another address"
    for client in many:
        client.close()


@pytest.mark.fault("F13")
def test_no_body_stays_held_when_its_client_has_gone(gateway, stage, caller):
    path, key, _ = caller
    for body in (REQUEST, b"x" * 300_000):
        gateway.infer(path, key, body=body)
        gateway.infer(path, "wrong", body=body)
        raw(gateway, raw_request(path, key, body[:-1], f"Content-Length: {len(body)}"), wait=0.1)
    stage.stub.behave = lambda connection, head, body: time.sleep(0.3)
    raw(gateway, raw_request(path, key, b"x" * 300_000), wait=0.1)
    until(lambda: gateway.metrics().get("gateway_body_bytes_held") == 0, 8, gateway.said)


# ── Upstreams ─────────────────────────────────────────────────────────────


def outcomes(stage, subscription, count):
    until(lambda: len(stage.called(subscription)) >= count, 6, stage.gateway.said)
    return sorted(outcome for _, outcome, _ in stage.called(subscription))


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    ("name", "behave"),
    one_of_each(
        [
            ("500", answer(b"500 Internal Server Error")),
            ("301", answer(b"301 Moved Permanently", extra=b"location: http://127.0.0.1/\r\n")),
            ("closes", lambda c, h, b: False),
            ("not http", lambda c, h, b: c.sendall(b"SSH-2.0-x\r\n\r\n")),
            ("truncated", lambda c, h, b: (c.sendall(http_answer(ANSWER)[:-20]), False)[1]),
            (
                "half a head",
                lambda c, h, b: (c.sendall(b"HTTP/1.1 200 OK\r\ncontent-le"), False)[1],
            ),
            (
                "both framings",
                lambda c, h, b: c.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"
                ),
            ),
            ("many trailers", lambda c, h, b: c.sendall(TRAILED + b"x: y\r\n" * 100_000 + b"\r\n")),
            (
                "a long trailer",
                lambda c, h, b: c.sendall(TRAILED + b"x: " + b"y" * 500_000 + b"\r\n\r\n"),
            ),
            (
                "many headers",
                answer(b"200 OK", ANSWER, extra=b"".join(b"x-%d: 1\r\n" % n for n in range(500))),
            ),
            ("long head", answer(b"200 OK", ANSWER, extra=b"x: " + b"y" * 70_000 + b"\r\n")),
            (
                "too large",
                lambda c, h, b: c.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n" + b"x" * 100
                ),
            ),
        ],
        lambda name, behave: name in ("500", "truncated", "too large") and name,
    ),
)
def test_a_broken_upstream_is_502_in_our_own_words(gateway, stage, caller, name, behave):
    path, key, subscription = caller
    stage.stub.behave = behave
    status, headers, body = gateway.infer(path, key)
    assert status == 502 or (name in ("truncated", "too large") and status == 0), (name, status)
    assert b"secret" not in body and "location" not in headers
    if status:
        assert json.loads(body)["error"].startswith("The model did not give a usable answer")
    assert outcomes(stage, subscription, 1) == ["upstream_error"]
    stage.stub.behave = answer_ok
    assert gateway.infer(path, key)[0] == 200


@pytest.mark.fault("F12")
def test_a_header_of_the_upstream_cannot_inject_another(gateway, stage, caller):
    path, key, _ = caller
    stage.stub.behave = answer(
        b"200 OK",
        ANSWER,
        b"application/json\r\nset-cookie: a=b",
        b"content-encoding: x\x0bset-cookie: c\r\n",
    )
    status, headers, _ = gateway.infer(path, key)
    assert "set-cookie" not in headers and status in (200, 502)


@pytest.mark.fault("F11")
def test_a_hanging_upstream_is_504_at_the_deadline_and_is_hung_up_on(gateway, stage, caller):
    path, key, subscription = caller
    stage.stub.behave = lambda c, h, b: time.sleep(3)
    began = time.monotonic()
    status, _, body = gateway.infer(path, key)
    assert (
        status == 504
        and time.monotonic() - began < 2.0
        and "within 1 seconds" in json.loads(body)["detail"]
    )
    assert outcomes(stage, subscription, 1) == ["aborted"]


@pytest.mark.slow
@pytest.mark.fault("F11")
def test_a_dripping_upstream_is_cut_off(gateway, stage, caller):
    path, key, subscription = caller

    def drip(connection, head, body):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        time.sleep(3)

    stage.stub.behave = drip
    began = time.monotonic()
    assert gateway.infer(path, key)[0] in (0, 502) and time.monotonic() - began < 3
    assert outcomes(stage, subscription, 1) == ["upstream_error"]


def test_a_caller_who_leaves_stops_the_upstream_and_is_recorded(gateway, stage, caller):
    path, key, subscription = caller
    gone = threading.Event()

    def watch(connection, head, body):
        connection.settimeout(3)
        if connection.recv(10) == b"":
            gone.set()
        return False

    stage.stub.behave = watch
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(raw_request(path, key))
        until(lambda: stage.stub.seen, 5)
    assert gone.wait(3)
    assert outcomes(stage, subscription, 1) == ["aborted"]


def test_a_large_binary_answer_streams_through_whole(gateway, stage, caller):
    path, key, _ = caller
    large = os.urandom(20 * 1024 * 1024)
    stage.stub.behave = answer(
        b"200 OK", large, b"application/octet-stream", b"inference-header-content-length: 10\r\n"
    )
    status, headers, body = gateway.infer(path, key, body=os.urandom(8 * 1024 * 1024))
    assert status == 200 and body == large and headers["inference-header-content-length"] == "10"


def test_a_chunked_answer_is_passed_on_as_chunks(gateway, stage, caller):
    path, key, _ = caller
    stage.stub.behave = lambda c, h, b: c.sendall(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n"
    )
    status, headers, body = gateway.infer(path, key)
    assert (status, body) == (200, b"abcdefg") and headers["transfer-encoding"] == "chunked"


def test_a_client_that_reads_slowly_makes_the_upstream_wait(gateway, stage, caller):
    path, key, _ = caller
    before = memory(gateway)
    large = b"z" * (24 * 1024 * 1024)
    stage.stub.behave = answer(b"200 OK", large)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(raw_request(path, key))
        time.sleep(1.0)
        assert memory(gateway) - before < 16 * 1024 * 1024
        received = 0
        while received < len(large):
            received += len(client.recv(1 << 20))
    assert received >= len(large)


@pytest.mark.fault("F12")
@pytest.mark.slow
def test_a_thousand_mutated_answers_neither_crash_nor_leak(gateway, stage, caller):
    """As many as reach the gateway: while five in a row are no answer, it does not ask."""
    path, key, _ = caller
    source = random.Random(3)
    good = http_answer(ANSWER, extra=b"x-internal: secret words\r\n")

    def mutate(connection, head, body):
        data = bytearray(good)
        for _ in range(source.randint(1, 5)):
            data[source.randrange(len(data))] = source.randrange(256)
        connection.sendall(bytes(data))
        return False

    whole = gateway.infer(path, key)[1].keys() | {
        "transfer-encoding",
        "content-encoding",
        "connection",
        "retry-after",
    }
    stage.stub.behave = mutate
    before = memory(gateway)

    def some(_):
        while len(stage.stub.seen) < 1000:
            status, headers, body = gateway.infer(path, key)
            assert status in (0, 404, 502, 503, 504) or 200 <= status < 300, status
            assert headers.keys() <= whole and (status < 400 or b"secret" not in body)

    parallel(8, some)
    stage.stub.behave = answer_ok
    until(lambda: gateway.infer(path, key)[0] == 200, 5, gateway.said)
    assert memory(gateway) - before < 64 * 1024 * 1024
