"""One inference, from the moment its last request byte is in until the last answer byte is out.

Steps are plain functions. As long as everything needed is at hand (key, lease, slot, connection) a call runs through
without a task or an await; only what must be waited for moves it to a task.

A call that is lost on the way to the model is sent once more, as long as no byte of an answer has gone out: to any upstream
when it cannot have taken a byte of the request, and to a version that we host also afterwards, since our server class only
computes. When a replica dies, the engine's ingress hangs up without a word (seen: within 50 ms, also in the middle of an
answer) or answers a bare 5xx; calls that come later are held until another replica runs. So the second try follows after
`retry_pause_s`, on a fresh connection, and waits for what is left of the version's deadline for a first byte. A full queue is
told by its own words and not asked again. One call, one event, one unit at most, whatever happened in between; `lanes` bounds
how many are sent again.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

from consumption.metering import usage_journal
from hosting.gateway import problems
from hosting.gateway.auth import resolve
from hosting.gateway.auth.key_cache import Subscriber
from hosting.gateway.auth.resolve import Version
from hosting.gateway.limits.admission import Account
from hosting.gateway.upstream import connection_pool
from hosting.gateway.upstream.circuit_breaker import Lane
from hosting.gateway.upstream.connection_pool import Connection

if TYPE_CHECKING:
    from hosting.gateway.process.node import Node

log = logging.getLogger(__name__)

CARRIED = {
    b"content-type": b"content-type: ",
    b"content-encoding": b"content-encoding: ",
    b"inference-header-content-length": b"inference-header-content-length: ",
    b"accept": b"accept: ",
    b"accept-encoding": b"accept-encoding: ",
}
RETURNED = tuple(
    (name, name + b": ")
    for name in (b"content-type", b"content-encoding", b"inference-header-content-length")
)
SMALL = 65536
CHUNKED = b"transfer-encoding: chunked\r\n"
BODILESS = (204, 205)  # no answer to an inference, and framed unlike one
LEFT_TO_TRY_S = 0.05  # with less than this left of the deadline, a second try could only be late
QUEUE_IS_FULL = (
    b"Request dropped due to backpressure"  # a replica's 503, and its ingress' for it (Ray Serve)
)


class Caller(Protocol):
    """Who asked: takes the answer in pieces of raw HTTP and tells when it cannot take more."""

    address: str
    closing: bytes
    takes_chunks: bool

    def answer(self, data: bytes, last: bool) -> None: ...
    def refuse(self, problem: problems.Problem, request_id: str, extra: bytes) -> None: ...
    def break_off(self) -> None: ...


class Call:
    """The state of one inference."""

    __slots__ = (
        "node",
        "caller",
        "raw_key",
        "slug",
        "number",
        "headers",
        "body",
        "size",
        "subscriber",
        "account",
        "version",
        "lane",
        "ticket",
        "event_id",
        "began_ns",
        "at_us",
        "connection",
        "is_second_try",
        "status",
        "head",
        "held",
        "chunked",
        "sent",
        "response_bytes",
        "error_status",
        "says_when",
        "task",
        "over",
        "made_id",
    )

    def __init__(
        self,
        node: "Node",
        caller: Caller,
        raw_key: bytes,
        slug: str,
        number: str,
        headers: dict[bytes, bytes],
        body: list[bytes],
        size: int,
    ) -> None:
        self.node = node
        self.caller = caller
        self.raw_key = raw_key
        self.slug = slug
        self.number = number
        self.headers = headers
        self.body = body
        self.size = size
        self.subscriber: Subscriber | None = None
        self.account: Account | None = None
        self.version: Version | None = None
        self.lane: Lane | None = None
        self.ticket: usage_journal.Ticket | None = None
        self.event_id = b""
        self.connection: Connection | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_second_try = False
        self.status = 0
        self.error_status = 0
        self.says_when = False
        self.head = b""
        self.held = b""
        self.chunked = False
        self.sent = False
        self.over = False
        self.made_id = ""
        self.response_bytes = 0
        self.began_ns = time.monotonic_ns()
        self.at_us = 0

    def run(self) -> None:
        """Go as far as possible now; move to a task if something has to be waited for."""
        try:
            account = self._known_account()
            if account is None:
                self.task = asyncio.create_task(self._run_patiently())
            elif self.node.admission.turns.may_begin(account, self):
                self._admit(account)
        except Exception as error:
            self._refuse(self._as_problem(error))

    def begin(self, account: Account) -> None:
        """It is this call's turn."""
        if self.over:
            return
        self.at_us = self.node.clock.now_us()
        try:
            self._admit(account)
        except Exception as error:
            self._refuse(self._as_problem(error))

    def leave(self) -> None:
        """The caller is gone: stop the upstream, record the call as aborted."""
        if self.over:
            return
        if self.connection is not None:
            self.connection.abandon()
        if self.task is not None and self.ticket is None:
            self.task.cancel()
        self._end(499, usage_journal.ABORTED, 0)

    def cut_off(self, problem: problems.Problem) -> None:
        """The right to an answer has ended while it was made: the caller gets no more of it, the upstream stops."""
        if self.connection is not None:
            self.connection.abandon()
        self._fail(problem, usage_journal.ABORTED)

    def slow_down(self) -> None:
        """The caller cannot take more."""
        if self.connection is not None:
            self.connection.pause()

    def speed_up(self) -> None:
        """The caller can take more again."""
        if self.connection is not None:
            self.connection.resume()

    # Steps

    def _known_account(self) -> Account | None:
        """Whose call it is, if that and the version are at hand."""
        node = self.node
        subscriber = self.subscriber = node.keys.known(
            self.raw_key, time.monotonic(), self.caller.address
        )
        model = node.models.get(subscriber.model_id) if subscriber is not None else None
        if subscriber is None or model is None:
            return None
        self.at_us = at_us = node.clock.now_us()
        self.version = resolve.version_for(model, subscriber, self.slug, self.number, at_us / 1e6)
        return subscriber.account

    def _admit(self, account: Account) -> None:
        assert self.version is not None
        if self.node.admission.take(account, self.version.id, time.monotonic(), self.at_us):
            self.account = account
            self._forward()
        else:
            self.task = asyncio.create_task(self._run_patiently())

    async def _run_patiently(self) -> None:
        try:
            node = self.node
            if self.version is None:
                await self._identify()
            assert self.subscriber is not None and self.version is not None
            account = self.subscriber.account
            assert account is not None
            self.at_us = await node.admission.wait(account, self.version.id, node.clock.now_us)
            self.account = account
            if self.over:
                node.admission.done(account, self.version.id, False, self.at_us)
                return
            self._forward()
        except Exception as error:
            self._refuse(self._as_problem(error))

    def _as_problem(self, error: Exception) -> problems.Problem:
        """What the caller is told of it; a fault of ours is told to the log."""
        if isinstance(error, problems.Problem):
            return error
        log.error(
            "a call failed inside the gateway",
            exc_info=error,
            extra={"request_id": self.request_id},
        )
        return problems.upstream_failed()

    async def _identify(self) -> None:
        """What `_known_account` asks, loaded: whose call it is, and for which version."""
        node = self.node
        while self.subscriber is None:
            await node.keys.fetch(self.raw_key)
            self.subscriber = node.keys.known(self.raw_key, time.monotonic(), self.caller.address)
        model = await node.model_of(self.subscriber)
        self.at_us = node.clock.now_us()
        self.version = resolve.version_for(
            model, self.subscriber, self.slug, self.number, self.at_us / 1e6
        )

    def _forward(self) -> None:
        """Record the start, then ask the upstream. The record comes first: what is not recorded is not forwarded."""
        node, version, subscriber = self.node, self.version, self.subscriber
        assert version is not None and subscriber is not None and version.origin is not None
        who = subscriber.who
        if subscriber.environment >= node.environments_open:
            raise problems.disk_full()
        lane = node.lanes.of(version.id)
        if lane.failures and (shut_s := lane.shut_for(time.monotonic())):
            lane.refused += 1
            raise problems.upstream_failing(version.number, shut_s)
        try:
            self.ticket = node.journal.start(
                self.at_us, (*who, version.id), self.size, subscriber.environment
            )
        except usage_journal.JournalFull:
            raise problems.disk_full() from None
        self.event_id = self.ticket.event_id.hex().encode()
        self.lane = lane
        lane.enter(self)
        node.counters.in_flight += 1
        connection = node.pool.take(version.origin)
        if connection is not None:
            self._send(connection, version.first_byte_s)
        else:
            self.task = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        """Send on a new connection. One that cannot be had counts as a try."""
        version = self.version
        assert version is not None and version.origin is not None
        try:
            connection = await self.node.pool.open(version.origin)
        except (OSError, ValueError):  # ValueError: a host name that TLS cannot take
            if not self._try_again(self.node.limits.retry_pause_s):
                self._lose(problems.not_running(version.number), usage_journal.UPSTREAM_ERROR)
            return
        if self.over:
            self.node.pool.give_back(connection)
        else:
            self._send(connection, self._left_s if self.is_second_try else version.first_byte_s)

    def _send(self, connection: Connection, first_byte_s: float) -> None:
        version = self.version
        assert version is not None and self.ticket is not None
        self.connection = connection
        lines = [version.request_head, b"content-length: %d\r\n" % self.size]
        for name, value in self.headers.items():
            prefix = CARRIED.get(name)
            if prefix is not None:
                lines += (prefix, value, b"\r\n")
        lines += (b"x-request-id: ", self.event_id, b"\r\n\r\n")
        if self.size < SMALL:
            connection.exchange(self, [b"".join(lines + self.body)], first_byte_s)
        else:
            connection.exchange(self, [b"".join(lines), *self.body], first_byte_s)

    def _try_again(self, pause_s: float) -> bool:
        """Send the request once more, if that may be; False: the call has failed."""
        if self.is_second_try or self.sent or self.over or self._left_s < pause_s + LEFT_TO_TRY_S:
            return False
        assert self.lane is not None
        if not self.lane.may_retry(time.monotonic()):
            return False
        self.is_second_try = True
        self.status = self.error_status = self.response_bytes = 0
        self.head = self.held = b""
        self.task = asyncio.create_task(self._connect_after(pause_s))
        return True

    async def _connect_after(self, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        if not self.over:
            await self._connect()

    @property
    def _left_s(self) -> float:
        """Seconds left of the version's deadline for a first byte."""
        assert self.version is not None
        return self.version.first_byte_s - (time.monotonic_ns() - self.began_ns) / 1e9

    # What the upstream says

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        if status < 200 or status > 299 or status in BODILESS:
            self.error_status = status
            self.head = headers.get(b"content-type", b"")
            self.says_when = b"retry-after" in headers
            return
        assert self.version is not None and self.account is not None and self.ticket is not None
        self.status = status
        lines = [problems.status_line(status)]
        for name, prefix in RETURNED:
            if name in headers:
                lines += (prefix, headers[name], b"\r\n")
        length = headers.get(b"content-length")
        self.chunked = length is None and self.caller.takes_chunks
        framing = (
            b"content-length: %b\r\n" % length
            if length is not None
            else CHUNKED
            if self.chunked
            else b""
        )
        lines += (
            framing,
            self.node.common_head,
            self.version.answer_head,
            self.account.limit_head(self.at_us),
            self.caller.closing,
            b"x-request-id: ",
            self.event_id,
            b"\r\n\r\n",
        )
        self.head = b"".join(lines)

    def on_data(self, data: bytes) -> None:
        """Hold the newest piece back: the last one may go out only after the end is recorded."""
        if self.error_status:
            self.held = (self.held + data)[:SMALL]
            return
        self.response_bytes += len(data)
        held, self.held = self.held, data
        if held:
            self._pass_on(held, False)

    def on_done(self) -> None:
        self.connection = None
        if self.error_status:
            self._translate()
            return
        assert self.lane is not None
        if self.lane.failures:
            self.lane.worked()
        held, self.held = self.held, b""
        self._end(self.status, usage_journal.OK, 1)
        self._pass_on(held, True)

    def on_failed(self, why: str, untouched: bool) -> None:
        self.connection = None
        version = self.version
        assert version is not None
        if untouched and self._try_again(0.0):
            return
        if (
            why in (connection_pool.SILENT, connection_pool.LOST)
            and not version.is_external
            and self._try_again(self.node.limits.retry_pause_s)
        ):
            return
        if why == connection_pool.LATE and not self.status:
            self._lose(
                problems.upstream_late(version.first_byte_s),
                usage_journal.ABORTED,
                version.is_asleep,
            )
        elif why == connection_pool.UNREAD:
            self._fail(problems.upstream_failed(), usage_journal.ABORTED)
        else:
            self._lose(
                problems.upstream_failed(),
                usage_journal.UPSTREAM_ERROR,
                why == connection_pool.TOO_LARGE,
            )

    def _pass_on(self, data: bytes, last: bool) -> None:
        if self.chunked:
            piece = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data = piece + b"0\r\n\r\n" if last else piece
        if not self.sent:
            self.sent = True
            data = self.head + data
        self.caller.answer(data, last)

    # How it ends

    def _translate(self) -> None:
        """An upstream's error in our words; only our own server class may tell what is wrong with an input."""
        status, version, lane = self.error_status, self.version, self.lane
        assert version is not None and lane is not None
        if status < 500 or self._is_servers_own or self._is_queue_full:
            lane.worked()
        elif version.is_external or not self._try_again(self.node.limits.retry_pause_s):
            lane.failed(self, time.monotonic())
        else:
            return
        if status in (400, 404, 413, 415, 422) and self._is_servers_own and self.held:
            self._end(status, usage_journal.CLIENT_ERROR, 0)
            self.caller.refuse(_Quoted(status, self.held), self.request_id, version.answer_head)
        elif status in (400, 413, 415, 422) and version.is_external:
            self._fail(problems.refused_input(), usage_journal.CLIENT_ERROR)
        elif status in (429, 503):
            self._fail(problems.upstream_busy(), usage_journal.UPSTREAM_ERROR)
        elif status == 404:
            self._fail(problems.not_running(version.number), usage_journal.UPSTREAM_ERROR)
        elif status == 504:
            self._fail(problems.upstream_late(version.first_byte_s), usage_journal.UPSTREAM_ERROR)
        else:
            self._fail(problems.upstream_failed(), usage_journal.UPSTREAM_ERROR)

    @property
    def _is_queue_full(self) -> bool:
        """Is the upstream well and has too much to do? More load would not help it."""
        return self.error_status == 429 or (
            self.error_status == 503 and (self.says_when or self.held.startswith(QUEUE_IS_FULL))
        )

    @property
    def _is_servers_own(self) -> bool:
        """Did our server class say so, and not what stands before it?"""
        assert self.version is not None
        return self.head == problems.MEDIA_TYPE and not self.version.is_external

    def _lose(self, problem: problems.Problem, outcome: int, is_excused: bool = False) -> None:
        """Fail for a reason that lies with the upstream, and remember it against the upstream unless there is an excuse."""
        if self.lane is not None and not self.over and not is_excused:
            self.lane.failed(self, time.monotonic())
        self._fail(problem, outcome)

    def _fail(self, problem: problems.Problem, outcome: int) -> None:
        if self.over:
            return
        self._end(problem.status, outcome, 0)
        if problem.status >= 500 and self.version is not None:
            words = (
                "%s %s was answered with %s %s",
                self.slug,
                self.version.number,
                problem.status,
                problem.slug,
            )
            log.warning(*words, extra={"request_id": self.request_id})
        if self.sent:
            self.caller.break_off()
        else:
            extra = self.version.answer_head if self.version is not None else b""
            self.caller.refuse(problem, self.request_id, extra)

    def _refuse(self, problem: problems.Problem) -> None:
        """Before the upstream was asked, if it was not; who is refused often hears it late (see pressure)."""
        if self.over:
            return
        if self.ticket is not None:
            self._fail(problem, usage_journal.UPSTREAM_ERROR)
            return
        self.over = True
        self.body.clear()
        node = self.node
        if self.version is not None and self.subscriber is not None:
            node.counters.refused(
                problem.slug,
                self.version.id,
                self.subscriber.subscription_id,
                self.at_us // 1_000_000,
            )
            if self.account is not None:
                node.admission.done(self.account, self.version.id, False, self.at_us)
        asyncio.get_running_loop().call_later(
            node.pressure.put_off(problem.after_s), self._tell, problem
        )

    def _tell(self, problem: problems.Problem) -> None:
        self.node.pressure.told()
        self.caller.refuse(
            problem, self.request_id, self.version.answer_head if self.version is not None else b""
        )

    def _end(self, status: int, outcome: int, units: int) -> None:
        """Record the end and give back what was held; exactly once."""
        if self.over:
            return
        self.over = True
        node, ticket, version = self.node, self.ticket, self.version
        if ticket is None or version is None or self.account is None or self.lane is None:
            return
        duration_us = (time.monotonic_ns() - self.began_ns) // 1000
        node.journal.end(ticket, duration_us, self.response_bytes, units, status, outcome)
        node.admission.done(self.account, version.id, units > 0, self.at_us)
        self.lane.leave(self)
        node.counters.in_flight -= 1
        node.counters.called(outcome, version.id, duration_us)

    @property
    def request_id(self) -> str:
        """The id that the caller is told and that the event carries."""
        if self.event_id:
            return self.event_id.decode()
        if not self.made_id:
            self.made_id = self.node.journal.new_id(self.node.clock.now_us()).hex()
        return self.made_id


class _Quoted(problems.Problem):
    """A problem document of our own server class, passed on as it is."""

    def __init__(self, status: int, document: bytes) -> None:
        super().__init__(status, "", "", "")
        self._document = document

    def body(self, request_id: str = "") -> bytes:
        return self._document


def key_from(headers: dict[bytes, bytes]) -> bytes:
    """The key as sent, b"" when there is none or more than one. `Authorization: Bearer` or `X-API-Key`."""
    authorization, plain = headers.get(b"authorization"), headers.get(b"x-api-key")
    if authorization is None:
        return plain.strip() if plain is not None else b""
    scheme, _, text = authorization.partition(b" ")
    key = text.strip() if scheme.lower() == b"bearer" else b"?"
    return key if plain is None or plain.strip() == key else b""
