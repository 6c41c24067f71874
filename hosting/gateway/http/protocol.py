"""The client's side of a connection: HTTP/1.1 framing, sizes and deadlines. Whole requests go to a call or to the application.

No ASGI server has deadlines for headers and bodies, so this class does. A request's body is collected before anything else
happens: a client that sends byte by byte holds a bounded buffer here, never a slot, a lease or a replica. A deadline is
one attribute per connection that a ticker checks four times a second.

    phase     means                                                   deadline
    IDLE      kept alive between requests                             idle_s
    HEADERS   the head of a request is coming                         header_s
    BODY      its body is coming                                      body_s
    BUSY      a request is being answered                             none, or write_s while the client does not read
    LINGER    a rejection was sent; the client may still be sending   LINGER_S
"""

import asyncio
import logging
import socket
import struct
import time
from collections import deque
from enum import Enum
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hosting.gateway import problems
from hosting.gateway.call import Call
from hosting.gateway.context import GatewayContext
from hosting.gateway.headers import CONNECTION_CLOSE, UPGRADE, key_from
from hosting.gateway.http.request import (
    NO_REQUEST,
    Request,
    call_target,
    head_problem,
    path_of,
)
from hosting.gateway.http.responses import problem_response

LOG = logging.getLogger("hosting.gateway")
NEVER = float("inf")
TO_BE_SET = -1.0  # a request that comes in one piece needs no deadlines for its parts
DRAIN_IDLE_S = 2.0
LINGER_S = 2.0
# SO_LINGER of zero: else the kernel keeps megabytes for minutes for a client that does not read them.
RESET = struct.pack("ii", 1, 0)


class Phase(Enum):
    """See the table above."""

    IDLE = "idle"
    HEADERS = "headers"
    BODY = "body"
    BUSY = "busy"
    LINGER = "linger"


IDLE, HEADERS, BODY, BUSY, LINGER = Phase


class GatewayProtocol(asyncio.Protocol):
    """One client connection; stands where uvicorn's own protocol class would."""

    __slots__ = (
        "uvicorn_config",
        "server_state",
        "app_state",
        "loop",
        "context",
        "transport",
        "parser",
        "client",
        "address",
        "is_proxied",
        "phase",
        "deadline",
        "request",
        "held_bytes",
        "received",
        "queue",
        "call",
        "cycle",
        "flow",
        "keep_alive",
        "closing",
        "takes_chunks",
        "draining",
        "failed",
        "reading_paused",
    )

    def __init__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        self.uvicorn_config = config
        self.server_state = server_state
        self.app_state = app_state
        self.loop = _loop or asyncio.get_event_loop()
        self.context: GatewayContext = app_state["context"]
        self.parser = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.client: tuple[str, int] | None = None
        self.address = ""
        self.is_proxied = False
        self.phase = IDLE
        self.deadline = NEVER
        self.request = Request()
        self.held_bytes = 0  # of the body of the request that is being answered
        self.received = 0  # since the last part of a request was complete
        self.queue: deque[Request] = deque()
        self.call: Call | None = None
        self.cycle: RequestResponseCycle | None = None
        self.flow: FlowControl | None = None
        self.keep_alive = True
        self.closing = b""
        self.takes_chunks = True
        self.draining = False
        self.failed = False
        self.reading_paused = False

    # The connection

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        self.address = self.client[0] if self.client else ""
        self.is_proxied = self.context.proxies.contain(self.address)
        self.server_state.connections.add(self)
        self.phase, self.deadline = HEADERS, time.monotonic() + self.context.config.header_s
        try:
            self.context.connection_limiter.acquire(self._counted_as)
        except problems.Problem as problem:
            self.failed = True
            self.reject(problem, "", b"", close=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.connections.discard(self)
        self.context.connection_limiter.release(self._counted_as)
        self.failed = True
        self._free_body(self.request.size + sum(request.size for request in self.queue))
        self.queue.clear()
        if self.call is not None:
            call, self.call = self.call, None
            call.cancel()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.flow is not None:
            self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.failed:
            return
        if self.phase is IDLE:
            self.phase, self.deadline = HEADERS, TO_BE_SET
        self.received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._fail(problems.bad_framing("It is not a well-formed HTTP/1.1 request."))
        if self.deadline < 0 or self.received:
            self._expect_more()

    def _expect_more(self) -> None:
        """A part of a request is still to come: it gets a deadline, and its head has a size."""
        config = self.context.config
        if self.deadline < 0:
            seconds = config.header_s if self.phase is HEADERS else config.body_s
            self.deadline = time.monotonic() + seconds
        if self.received > config.header_bytes + config.url_bytes:
            self._fail(problems.headers_too_large("Send fewer or shorter headers."))

    def eof_received(self) -> None:
        return None

    def pause_writing(self) -> None:
        if self.flow is not None:
            self.flow.pause_writing()
        self.deadline = time.monotonic() + self.context.config.write_s
        if self.call is not None:
            self.call.pause_reading()

    def resume_writing(self) -> None:
        if self.flow is not None:
            self.flow.resume_writing()
        if self.phase is BUSY:
            self.deadline = NEVER
        if self.call is not None:
            self.call.resume_reading()

    def shutdown(self) -> None:
        """The process is to end: answer what was asked, and one more request within a grace, then close."""
        self.draining = True
        self.closing = CONNECTION_CLOSE
        self.keep_alive = False
        if self.phase is IDLE:
            self.deadline = min(self.deadline, time.monotonic() + DRAIN_IDLE_S)

    def check_deadline(self, now: float) -> None:
        """Called a few times a second: reject or close a client that is too slow."""
        if now <= self.deadline:
            return
        self.deadline = NEVER
        if self.phase is BODY or (self.phase is HEADERS and self.received):
            self.context.counters.closed_slow += 1
            self._fail(problems.too_slow("headers" if self.phase is HEADERS else "body"))
        elif self.phase in (IDLE, HEADERS):
            self.transport.close()
        else:
            self.context.counters.closed_slow += 1
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, RESET
            )
            self.transport.abort()

    # Parser callbacks

    def on_message_begin(self) -> None:
        self.request = Request()

    def on_url(self, url: bytes) -> None:
        self.request.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if (
            not self.request.method
        ):  # else a trailer, which is never merged into the headers (RFC 9110, 6.5.1)
            self.request.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.failed:
            return
        request, parser = self.request, self.parser
        received, self.received = self.received, 0
        self.phase, self.deadline = BODY, TO_BE_SET
        request.by_name = dict(request.headers)
        request.version = parser.get_http_version()
        problem = head_problem(request, received, self.context.config)
        if problem is not None:
            self._fail(problem)
            return
        request.method = parser.get_method()
        request.keep_alive = request.version == "1.1" and parser.should_keep_alive()
        if b"expect" in request.by_name and self._expects_continue(request):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _expects_continue(self, request: Request) -> bool:
        """100-continue is sent only when this request is the next one to be answered."""
        is_next = not self.queue and self.call is None
        return request.version == "1.1" and is_next and not self.parser.should_upgrade()

    def on_body(self, data: bytes) -> None:
        if self.failed:
            return
        self.received = 0
        request = self.request
        request.size += len(data)
        request.body.append(data)
        fits = self.context.connection_limiter.reserve_body(len(data))
        if request.size > self.context.config.body_bytes:
            self._fail(problems.body_too_large(self.context.config.body_bytes))
        elif not fits:
            self._fail(problems.gateway_busy())

    def on_message_complete(self) -> None:
        if self.failed or self.parser.should_upgrade():
            return
        request, self.request = self.request, NO_REQUEST
        self.received = 0
        if self.call is None and (self.cycle is None or self.cycle.response_complete):
            self._start(request)
        elif len(self.queue) < self.context.config.pipelined:
            self.queue.append(request)
            self.phase, self.deadline = BUSY, NEVER
            if not self.reading_paused:
                self.reading_paused = True
                self.transport.pause_reading()
        else:
            self._fail(
                problems.bad_framing("Too many requests were sent without waiting for answers.")
            )

    # Requests

    def _start(self, request: Request) -> None:
        self.phase, self.deadline = BUSY, NEVER
        self.held_bytes = request.size
        self.keep_alive = request.keep_alive and not self.draining
        self.closing = b"" if self.keep_alive else CONNECTION_CLOSE
        if self.is_proxied and self.client:
            self.address = self.context.proxies.client_of(self.client[0], request.headers)
        self.takes_chunks = request.version == "1.1"
        path, _, query = request.url.partition(b"?")
        if not path.startswith(b"/"):
            path = path_of(path)
        if query and b"mk" in query and self.context.revocations.revoke_leaked(query, self.address):
            self.reject(problems.key_in_query(), "", b"")
            return
        target = call_target(path)
        if target is not None and request.method == b"POST":
            key = key_from(request.by_name)
            kind, slug, number = target
            self.call = call = kind(
                self.context, self, key, slug, number, request.by_name, request.body, request.size
            )
            call.run()
        else:
            self._run_application(request, path, query if target is None else b"")

    def _run_application(self, request: Request, path: bytes, query: bytes) -> None:
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.version,
            "server": None,
            "client": (self.address, 0),
            "scheme": "http",
            "root_path": "",
            "method": request.method.decode("ascii"),
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": request.headers,
            "state": self.app_state,
        }
        self.flow = self.flow or FlowControl(self.transport)
        self.cycle = self._new_cycle(scope, self.flow)
        self.cycle.body += b"".join(request.body)
        self.cycle.more_body = False
        self.cycle.message_event.set()
        task = self.loop.create_task(self.cycle.run_asgi(self.uvicorn_config.loaded_app))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def _new_cycle(self, scope: Any, flow: FlowControl) -> RequestResponseCycle:
        return RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=flow,
            logger=LOG,
            access_logger=LOG,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=self.keep_alive,
            on_response=self._on_cycle_done,
        )

    @property
    def _counted_as(self) -> str | None:
        """Whose share of the connections this one takes; a proxy's connections are many callers'."""
        return None if self.is_proxied else self.address

    # Answers

    def answer(self, data: bytes, last: bool) -> None:
        """A piece of a call's answer, headers included in the first."""
        if data:
            self.transport.write(data)
        if last:
            call = self.call
            if call is not None:
                self.context.counters.record_answer(call.status)
            self.call = None
            self._next()

    def reject(
        self, problem: problems.Problem, request_id: str, extra: bytes, *, close: bool = False
    ) -> None:
        """Answer with a problem document. `extra`: further header lines."""
        close = close or problem.close
        request_id = request_id or self.context.new_request_id()
        closing = CONNECTION_CLOSE if close else self.closing
        head = self.context.common_head + extra + closing
        document = problem_response(problem, request_id, head)
        if self.transport.is_closing():
            return
        self.transport.write(document)
        self.context.counters.record_answer(problem.status)
        if close:
            self._linger()
        else:
            self.call = None
            self._next()

    def abort(self) -> None:
        """The answer began and cannot be completed: a cut connection is the only honest sign left."""
        self.call = None
        self.transport.abort()

    def _on_cycle_done(self) -> None:
        self.loop.call_soon(self._next)

    def _next(self) -> None:
        """The answer is out: close, take the next request from the queue, or wait for one."""
        if self.held_bytes:
            self._free_body()
        self.server_state.total_requests += 1
        if self.failed or self.transport.is_closing():
            return
        if not self.keep_alive:
            self.transport.close()
        elif self.queue:
            self.loop.call_soon(self._start_queued)
        else:
            if self.phase is BUSY:
                self.phase, self.received = IDLE, 0
            idle_s = DRAIN_IDLE_S if self.draining else self.context.config.idle_s
            self.deadline = time.monotonic() + idle_s
            if self.reading_paused:
                self.reading_paused = False
                self.transport.resume_reading()

    def _start_queued(self) -> None:
        if not self.failed and self.queue and self.call is None:
            self._start(self.queue.popleft())

    def _fail(self, problem: problems.Problem) -> None:
        """The request cannot be taken: answer, read nothing more, close."""
        if self.failed:
            return
        self.failed = True
        self._free_body(self.request.size)
        self.request = NO_REQUEST
        self.context.counters.rejected_framing += 1
        if self.call is not None or (self.cycle is not None and not self.cycle.response_complete):
            self.transport.abort()
        else:
            self.reject(problem, "", b"", close=True)

    def _linger(self) -> None:
        """Let the client read the answer before the connection is reset by what it is still sending."""
        self.failed = True
        self.phase, self.deadline = LINGER, time.monotonic() + LINGER_S
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request again without its offer to upgrade, as the standard allows."""
        if self.failed:
            return
        request = self.request
        if request.method == b"CONNECT":
            self._fail(problems.method_not_allowed(b"GET, POST"))
            return
        lines = [b"%b: %b\r\n" % header for header in request.headers if header[0] not in UPGRADE]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method, request.url, b"".join(lines))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _free_body(self, more: int = 0) -> None:
        """The body of the request that was answered, and `more` bytes, are no longer held."""
        size, self.held_bytes = self.held_bytes + more, 0
        if size:
            self.context.connection_limiter.free_body(size)
