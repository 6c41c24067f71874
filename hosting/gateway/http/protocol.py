"""The client's side of a connection: HTTP/1.1 framing, sizes and deadlines; whole requests go to a call or the app.

No ASGI server has deadlines for headers and bodies, so this class does. A request's body is collected before
anything else happens: a client that drips bytes holds a bounded buffer here, never a slot, a lease or a replica.
Deadlines are one attribute per connection that a ticker looks at four times a second.
"""

import asyncio
import socket
import struct
import time
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hosting.gateway import problems
from hosting.gateway.call import CARRIED, Call, key_from

if TYPE_CHECKING:
    from hosting.gateway.process.node import Node

IDLE, HEADERS, BODY, BUSY, LINGER = range(5)
NEVER = float("inf")
TO_BE_SET = -1.0  # a request that comes in one piece needs no deadlines for its parts
DRAIN_IDLE_S = 2.0
RESET = struct.pack(
    "ii", 1, 0
)  # else the kernel keeps megabytes for minutes for somebody who does not read them
OFFERS = frozenset({b"upgrade", b"connection", b"http2-settings"})
CLOSING = b"connection: close\r\n"
ONCE = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"authorization",
        b"x-api-key",
        b"content-type",
    }
)


class Request:
    """One complete request."""

    __slots__ = ("method", "url", "headers", "named", "body", "size", "keep_alive", "version")

    def __init__(self) -> None:
        self.method = b""
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.named: dict[bytes, bytes] = {}
        self.body: list[bytes] = []
        self.size = 0
        self.keep_alive = True
        self.version = "1.1"


class GatewayProtocol(asyncio.Protocol):
    """One client connection; stands where uvicorn's own protocol class would."""

    __slots__ = (
        "config",
        "server_state",
        "app_state",
        "loop",
        "node",
        "transport",
        "parser",
        "address",
        "phase",
        "deadline",
        "request",
        "held",
        "seen",
        "queue",
        "call",
        "cycle",
        "flow",
        "keep_alive",
        "closing",
        "draining",
        "failed",
        "reading_paused",
        "client",
        "is_proxied",
        "takes_chunks",
    )

    def __init__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.loop = _loop or asyncio.get_event_loop()
        self.node: Node = app_state["node"]
        self.parser = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.client: tuple[str, int] | None = None
        self.address = ""
        self.is_proxied = False
        self.phase = IDLE
        self.deadline = NEVER
        self.request = Request()
        self.held = 0
        self.seen = 0
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
        self.is_proxied = self.node.proxies.have(self.address)
        self.server_state.connections.add(self)
        self.phase, self.deadline = HEADERS, time.monotonic() + self.node.limits.header_s
        try:
            self.node.doorway.enter(self._counted_as)
        except problems.Problem as problem:
            self.failed = True
            self.refuse(problem, "", b"", close=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.connections.discard(self)
        self.node.doorway.leave(self._counted_as)
        self.failed = True
        self._release(self.request.size + sum(request.size for request in self.queue))
        self.queue.clear()
        if self.call is not None:
            call, self.call = self.call, None
            call.leave()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.flow is not None:
            self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.failed:
            return
        if self.phase == IDLE:
            self.phase, self.deadline = HEADERS, TO_BE_SET
        self.seen += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay_with_http(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._reject(problems.bad_framing("It is not a well-formed HTTP/1.1 request."))
        limits = self.node.limits
        if self.deadline < 0:
            self.deadline = time.monotonic() + (
                limits.header_s if self.phase == HEADERS else limits.body_s
            )
        if self.seen > limits.header_bytes + limits.url_bytes:
            self._reject(problems.headers_too_large("Send fewer or shorter headers."))

    def eof_received(self) -> None:
        return None

    def pause_writing(self) -> None:
        if self.flow is not None:
            self.flow.pause_writing()
        self.deadline = time.monotonic() + self.node.limits.write_s
        if self.call is not None:
            self.call.slow_down()

    def resume_writing(self) -> None:
        if self.flow is not None:
            self.flow.resume_writing()
        if self.phase == BUSY:
            self.deadline = NEVER
        if self.call is not None:
            self.call.speed_up()

    def shutdown(self) -> None:
        """The process is to end: answer what is asked, and one more request within a grace, then close."""
        self.draining = True
        self.closing = CLOSING
        self.keep_alive = False
        if self.phase == IDLE:
            self.deadline = min(self.deadline, time.monotonic() + DRAIN_IDLE_S)

    def tick(self, now: float) -> None:
        """Called a few times a second: whose time is up?"""
        if now <= self.deadline:
            return
        self.deadline = NEVER
        if self.phase in (HEADERS, BODY) and (self.seen or self.phase == BODY):
            self.node.counters.closed_slow += 1
            self._reject(problems.too_slow("headers" if self.phase == HEADERS else "body"))
        elif self.phase in (IDLE, HEADERS):
            self.transport.close()
        else:
            self.node.counters.closed_slow += 1
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
        request, limits = self.request, self.node.limits
        seen, self.seen = self.seen, 0
        self.phase, self.deadline = BODY, TO_BE_SET
        headers = request.headers
        may_be_large = (
            not 0 < seen <= limits.carried_bytes
        )  # 0: it came behind another request, in one piece
        if len(headers) > limits.header_count or (
            may_be_large and size_of(headers) > limits.header_bytes
        ):
            self._reject(
                problems.headers_too_large(f"At most {limits.header_count} headers are read.")
            )
            return
        if len(request.url) > limits.url_bytes:
            self._reject(problems.headers_too_large("The address is too long."))
            return
        named = request.named = dict(headers)
        if (
            may_be_large
            and sum(len(named.get(name, b"")) for name in CARRIED) > limits.carried_bytes
        ):
            self._reject(
                problems.headers_too_large(
                    f"What describes body and answer may have {limits.carried_bytes // 1024} KiB."
                )
            )
            return
        if len(named) != len(headers) and self._is_ambiguous(headers):
            self._reject(problems.bad_framing("A header that may be sent once was sent twice."))
            return
        length = named.get(b"content-length")
        if length is not None:
            if b"transfer-encoding" in named:
                self._reject(
                    problems.bad_framing("Content-Length and Transfer-Encoding were both sent.")
                )
                return
            if int(length) > limits.body_bytes:
                self._reject(problems.body_too_large(limits.body_bytes))
                return
        parser = self.parser
        request.method = parser.get_method()
        request.version = parser.get_http_version()
        request.keep_alive = request.version == "1.1" and parser.should_keep_alive()
        if request.version == "1.1" and b"host" not in named:
            self._reject(problems.bad_framing("The Host header is missing."))
        elif request.version not in ("1.1", "1.0"):
            self._reject(problems.bad_framing("Speak HTTP/1.1."))
        elif (
            request.version == "1.1"
            and b"expect" in named
            and not parser.should_upgrade()
            and self.phase == BODY
            and not self.queue
            and self.call is None
        ):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        if self.failed:
            return
        self.seen = 0
        request = self.request
        request.size += len(data)
        request.body.append(data)
        has_room = self.node.doorway.hold(len(data))
        if request.size > self.node.limits.body_bytes:
            self._reject(problems.body_too_large(self.node.limits.body_bytes))
        elif not has_room:
            self._reject(problems.gateway_busy())

    def on_message_complete(self) -> None:
        if self.failed or self.parser.should_upgrade():
            return
        request, self.request = self.request, _NONE
        self.seen = 0
        if self.call is None and (self.cycle is None or self.cycle.response_complete):
            self._start(request)
        elif len(self.queue) < self.node.limits.pipelined:
            self.queue.append(request)
            self.phase, self.deadline = BUSY, NEVER
            self._pause_reading()
        else:
            self._reject(
                problems.bad_framing("Too many requests were sent without waiting for answers.")
            )

    # Requests

    def _start(self, request: Request) -> None:
        self.phase, self.deadline = BUSY, NEVER
        self.held = request.size
        self.keep_alive = request.keep_alive and not self.draining
        self.closing = b"" if self.keep_alive else CLOSING
        if self.is_proxied and self.client:
            self.address = self.node.proxies.caller(self.client[0], request.headers)
        self.takes_chunks = request.version == "1.1"
        path, _, query = request.url.partition(b"?")
        if not path.startswith(b"/"):
            path = path_of(path)
        if query and b"mk" in query and self.node.leaks_key(query, self.address):
            self.refuse(problems.key_in_query(), "", b"")
            return
        target = target_of(path)
        if target is not None:
            self._infer(request, path, *target)
        else:
            self._ask_app(request, path, query)

    def _infer(self, request: Request, path: bytes, slug: str, number: str) -> None:
        if request.method != b"POST":
            self._ask_app(request, path, b"")
            return
        self.call = Call(
            self.node,
            self,
            key_from(request.named),
            slug,
            number,
            request.named,
            request.body,
            request.size,
        )
        self.call.run()

    def _ask_app(self, request: Request, path: bytes, query: bytes) -> None:
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
        self.cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.node.log,
            access_logger=self.node.log,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=self.keep_alive,
            on_response=self._cycle_done,
        )
        self.cycle.body += b"".join(request.body)
        self.cycle.more_body = False
        self.cycle.message_event.set()
        task = self.loop.create_task(self.cycle.run_asgi(self.config.loaded_app))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    @property
    def _counted_as(self) -> str | None:
        """Whose share of the connections this one is; a proxy's connections are many callers'."""
        return None if self.is_proxied else self.address

    # Answers

    def answer(self, data: bytes, last: bool) -> None:
        """A piece of a call's answer, headers included in the first."""
        if data:
            self.transport.write(data)
        if last:
            call = self.call
            if call is not None:
                self.node.counters.answered(call.status)
            self.call = None
            self._next()

    def refuse(
        self, problem: problems.Problem, request_id: str, extra: bytes, *, close: bool = False
    ) -> None:
        """Answer with a problem document."""
        request_id = request_id or self.node.new_request_id()
        body = problem.body(request_id)
        lines = [
            problems.status_line(problem.status),
            b"content-type: ",
            problems.MEDIA_TYPE,
            b"\r\ncontent-length: %d\r\n" % len(body),
            self.node.common_head,
            b"x-request-id: ",
            request_id.encode(),
            b"\r\n",
            extra,
        ]
        for name, value in problem.headers:
            lines += (name, b": ", value, b"\r\n")
        close = close or problem.close
        lines += (CLOSING if close else self.closing, b"\r\n", body)
        if self.transport.is_closing():
            return
        self.transport.write(b"".join(lines))
        self.node.counters.answered(problem.status)
        if close:
            self._linger()
        else:
            self.call = None
            self._next()

    def break_off(self) -> None:
        """The answer began and cannot be completed: a cut connection is the only honest sign left."""
        self.call = None
        self.transport.abort()

    def _cycle_done(self) -> None:
        self.loop.call_soon(self._next)

    def _next(self) -> None:
        self._release()
        self.server_state.total_requests += 1
        if self.failed or self.transport.is_closing():
            return
        if not self.keep_alive:
            self.transport.close()
        elif self.queue:
            self.loop.call_soon(self._start_queued)
        else:
            if self.phase == BUSY:
                self.phase, self.seen = IDLE, 0
            self.deadline = time.monotonic() + (
                DRAIN_IDLE_S if self.draining else self.node.limits.idle_s
            )
            if self.reading_paused:
                self.reading_paused = False
                self.transport.resume_reading()

    def _start_queued(self) -> None:
        if not self.failed and self.queue and self.call is None:
            self._start(self.queue.popleft())

    def _reject(self, problem: problems.Problem) -> None:
        """A request that is not taken: say so, read nothing more, close."""
        if self.failed:
            return
        self.failed = True
        self._release(self.request.size)
        self.request = _NONE
        self.node.counters.refused_framing += 1
        if self.call is not None or (self.cycle is not None and not self.cycle.response_complete):
            self.transport.abort()
        else:
            self.refuse(problem, "", b"", close=True)

    def _linger(self) -> None:
        """Let the client read the answer before the connection is reset by what it is still sending."""
        self.failed = True
        self.phase, self.deadline = LINGER, time.monotonic() + 2.0
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _stay_with_http(self, rest: bytes) -> None:
        """An offer to upgrade is ignored, as the standard allows: the request is read again without the offer."""
        if self.failed:
            return
        request = self.request
        if request.method == b"CONNECT":
            self._reject(problems.wrong_method(b"GET, POST"))
            return
        lines = [b"%b: %b\r\n" % header for header in request.headers if header[0] not in OFFERS]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method, request.url, b"".join(lines))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _pause_reading(self) -> None:
        if not self.reading_paused:
            self.reading_paused = True
            self.transport.pause_reading()

    def _release(self, more: int = 0) -> None:
        """The bodies of the request that was answered, and `more` bytes, are no longer held."""
        size, self.held = self.held + more, 0
        if size:
            self.node.doorway.free(size)

    @staticmethod
    def _is_ambiguous(headers: list[tuple[bytes, bytes]]) -> bool:
        names = [name for name, _ in headers if name in ONCE]
        return len(names) != len(set(names))


_NONE = Request()
_NONE.method = b"-"  # nothing is awaited of it


def size_of(headers: list[tuple[bytes, bytes]]) -> int:
    """Bytes of their names and values."""
    return sum(len(name) + len(value) for name, value in headers)


def path_of(target: bytes) -> bytes:
    """The path of a target in absolute form, `http://host/path` (RFC 9112, 3.2.2); any other target as it is."""
    scheme, mark, rest = target.partition(b"://")
    return (
        b"/" + rest.partition(b"/")[2] if mark and scheme.lower() in (b"http", b"https") else target
    )


@lru_cache(1024)
def target_of(path: bytes) -> tuple[str, str] | None:
    """The model and the version ("" when the path names none) of an inference; None when it is not the path of one."""
    match path.split(b"/"):
        case [b"", b"v2", b"models", slug, b"infer"]:
            return unquote(slug.decode("latin-1")), ""
        case [b"", b"v2", b"models", slug, b"versions", number, b"infer"]:
            return unquote(slug.decode("latin-1")), unquote(number.decode("latin-1"))
    return None


class Doorway:
    """How many connections an address has, and how many bytes of request bodies are held, in one process."""

    def __init__(self, per_address: int, in_all: int, bytes_held: int) -> None:
        self.per_address = per_address
        self.in_all = in_all
        self.room = bytes_held
        self.open: dict[str, int] = {}
        self.total = 0
        self.turned_away = 0

    def enter(self, address: str | None) -> None:
        """Count a connection in; raises Problem when it is one too many (it is counted all the same until it leaves).

        None: the address has no share of its own, only all connections together are bounded.
        """
        count = 0
        if address is not None:
            count = self.open[address] = self.open.get(address, 0) + 1
        self.total += 1
        if count > self.per_address or self.total > self.in_all:
            self.turned_away += 1
            raise (
                problems.too_many_connections(self.per_address)
                if count > self.per_address
                else problems.gateway_busy()
            )

    def leave(self, address: str | None) -> None:
        self.total -= 1
        if address is None:
            return
        count = self.open.get(address, 0) - 1
        if count > 0:
            self.open[address] = count
        else:
            self.open.pop(address, None)

    def hold(self, size: int) -> bool:
        """Reserve room for body bytes; the caller frees them even when told False."""
        self.room -= size
        return self.room >= 0

    def free(self, size: int) -> None:
        self.room += size
