"""Upstreams that lose calls, close connections, drip or refuse; and callers to go with them. For a stub's `behave`."""

import contextlib
import socket
import struct
import time
from collections import Counter

from tests.gateway import (
    ANSWER,
    answer,
    answer_ok,
    content_length,
    http_answer,
    infer_path,
    parallel,
    raw_request,
    until,
)

RESET = struct.pack("ii", 1, 0)
QUEUE_IS_FULL = (
    b"Request dropped due to backpressure (num_queued_requests=64, max_queued_requests=64)."
)


def id_of(head):
    return next(
        line[14:].decode() for line in head.split(b"\r\n") if line.startswith(b"x-request-id: ")
    )


class Losing:
    """A behaviour: each request is lost in `how` the first `times` times that it comes, then answered."""

    def __init__(self, how, times=1):
        self.how = how
        self.times = times
        self.came = Counter()
        self.injected = 0

    def __call__(self, connection, head, body):
        self.came[id_of(head)] += 1
        if self.came[id_of(head)] <= self.times:
            self.injected += 1
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

NOT_LOST = {
    "a full queue": (answer(b"503 Service Unavailable", QUEUE_IS_FULL), 503),
    "told to wait": (
        answer(b"503 Service Unavailable", b"later", extra=b"retry-after: 3\r\n"),
        503,
    ),
    "too many": (answer(b"429 Too Many Requests"), 503),
    "the model's own failure": (
        answer(b"500 Internal Server Error", b"{}", b"application/problem+json"),
        502,
    ),
    "the model's own refusal": (
        answer(b"422 Unprocessable Entity", b"{}", b"application/problem+json"),
        422,
    ),
}


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
    """How many of each status."""
    found = parallel(threads, lambda _: Counter(gateway.infer(path, key)[0] for _ in range(each)))
    return sum(found, Counter())


def drip(connection, head, body):
    """A byte every 50 ms for as long as anybody listens."""
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with contextlib.suppress(OSError):
        while content_length(head):
            connection.sendall(b"1\r\n \r\n")
            time.sleep(0.05)
    return False


def leave_after(gateway, version, key, condition):
    """Call on a connection of its own, and go when the condition holds."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(raw_request(infer_path(version), key))
        until(condition, 5, gateway.said)
