"""Keep-alive HTTP/1.1 connections to upstreams, and one exchange over one of them.

An exchange is driven by callbacks, not awaits: at tens of microseconds a request, a task per step would be the bill.
Deadlines are attributes that one ticker looks at; no timer is made per request.
"""

import asyncio
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from hosting.gateway.addresses import Origin
from hosting.gateway.config import Limits

# Why an exchange ended without an answer: hung up before or amid an answer; too late; a caller who does not read; nonsense.
SILENT, LOST, LATE, UNREAD, MALFORMED, TOO_LARGE = (
    "silent",
    "lost",
    "late",
    "unread",
    "malformed",
    "too_large",
)
ACKED = slice(120, 128)  # tcpi_bytes_acked in Linux' struct tcp_info (RFC 4898, ThruOctetsAcked)


class Sink(Protocol):
    """Who waits for an answer."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Names are in lower case."""

    def on_data(self, data: bytes) -> None: ...
    def on_done(self) -> None: ...
    def on_failed(self, why: str, untouched: bool) -> None:
        """`untouched`: the other side has not taken one byte of the request, so it can be sent again to anybody."""


class Connection(asyncio.Protocol):
    """One connection to an upstream; serves one exchange at a time."""

    __slots__ = (
        "pool",
        "origin",
        "transport",
        "parser",
        "on_header",
        "sink",
        "headers",
        "head_bytes",
        "loose_bytes",
        "status",
        "body_bytes",
        "deadline",
        "last_byte_by",
        "idle_since",
        "keeps",
        "is_reused",
        "acked",
        "paused",
        "closed",
    )

    def __init__(self, pool: "Pool", origin: Origin) -> None:
        self.pool = pool
        self.origin = origin
        self.transport: Any = None
        self.parser: Any = None
        self.sink: Sink | None = None
        self.headers: dict[bytes, bytes] = {}
        self.on_header = (
            self.headers.setdefault
        )  # called by the parser for every header: no frame of ours for each
        self.head_bytes = 0  # received before the status was known, and what came with it
        self.loose_bytes = 0
        self.status = 0
        self.body_bytes = 0
        self.deadline = 0.0
        self.last_byte_by = 0.0
        self.idle_since = 0.0
        self.keeps = False
        self.is_reused = False
        self.acked = -1
        self.paused = False
        self.closed = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def exchange(self, sink: Sink, request: list[bytes], first_byte_s: float) -> None:
        """Send a whole request; the sink hears the rest."""
        now = time.monotonic()
        self.sink = sink
        self.head_bytes = self.loose_bytes = self.body_bytes = 0
        self.headers.clear()
        self.deadline = now + first_byte_s
        self.last_byte_by = now + max(first_byte_s, self.pool.limits.total_s)
        if self.is_reused and self.origin.is_external:
            self.acked = self._acked()
        self.pool.busy.add(self)
        if len(request) > 1:
            self.transport.writelines(request)
        else:
            self.transport.write(request[0])

    def abandon(self) -> None:
        """The caller has left: hang up, so that the upstream can stop."""
        self.sink = None
        self._end()
        self.transport.abort()

    def pause(self) -> None:
        """The caller reads slowly: read slowly too."""
        if not self.paused and not self.closed:
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.paused and not self.closed:
            self.paused = False
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        sink = self.sink
        if sink is None:
            self.transport.abort()  # an idle upstream has nothing to say
            return
        has_head, body_bytes = self.status, self.body_bytes
        if not has_head:
            self.head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self.fail(MALFORMED)
        else:
            if self.sink is sink:
                self._go_on(len(data) if has_head and self.body_bytes == body_bytes else 0)

    def _go_on(self, loose: int) -> None:
        """More of the answer is to come. `loose`: bytes of a read behind the head that brought none of the body: trailers, perhaps."""
        self.loose_bytes = self.loose_bytes + loose if loose else 0
        if (
            max(self.loose_bytes, 0 if self.status else self.head_bytes)
            > self.pool.limits.response_header_bytes
        ):
            self.fail(MALFORMED)
        elif self.status:
            self.deadline = time.monotonic() + self.pool.limits.upstream_idle_s

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.pool.forget(self)
        if self.sink is not None:
            if self.head_bytes:
                self.fail(LOST)
            else:
                self.fail(SILENT, self.acked >= 0 and self.acked == self._acked())

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self.sink is None:
            self.transport.abort()  # more than was asked for

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200 or self.sink is None:
            return
        headers, limits = self.headers, self.pool.limits
        if len(headers) > limits.response_header_count or (
            self.head_bytes > limits.response_header_bytes
            and sum(len(name) + len(value) for name, value in headers.items())
            > limits.response_header_bytes
        ):
            self.fail(MALFORMED)
            return
        self.status = status
        self.keeps = self.parser.should_keep_alive()
        self.sink.on_head(status, {name.lower(): value for name, value in headers.items()})

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self.body_bytes > self.pool.limits.response_bytes:
            self.fail(TOO_LARGE)
        elif self.sink is not None:
            self.sink.on_data(data)

    def on_message_complete(self) -> None:
        if self.status < 200:
            self.headers.clear()
            return
        sink, self.sink = self.sink, None
        if sink is None:
            return
        self._end()
        self.status = 0
        if self.keeps and not self.paused:
            self.pool.give_back(self)
        else:
            self.transport.close()
        sink.on_done()

    def fail(self, why: str, untouched: bool = False) -> None:
        """End the exchange without an answer and never use the connection again."""
        sink, self.sink = self.sink, None
        self._end()
        self.transport.abort()
        if sink is not None:
            sink.on_failed(why, untouched)

    def _acked(self) -> int:
        """Bytes that the other side's TCP has taken so far; -1 when the kernel does not tell."""
        if not hasattr(socket, "TCP_INFO"):
            return -1
        try:
            told = self.transport.get_extra_info("socket").getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, ACKED.stop
            )
        except OSError:
            return -1
        return int.from_bytes(told[ACKED], sys.byteorder) if len(told) == ACKED.stop else -1

    def _end(self) -> None:
        self.pool.busy.discard(self)


class Pool:
    """All connections of a process, by origin. `judge` resolves an external host to an address that may be called (OSError)."""

    def __init__(self, limits: Limits, judge: Callable[[Origin], str]) -> None:
        self.limits = limits
        self.busy: set[Connection] = set()
        self.opened = 0
        self._idle: dict[Origin, deque[Connection]] = {}
        self._tls = ssl.create_default_context()
        self._judge = judge

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection, the one used last (its upstream is surely awake); None if there is none."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                connection.is_reused = True
                return connection
        return None

    async def open(self, origin: Origin) -> Connection:
        """A new connection within the connect deadline. Raises OSError or TimeoutError."""
        loop = asyncio.get_running_loop()
        self.opened += 1
        async with asyncio.timeout(self.limits.connect_s):
            host = (
                await loop.run_in_executor(None, self._judge, origin)
                if origin.is_external
                else origin.host
            )
            _, connection = await loop.create_connection(
                lambda: Connection(self, origin),
                host,
                origin.port,
                ssl=self._tls if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        return connection

    def give_back(self, connection: Connection) -> None:
        """The exchange is over and the upstream keeps the connection."""
        connection.idle_since = time.monotonic()
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = deque()
        idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self.busy.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)

    def tick(self, now: float) -> None:
        """Fail what is late, close what was idle long; called a few times a second."""
        for connection in [c for c in self.busy if now > c.deadline or now > c.last_byte_by]:
            if not connection.paused:
                connection.fail(LATE)
            elif now > connection.last_byte_by:
                connection.fail(UNREAD)
        for idle in self._idle.values():
            while idle and now - idle[0].idle_since > self.limits.keep_upstream_s:
                idle.popleft().transport.close()

    def idle_count(self) -> int:
        """Connections that wait for work."""
        return sum(len(idle) for idle in self._idle.values())

    def close(self) -> None:
        """Hang up everywhere."""
        for idle in self._idle.values():
            for connection in list(idle):
                connection.transport.abort()
        for connection in list(self.busy):
            connection.fail(LOST)
