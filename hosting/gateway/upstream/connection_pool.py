"""Keep-alive HTTP/1.1 connections to upstreams, and one exchange over one of them.

An exchange is driven by callbacks and not by awaits: at tens of microseconds a request, a task for each step would be the
largest cost. Deadlines are attributes that one ticker checks; no timer is made per request. A client library in place of this
class was measured and rejected (CPU time per request: this pool 63 µs, aiohttp 193 µs, httpx over 1 000 µs).
"""

import asyncio
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import httptools

from hosting.gateway.addresses import Origin
from hosting.gateway.config import GatewayConfig

ACKED = slice(120, 128)  # tcpi_bytes_acked in Linux' struct tcp_info (RFC 4898, ThruOctetsAcked)


class Failure(Enum):
    """Why an exchange ended without a whole answer."""

    HUNG_UP = "the upstream closed the connection before any byte of an answer"
    CUT_OFF = "the upstream closed the connection amid an answer"
    TIMED_OUT = "a deadline passed"
    UNREAD = "the caller did not read the answer in time"
    MALFORMED = "the answer is not HTTP/1.1, or its headers are too large"
    TOO_LARGE = "the answer's body is too large"


class ResponseHandler(Protocol):
    """Who waits for an answer."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Names are in lower case."""

    def on_data(self, data: bytes) -> None: ...
    def on_done(self) -> None: ...
    def on_failure(self, failure: Failure, is_unread: bool) -> None:
        """`is_unread`: the other side has not taken one byte of the request, so it can be sent again to anybody."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream; serves one exchange at a time."""

    __slots__ = (
        "pool",
        "origin",
        "transport",
        "parser",
        "on_header",
        "handler",
        "headers",
        "head_bytes",
        "trailer_bytes",
        "status",
        "body_bytes",
        "deadline",
        "last_byte_by",
        "idle_since",
        "keep_alive",
        "is_reused",
        "acked",
        "paused",
        "closed",
    )

    def __init__(self, pool: "ConnectionPool", origin: Origin) -> None:
        self.pool = pool
        self.origin = origin
        self.transport: Any = None
        self.parser: Any = None
        self.handler: ResponseHandler | None = None
        self.headers: dict[bytes, bytes] = {}
        self.on_header = self.headers.setdefault  # the parser calls it without a Python frame
        self.head_bytes = 0  # received before the status was known, and what came with it
        self.trailer_bytes = 0
        self.status = 0
        self.body_bytes = 0
        self.deadline = 0.0
        self.last_byte_by = 0.0
        self.idle_since = 0.0
        self.keep_alive = False
        self.is_reused = False
        self.acked = -1
        self.paused = False
        self.closed = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def exchange(self, handler: ResponseHandler, request: list[bytes], first_byte_s: float) -> None:
        """Send a whole request; the handler gets the answer."""
        now = time.monotonic()
        self.handler = handler
        self.head_bytes = self.trailer_bytes = self.body_bytes = 0
        self.headers.clear()
        self.deadline = now + first_byte_s
        self.last_byte_by = now + max(first_byte_s, self.pool.config.total_s)
        if self.is_reused and self.origin.is_external:
            self.acked = self._bytes_acked()
        self.pool.busy.add(self)
        if len(request) > 1:
            self.transport.writelines(request)
        else:
            self.transport.write(request[0])

    def abort(self) -> None:
        """Nobody waits for the answer any more: close, so that the upstream can stop."""
        self.handler = None
        self.pool.busy.discard(self)
        self.transport.abort()

    def pause_reading(self) -> None:
        """Backpressure: the caller reads slowly."""
        if not self.paused and not self.closed:
            self.paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.paused and not self.closed:
            self.paused = False
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        handler = self.handler
        if handler is None:
            self.transport.abort()  # an idle upstream has nothing to send
            return
        has_head, body_bytes = self.status, self.body_bytes
        if not has_head:
            self.head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self.fail(Failure.MALFORMED)
        else:
            if self.handler is handler:
                is_trailer = has_head and self.body_bytes == body_bytes
                self._expect_more(len(data) if is_trailer else 0)

    def _expect_more(self, trailer_bytes: int) -> None:
        """The answer is not complete. `trailer_bytes`: received after the head without a byte of the body."""
        self.trailer_bytes = self.trailer_bytes + trailer_bytes if trailer_bytes else 0
        head_bytes = 0 if self.status else self.head_bytes
        if max(self.trailer_bytes, head_bytes) > self.pool.config.response_header_bytes:
            self.fail(Failure.MALFORMED)
        elif self.status:
            self.deadline = time.monotonic() + self.pool.config.upstream_idle_s

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.pool.forget(self)
        if self.handler is not None:
            if self.head_bytes:
                self.fail(Failure.CUT_OFF)
            else:
                self.fail(Failure.HUNG_UP, self.acked >= 0 and self.acked == self._bytes_acked())

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self.handler is None:
            self.transport.abort()  # more than was asked for

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200 or self.handler is None:
            return
        headers, config = self.headers, self.pool.config
        if len(headers) > config.response_header_count or (
            self.head_bytes > config.response_header_bytes
            and sum(len(name) + len(value) for name, value in headers.items())
            > config.response_header_bytes
        ):
            self.fail(Failure.MALFORMED)
            return
        self.status = status
        self.keep_alive = self.parser.should_keep_alive()
        self.handler.on_head(status, {name.lower(): value for name, value in headers.items()})

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self.body_bytes > self.pool.config.response_bytes:
            self.fail(Failure.TOO_LARGE)
        elif self.handler is not None:
            self.handler.on_data(data)

    def on_message_complete(self) -> None:
        if self.status < 200:
            self.headers.clear()
            return
        handler, self.handler = self.handler, None
        if handler is None:
            return
        self.pool.busy.discard(self)
        self.status = 0
        if self.keep_alive and not self.paused:
            self.pool.give_back(self)
        else:
            self.transport.close()
        handler.on_done()

    def fail(self, failure: Failure, is_unread: bool = False) -> None:
        """End the exchange without an answer and never use the connection again."""
        handler, self.handler = self.handler, None
        self.pool.busy.discard(self)
        self.transport.abort()
        if handler is not None:
            handler.on_failure(failure, is_unread)

    def _bytes_acked(self) -> int:
        """Bytes that the other side's TCP has acknowledged so far; -1 when the kernel does not tell."""
        if not hasattr(socket, "TCP_INFO"):
            return -1
        try:
            info = self.transport.get_extra_info("socket").getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, ACKED.stop
            )
        except OSError:
            return -1
        return int.from_bytes(info[ACKED], sys.byteorder) if len(info) == ACKED.stop else -1


class ConnectionPool:
    """All upstream connections of a process, by origin. `resolve_external` returns the address of an external host that egress policy allows (OSError)."""

    def __init__(self, config: GatewayConfig, resolve_external: Callable[[Origin], str]) -> None:
        self.config = config
        self.busy: set[UpstreamConnection] = set()
        self.opened = 0
        self._idle: dict[Origin, deque[UpstreamConnection]] = {}
        self._tls = ssl.create_default_context()
        self._resolve_external = resolve_external

    def take(self, origin: Origin) -> UpstreamConnection | None:
        """The idle connection that was used last, whose upstream is most likely alive; None if there is none."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                connection.is_reused = True
                return connection
        return None

    async def open(self, origin: Origin) -> UpstreamConnection:
        """A new connection within the connect deadline. Raises OSError or TimeoutError."""
        loop = asyncio.get_running_loop()
        self.opened += 1
        async with asyncio.timeout(self.config.connect_s):
            host = origin.host
            if origin.is_external:
                host = await loop.run_in_executor(None, self._resolve_external, origin)
            _, connection = await loop.create_connection(
                lambda: UpstreamConnection(self, origin),
                host,
                origin.port,
                ssl=self._tls if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        """The exchange is over and the upstream keeps the connection open."""
        connection.idle_since = time.monotonic()
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = deque()
        idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection is gone."""
        self.busy.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)

    def check_deadlines(self, now: float) -> None:
        """Fail exchanges that are late, close connections that were idle for long; called a few times a second."""
        for connection in [c for c in self.busy if now > c.deadline or now > c.last_byte_by]:
            if not connection.paused:
                connection.fail(Failure.TIMED_OUT)
            elif now > connection.last_byte_by:
                connection.fail(Failure.UNREAD)
        for idle in self._idle.values():
            while idle and now - idle[0].idle_since > self.config.keep_upstream_s:
                idle.popleft().transport.close()

    def idle_count(self) -> int:
        return sum(len(idle) for idle in self._idle.values())

    def close(self) -> None:
        """Close all connections at once."""
        for idle in self._idle.values():
            for connection in list(idle):
                connection.transport.abort()
        for connection in list(self.busy):
            connection.fail(Failure.CUT_OFF)
