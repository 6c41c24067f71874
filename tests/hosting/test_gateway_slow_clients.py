"""Five hundred slow sockets at once: each is closed at the limit that it passes, and nobody else notices."""

import contextlib
import itertools
import socket
import time
from collections import Counter

import pytest

from hosting.gateway.config import GatewayConfig
from tests.gateway import Faulty, Load, answer_ok, http_answer, infer_path, subscriber

pytestmark = [pytest.mark.xdist_group("gateway_stage"), pytest.mark.fault("F13"), pytest.mark.slow]
LIMITS = GatewayConfig()
GRACE_S = 2.0
SLOW = 500
PER_ADDRESS = 50
ESTABLISHED = 1  # the first byte of Linux' struct tcp_info
HOST = b"Host: g\r\n"


@pytest.fixture(scope="module")
def production(gateway_stage, tmp_path_factory):
    """A gateway of two processes with the limits that it is shipped with."""
    bounds = {
        name: getattr(LIMITS, name)
        for name in ("header_s", "body_s", "idle_s", "first_byte_s", "upstream_idle_s")
    }
    folder = tmp_path_factory.mktemp("production")
    with Faulty(
        gateway_stage, folder, 2, **bounds, connections_per_address=LIMITS.connections_per_address
    ) as faulty:
        yield faulty.gateway


class Slow:
    """A socket that says `begins`, then `drips` and reads `reads` bytes every second. Its limit counts from there, or from the answer."""

    def __init__(self, port, address, limit_s, begins, drips=b"", reads=0):
        self.limit_s, self.drips, self.reads = limit_s, drips, reads
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(begins)
        self.socket.setblocking(False)
        self.began = time.monotonic()
        self.is_answered = False
        self.closed_after = None

    def step(self):
        """A byte more, a few bytes read."""
        with contextlib.suppress(BlockingIOError, ConnectionError, BrokenPipeError):
            if self.drips:
                self.socket.send(self.drips)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if self.reads:
                self.socket.recv(self.reads)

    def look(self):
        """Has the gateway closed it?"""
        if not self.is_answered:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self.is_answered = self.socket.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
                self.began = time.monotonic() if self.is_answered else self.began
        if (
            self.closed_after is None
            and self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED
        ):
            self.closed_after = time.monotonic() - self.began
        return self.closed_after is not None


def kinds(path, key, slow_path, slow_key):
    """(name, limit in seconds, what it begins with, what it drips, what it reads each second)"""
    asks = b"POST %b HTTP/1.1\r\n" + HOST + b"Authorization: Bearer %b\r\n"
    body = asks % (path, key) + b"Content-Length: 100000\r\n\r\n{"
    whole = asks % (path, key) + b"Content-Length: 2\r\n\r\n{}"
    large = asks % (slow_path, slow_key) + b"Content-Length: 2\r\n\r\n{}"
    one_of_each = [
        (
            "header",
            LIMITS.header_s,
            b"POST /v2/models/x/infer HTTP/1.1\r\n" + HOST + b"X-Slow: ",
            b"y",
            0,
        ),
        ("body", LIMITS.body_s, body, b" ", 0),
        ("idle", LIMITS.idle_s, whole, b"", 0),
        ("reading", LIMITS.write_s, large, b"", 256),
    ]
    return one_of_each[:3] * 3 + one_of_each[3:]


def test_five_hundred_slow_sockets_are_closed_in_time_and_good_traffic_goes_on(
    production, stage, injected_faults, tmp_path
):
    version, other = stage.version(), stage.version()
    _, key = subscriber(version)
    _, slow_key = subscriber(other)
    _, good_key = subscriber(version, app="Good")
    large = other.model.slug.encode()

    def behave(connection, head, body):
        connection.sendall(http_answer(b"x" * 4_000_000)) if large in head else answer_ok(
            connection, head, body
        )

    stage.stub.behave = behave
    load = Load(
        production, infer_path(version), good_key, tmp_path, LIMITS.body_s + 8, 50, connections=8
    )
    chosen = kinds(
        infer_path(version).encode(), key.encode(), infer_path(other).encode(), slow_key.encode()
    )
    slow = []
    for number, (name, limit_s, *rest) in zip(range(SLOW), itertools.cycle(chosen), strict=False):
        slow.append(
            (name, Slow(production.port, f"127.0.0.{2 + number // PER_ADDRESS}", limit_s, *rest))
        )
    injected_faults.add(len(slow))
    drip_until_closed(slow, load)
    said = load.result()
    assert set(said["statuses"]) == {"200"} and said["errors"] == 0, said["statuses"]
    late = Counter(
        name
        for name, one in slow
        if not one.closed_after or one.closed_after > one.limit_s + GRACE_S
    )
    early = Counter(
        name for name, one in slow if one.closed_after and one.closed_after < one.limit_s - GRACE_S
    )
    assert not late and not early, (late, early, {name: one.closed_after for name, one in slow})


def drip_until_closed(slow, load):
    """Every slow socket takes a step each second, until all are closed or the load is over."""
    step_at = time.monotonic()
    while not load.is_over():
        still = [one for _, one in slow if not one.look()]
        if time.monotonic() >= step_at:
            step_at += 1.0
            for one in still:
                one.step()
        time.sleep(0.1)
