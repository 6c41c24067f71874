"""One inference, from the moment its last request byte is in until the last byte of its answer is out.

A call is a state machine. As long as everything that it needs is at hand (key, lease, slot, connection) it runs from RECEIVED to
SENT without a task or an await; only what must be waited for moves it to a task.

    state        means                                          next states
    RECEIVED     the whole request is here                      IDENTIFYING QUEUED ADMITTING ADMITTED ENDED
    IDENTIFYING  the key's or the model's record is loading     ADMITTING ENDED
    QUEUED       waits for its turn (limits/fair_scheduler.py)  ADMITTING ADMITTED ENDED
    ADMITTING    waits for a token, a quota unit or a slot      ADMITTED ENDED
    ADMITTED     holds them; not recorded yet                   CONNECTING ENDED
    CONNECTING   recorded; waits for a connection               CONNECTING SENT ENDED
    SENT         the upstream has the request                   RESPONDING FAILING CONNECTING ENDED
    RESPONDING   2xx came; the caller has nothing of it yet     STREAMING CONNECTING ENDED
    STREAMING    the caller has a part of the answer            ENDED
    FAILING      another status came; its body is collected     CONNECTING ENDED
    ENDED        answered, rejected or cancelled

From CONNECTING to FAILING the call is recorded in the usage journal, holds its slots, and ends with exactly one record of its end.

The second attempt. A call that is lost on the way to the model is sent once more, as long as no byte of an answer has gone out: to
any upstream when it cannot have read a byte of the request, and to a version that we host also afterwards, since our model
server only computes. When a replica dies, the engine's ingress hangs up silently (seen: within 50 ms, also amid an
answer) or answers a bare 5xx; calls that come later are held until another replica runs. So the second attempt follows after
`retry_pause_s`, on a fresh connection, and waits for what is left of the version's deadline for a first byte. A full queue is
recognised by its text and not asked again. One call, one event, at most one unit, whatever happened in between; the retry
budget bounds how many calls are sent again (upstream/circuit_breaker.py).
"""

import asyncio
import logging
import time
from binascii import hexlify
from enum import Enum
from typing import Protocol

from consumption.metering import usage_journal
from hosting.gateway import headers, problems
from hosting.gateway.auth import resolve
from hosting.gateway.auth.resolve import Version
from hosting.gateway.context import GatewayContext
from hosting.gateway.records import ApiKeyRecord, SubscriptionLimits
from hosting.gateway.upstream import errors
from hosting.gateway.upstream.circuit_breaker import UpstreamHealth
from hosting.gateway.upstream.connection_pool import Failure, UpstreamConnection

log = logging.getLogger(__name__)

SMALL_BODY = 65536
WITHOUT_BODY = (204, 205)  # no answer to an inference, and framed unlike one
MIN_RETRY_S = 0.05  # with less than this left of the deadline, a second attempt could only be late
# A replica's 503, and its ingress' (Ray Serve).
QUEUE_IS_FULL = b"Request dropped due to backpressure"
CLIENT_CLOSED = 499


class State(Enum):
    """See the table above."""

    RECEIVED = "received"
    IDENTIFYING = "identifying"
    QUEUED = "queued"
    ADMITTING = "admitting"
    ADMITTED = "admitted"
    CONNECTING = "connecting"
    SENT = "sent"
    RESPONDING = "responding"
    STREAMING = "streaming"
    FAILING = "failing"
    ENDED = "ended"

    __hash__ = object.__hash__  # Enum's own is a Python function, and every step of a call hashes


RECEIVED, IDENTIFYING, QUEUED, ADMITTING, ADMITTED = list(State)[:5]
CONNECTING, SENT, RESPONDING, STREAMING, FAILING, ENDED = list(State)[5:]
TRANSITIONS: dict[State, frozenset[State]] = {
    RECEIVED: frozenset({IDENTIFYING, QUEUED, ADMITTING, ADMITTED, ENDED}),
    IDENTIFYING: frozenset({ADMITTING, ENDED}),
    QUEUED: frozenset({ADMITTING, ADMITTED, ENDED}),
    ADMITTING: frozenset({ADMITTED, ENDED}),
    ADMITTED: frozenset({CONNECTING, ENDED}),
    CONNECTING: frozenset({CONNECTING, SENT, ENDED}),
    SENT: frozenset({RESPONDING, FAILING, CONNECTING, ENDED}),
    RESPONDING: frozenset({STREAMING, CONNECTING, ENDED}),
    STREAMING: frozenset({ENDED}),
    FAILING: frozenset({CONNECTING, ENDED}),
    ENDED: frozenset(),
}
RECORDED = frozenset({CONNECTING, SENT, RESPONDING, STREAMING, FAILING})
BEFORE_ADMISSION = frozenset({RECEIVED, IDENTIFYING, QUEUED, ADMITTING})


class IllegalTransition(Exception):
    """A fault of ours: the table does not have this step."""


class Caller(Protocol):
    """Who asked: takes the answer in pieces of raw HTTP."""

    address: str
    closing: bytes
    takes_chunks: bool

    def answer(self, data: bytes, last: bool) -> None: ...
    def reject(self, problem: problems.Problem, request_id: str, extra: bytes) -> None: ...
    def abort(self) -> None: ...


class Call:
    """One inference."""

    __slots__ = (
        "context",
        "caller",
        "raw_key",
        "slug",
        "number",
        "request_headers",
        "body",
        "size",
        "state",
        "record",
        "limits",
        "version",
        "upstream",
        "ticket",
        "event_id",
        "began_ns",
        "at_us",
        "attempt",
        "connection",
        "task",
        "status",
        "error",
        "head",
        "held",
        "is_chunked",
        "response_bytes",
        "own_request_id",
        "trace",
    )

    def __init__(
        self,
        context: GatewayContext,
        caller: Caller,
        raw_key: bytes,
        slug: str,
        number: str,
        request_headers: dict[bytes, bytes],
        body: list[bytes],
        size: int,
    ) -> None:
        self.context = context
        self.caller = caller
        self.raw_key = raw_key
        self.slug = slug
        self.number = number
        self.request_headers = request_headers
        self.body = body
        self.size = size
        self.state = RECEIVED
        self.record: ApiKeyRecord | None = None
        self.limits: SubscriptionLimits | None = None
        self.version: Version | None = None
        self.upstream: UpstreamHealth | None = None
        self.ticket: usage_journal.Ticket | None = None
        self.event_id = b""
        self.connection: UpstreamConnection | None = None
        self.task: asyncio.Task[None] | None = None
        self.attempt = 1
        self.status = 0
        self.error: errors.UpstreamError | None = None
        self.head = b""  # of the answer, until it has gone out
        self.held = b""  # the newest piece of the answer's body
        self.is_chunked = False
        self.response_bytes = 0
        self.own_request_id = ""
        parent = request_headers.get(b"traceparent")
        self.trace = (
            headers.trace_lines(parent, request_headers.get(b"tracestate")) if parent else b""
        )
        self.began_ns = time.monotonic_ns()
        self.at_us = 0

    def run(self) -> None:
        """Go as far as possible now; move to a task if something must be waited for."""
        try:
            limits = self._identify_from_cache()
            if limits is None:
                self._move(IDENTIFYING)
                self.task = asyncio.create_task(self._run_in_task())
            elif self.context.admission.scheduler.may_start(limits, self):
                self._admit(limits)
            else:
                self._move(QUEUED)
        except Exception as error:
            self._reject(self._problem_of(error))

    def start(self, limits: SubscriptionLimits) -> None:
        """It is this call's turn (limits/fair_scheduler.py)."""
        if self.state is ENDED:
            return
        self.at_us = self.context.clock.now_us()
        try:
            self._admit(limits)
        except Exception as error:
            self._reject(self._problem_of(error))

    def cancel(self) -> None:
        """The caller is gone: stop the upstream, record the call as aborted."""
        if self.state is ENDED:
            return
        if self.connection is not None:
            self.connection.abort()
        if self.task is not None and self.state in BEFORE_ADMISSION:
            self.task.cancel()
        self._end(CLIENT_CLOSED, usage_journal.ABORTED, 0)

    def cut_off(self, problem: problems.Problem) -> None:
        """The right to the answer has ended while it was made: the caller gets no more of it, the upstream stops."""
        if self.connection is not None:
            self.connection.abort()
        self._fail(problem, usage_journal.ABORTED)

    def pause_reading(self) -> None:
        """The caller cannot take more."""
        if self.connection is not None:
            self.connection.pause_reading()

    def resume_reading(self) -> None:
        """The caller can take more again."""
        if self.connection is not None:
            self.connection.resume_reading()

    def _move(self, state: State) -> None:
        """The one writer of the state. Raises IllegalTransition."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.state.value} to {state.value}")
        self.state = state

    # To the upstream

    def _identify_from_cache(self) -> SubscriptionLimits | None:
        """The limits of the key's subscription, and the version, if both records are cached."""
        context, began_ns = self.context, self.began_ns
        record = context.keys.get(self.raw_key, began_ns / 1e9, self.caller.address)
        model = context.models.get(record.model_id) if record is not None else None
        self.record = record
        if record is None or model is None:
            return None
        self.at_us = at_us = context.clock.us_at(began_ns)
        self.version = resolve.version_for(model, record, self.slug, self.number, at_us / 1e6)
        return record.limits

    async def _identify(self) -> None:
        """The same with records that are loaded first."""
        context = self.context
        while self.record is None:
            await context.keys.fetch(self.raw_key)
            self.record = context.keys.get(self.raw_key, time.monotonic(), self.caller.address)
        model = await context.model_of(self.record)
        self.at_us = context.clock.now_us()
        self.version = resolve.version_for(
            model, self.record, self.slug, self.number, self.at_us / 1e6
        )

    def _admit(self, limits: SubscriptionLimits) -> None:
        assert self.version is not None
        now = time.monotonic()
        if self.context.admission.take(limits, self.version.id, now, self.at_us) is None:
            self.limits = limits
            self._move(ADMITTED)
            self._forward()
        else:
            self._move(ADMITTING)
            self.task = asyncio.create_task(self._run_in_task())

    async def _run_in_task(self) -> None:
        """Identify and admit by waiting, then forward."""
        try:
            context = self.context
            if self.version is None:
                await self._identify()
                self._move(ADMITTING)
            assert self.record is not None and self.version is not None
            limits = self.record.limits
            assert limits is not None
            self.at_us = await context.admission.wait(limits, self.version.id, context.clock.now_us)
            if self.state is ENDED:
                context.admission.release(limits, self.version.id, self.at_us, was_charged=False)
                return
            self.limits = limits
            self._move(ADMITTED)
            self._forward()
        except Exception as error:
            self._reject(self._problem_of(error))

    def _forward(self) -> None:
        """Record the start, then send. The record comes first: what is not recorded is not forwarded."""
        context, version, record = self.context, self.version, self.record
        assert version is not None and record is not None and version.origin is not None
        if record.environment >= context.environments_open:
            raise problems.disk_full()
        upstream = context.upstreams.of(version.id)
        breaker = upstream.breaker
        if breaker.failures:
            open_s = breaker.open_for(time.monotonic())
            if open_s:
                breaker.rejected += 1
                raise problems.upstream_failing(version.number, open_s)
        try:
            self.ticket = context.journal.start(
                self.at_us, (*record.billing_ids, version.id), self.size, record.environment
            )
        except usage_journal.JournalFull:
            raise problems.disk_full() from None
        self.upstream = upstream
        self._move(CONNECTING)
        self.event_id = hexlify(self.ticket.event_id)
        if breaker.failures:
            breaker.record_start(self)
        upstream.retries.deposit()
        context.counters.in_flight += 1
        connection = context.pool.take(version.origin)
        if connection is not None:
            self._send(connection, version.first_byte_s)
        else:
            self.task = asyncio.create_task(self._connect(0.0))

    async def _connect(self, pause_s: float) -> None:
        """Send on a new connection, after a pause. A connection that cannot be opened counts as an attempt."""
        context, version = self.context, self.version
        assert version is not None and version.origin is not None
        if pause_s or self.attempt > 1:
            await asyncio.sleep(pause_s)
        if self.state is ENDED:
            return
        try:
            connection = await context.pool.open(version.origin)
        except (OSError, ValueError):  # ValueError: a host name that TLS cannot take
            if not self._try_again(context.config.retry_pause_s):
                problem = problems.not_running(version.number)
                self._fail_upstream(problem, usage_journal.UPSTREAM_ERROR)
            return
        if self.state is ENDED:
            context.pool.give_back(connection)
        else:
            first_byte_s = version.first_byte_s if self.attempt == 1 else self._left_s
            self._send(connection, first_byte_s)

    def _send(self, connection: UpstreamConnection, first_byte_s: float) -> None:
        version = self.version
        assert version is not None and self.ticket is not None
        self._move(SENT)
        self.connection = connection
        lines = [self._request_head(version), b"content-length: %d\r\n" % self.size]
        for name, value in self.request_headers.items():
            prefix = headers.FORWARDED.get(name)
            if prefix is not None:
                lines += (prefix, value, b"\r\n")
        lines += (self.trace, b"x-request-id: ", self.event_id, b"\r\n\r\n")
        if self.size < SMALL_BODY:
            connection.exchange(self, [b"".join(lines + self.body)], first_byte_s)
        else:
            connection.exchange(self, [b"".join(lines), *self.body], first_byte_s)

    def _request_head(self, version: Version) -> bytes:
        """The first header lines of the request to the upstream."""
        return version.request_head

    def _try_again(self, pause_s: float) -> bool:
        """Send the request a second time, if that is allowed; False: the call has failed."""
        assert self.upstream is not None
        if (
            self.attempt > 1
            or self.state is STREAMING
            or self.state is ENDED
            or self._left_s < pause_s + MIN_RETRY_S
            or not self.upstream.retries.withdraw(time.monotonic())
        ):
            return False
        self._move(CONNECTING)
        self.attempt = 2
        self.status = self.response_bytes = 0
        self.error = None
        self.head = self.held = b""
        self.task = asyncio.create_task(self._connect(pause_s))
        return True

    @property
    def _left_s(self) -> float:
        """Seconds left of the version's deadline for a first byte."""
        assert self.version is not None
        return self.version.first_byte_s - (time.monotonic_ns() - self.began_ns) / 1e9

    # From the upstream

    def on_head(self, status: int, received: dict[bytes, bytes]) -> None:
        if status < 200 or status > 299 or status in WITHOUT_BODY:
            self._move(FAILING)
            self.error = errors.UpstreamError(
                status, received.get(b"content-type", b""), b"retry-after" in received
            )
            return
        self._move(RESPONDING)
        self.status = status
        self._write_head(status, received)

    def _write_head(self, status: int, received: dict[bytes, bytes]) -> None:
        """The head of the answer, from what the upstream said of it."""
        assert self.limits is not None
        lines = [problems.STATUS_LINES.get(status) or problems.status_line(status)]
        for name, prefix in headers.RETURNED:
            if name in received:
                lines += (prefix, received[name], b"\r\n")
        length = received.get(b"content-length")
        if length is not None:
            lines += (b"content-length: ", length, b"\r\n")
        elif self.caller.takes_chunks:
            self.is_chunked = True
            lines.append(headers.CHUNKED)
        lines += (
            self.context.common_head,
            self._version_head(),
            self.limits.rate_limit_headers(self.at_us),
            self.caller.closing,
            b"x-request-id: ",
            self.event_id,
            b"\r\n\r\n",
        )
        self.head = b"".join(lines)

    def on_data(self, data: bytes) -> None:
        """Hold the newest piece back: the last one may go out only after the end is recorded."""
        if self.state is FAILING:
            self.held = (self.held + data)[:SMALL_BODY]
            return
        self.response_bytes += len(data)
        held, self.held = self.held, data
        if held:
            if self.state is RESPONDING:
                self._move(STREAMING)
            self._pass_on(held, False)

    def on_done(self) -> None:
        self.connection = None
        if self.state is FAILING:
            self._translate_error()
            return
        assert self.upstream is not None
        self.upstream.breaker.record_success()
        held, self.held = self.held, b""
        self._end(self.status, usage_journal.OK, 1)
        self._pass_on(held, True)

    def on_failure(self, failure: Failure, is_unread: bool) -> None:
        self.connection = None
        version = self.version
        assert version is not None
        if is_unread and self._try_again(0.0):
            return
        is_lost = failure in (Failure.HUNG_UP, Failure.CUT_OFF) and not version.is_external
        if is_lost and self._try_again(self.context.config.retry_pause_s):
            return
        if failure is Failure.TIMED_OUT and not self.status:
            problem = problems.upstream_late(version.first_byte_s)
            self._fail_upstream(problem, usage_journal.ABORTED, is_excused=version.is_asleep)
        elif failure is Failure.UNREAD:
            self._fail(problems.upstream_failed(), usage_journal.ABORTED)
        else:
            is_excused = failure is Failure.TOO_LARGE
            problem = problems.upstream_failed()
            self._fail_upstream(problem, usage_journal.UPSTREAM_ERROR, is_excused=is_excused)

    def _pass_on(self, data: bytes, last: bool) -> None:
        if self.is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data = chunk + b"0\r\n\r\n" if last else chunk
        if self.head:
            data = self.head + data
            self.head = b""
        self.caller.answer(data, last)

    # How it ends

    def _translate_error(self) -> None:
        """The upstream's error is complete: try again, or end in the gateway's words (upstream/errors.py)."""
        version, upstream = self.version, self.upstream
        assert self.error is not None and version is not None and upstream is not None
        error = self.error._replace(body=self.held)
        if error.is_own(version):
            upstream.breaker.record_success()
        elif version.is_external or not self._try_again(self.context.config.retry_pause_s):
            self._record_failure(upstream)
        else:
            return
        self._fail(*errors.translate(error, version))

    def _fail_upstream(
        self, problem: problems.Problem, outcome: int, *, is_excused: bool = False
    ) -> None:
        """Fail for a reason that lies with the upstream; its breaker counts it unless there is an excuse."""
        if self.state is not ENDED and not is_excused:
            assert self.upstream is not None
            self._record_failure(self.upstream)
        self._fail(problem, outcome)

    def _record_failure(self, upstream: UpstreamHealth) -> None:
        """Tell the breaker, unless somebody tries the version in the sandbox: no try may take it from those who subscribe."""
        if self.record is None or self.record.environment != usage_journal.SANDBOX:
            upstream.breaker.record_failure(self, time.monotonic())

    def _fail(self, problem: problems.Problem, outcome: int) -> None:
        """End a call that was recorded, without a whole answer."""
        state = self.state
        if state is ENDED:
            return
        self._end(problem.status, outcome, 0)
        assert self.version is not None
        if problem.status >= 500:
            log.warning(
                "%s %s was answered with %s %s",
                self.slug,
                self.version.number,
                problem.status,
                problem.slug,
                extra={"request_id": self.request_id},
            )
        if state is STREAMING:
            self.caller.abort()
        else:
            self.caller.reject(problem, self.request_id, self._version_head())

    def _reject(self, problem: problems.Problem) -> None:
        """End a call that was not sent to the upstream. Rejections are delayed (limits/load_shedder.py)."""
        if self.state is ENDED:
            return
        if self.state in RECORDED:
            self._fail(problem, usage_journal.UPSTREAM_ERROR)
            return
        self._move(ENDED)
        self.body.clear()
        context, version = self.context, self.version
        if version is not None and self.record is not None:
            context.counters.record_rejection(
                problem.slug, version.id, self.record.subscription_id, self.at_us // 1_000_000
            )
            if self.limits is not None:
                context.admission.release(self.limits, version.id, self.at_us, was_charged=False)
        delay_s = context.shedder.delay_rejection(problem.delay_s)
        asyncio.get_running_loop().call_later(delay_s, self._send_rejection, problem)

    def _send_rejection(self, problem: problems.Problem) -> None:
        self.context.shedder.record_sent()
        self.caller.reject(problem, self.request_id, self._version_head())

    def _version_head(self) -> bytes:
        """Header lines of the version, nothing before it is known, and of the caller's trace."""
        if self.version is None:
            return self.trace
        return self.version.head_at(self.context.clock.now_s()) + self.trace

    def _problem_of(self, error: Exception) -> problems.Problem:
        """What the caller gets for an exception. A fault of ours goes to the log."""
        if isinstance(error, problems.Problem):
            return error
        extra = {"request_id": self.request_id}
        log.error("a call failed inside the gateway", exc_info=error, extra=extra)
        return problems.upstream_failed()

    def _end(self, status: int, outcome: int, units: int) -> None:
        """Record the end and give back what was held; exactly once."""
        was_recorded = self.state in RECORDED
        self._move(ENDED)
        if not was_recorded:
            return
        context, version, upstream = self.context, self.version, self.upstream
        assert version is not None and upstream is not None
        assert self.ticket is not None and self.limits is not None
        duration_us = (time.monotonic_ns() - self.began_ns) // 1000
        context.journal.end(self.ticket, duration_us, self.response_bytes, units, status, outcome)
        context.admission.release(self.limits, version.id, self.at_us, was_charged=units > 0)
        upstream.breaker.record_end(self)
        context.counters.in_flight -= 1
        context.counters.record_call(outcome, version.id, duration_us)

    @property
    def request_id(self) -> str:
        """The id that the caller gets and that the event carries."""
        if self.event_id:
            return self.event_id.decode()
        if not self.own_request_id:
            self.own_request_id = self.context.new_request_id()
        return self.own_request_id
