"""One connection to Redis with a deadline per command, no retries and a breaker; and the ear for nudges.

Redis is never the record. When it is away every caller is told at once (`RedisAway`) and decides by itself;
one probe in the background, never a request, finds out when it is back.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

log = logging.getLogger(__name__)
READ_S = 0.002  # more than no time: the loop reads its sockets in between


class RedisAway(Exception):
    """No answer from Redis within the deadline, or none expected."""


class RedisError(Exception):
    """Redis answered with an error."""


def pack(*words: str | bytes | int) -> bytes:
    """A command in RESP."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


class _Incomplete(Exception):
    pass


def unpack(buffer: bytes, at: int) -> tuple[Any, int]:
    """One RESP reply from `at`: its value and where the next one begins. Raises _Incomplete."""
    end = buffer.find(b"\r\n", at)
    if end < 0:
        raise _Incomplete
    kind, text, at = buffer[at], buffer[at + 1 : end], end + 2
    if kind == 58:  # :
        return int(text), at
    if kind == 43:  # +
        return text, at
    if kind == 45:  # -
        return RedisError(text.decode(errors="replace")), at
    size = int(text)
    if size < 0:
        return None, at
    if kind == 36:  # $
        if len(buffer) < at + size + 2:
            raise _Incomplete
        return buffer[at : at + size], at + size + 2
    values = []
    for _ in range(size):
        value, at = unpack(buffer, at)
        values.append(value)
    return values, at


class _Wire(asyncio.Protocol):
    def __init__(self, on_reply: Callable[[Any], None], on_lost: Callable[[], None]) -> None:
        self.buffer = b""
        self.on_reply = on_reply
        self.on_lost = on_lost
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        at = 0
        try:
            while at < len(buffer):
                value, at = unpack(buffer, at)
                self.on_reply(value)
        except _Incomplete:
            pass
        self.buffer = buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_lost()


class Redis:
    """Commands over one pipelined connection."""

    def __init__(
        self,
        url: str,
        *,
        deadline_s: float = 0.05,
        probe_s: float = 0.5,
        at_start: tuple[bytes, ...] = (),
    ) -> None:
        self.url = url
        self.at_start = at_start
        self.deadline_s = deadline_s
        self.probe_s = probe_s
        self.is_up = False
        self.trips = 0
        self._wire: _Wire | None = None
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._watch: asyncio.Task[None] | None = None
        self._overdue: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connect if Redis is there, and keep looking if it is not."""
        with contextlib.suppress(RedisAway, RedisError):
            await self._connect()
        self._watch = asyncio.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Hang up."""
        if self._watch:
            self._watch.cancel()
        self._drop()

    async def ask(self, command: bytes) -> Any:
        """Send a packed command; its reply. Raises RedisAway at once when the breaker is open, RedisError on an error."""
        if not self.is_up:
            raise RedisAway
        return await self._send(command)

    async def _send(self, command: bytes) -> Any:
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(reply)
        assert self._wire is not None
        self._wire.transport.write(command)
        if self._overdue is None:
            self._overdue = loop.call_later(self.deadline_s, self._check_soon, reply)
        value = await reply
        if isinstance(value, RedisError):
            raise value
        return value

    def _check_soon(self, oldest: "asyncio.Future[Any]") -> None:
        """Timers come before sockets: a reply that lies unread because this process was busy is read first."""
        self._overdue = asyncio.get_running_loop().call_later(READ_S, self._check, oldest)

    def _check(self, oldest: "asyncio.Future[Any]") -> None:
        """One timer for the oldest command watches over all: replies come in order."""
        self._overdue = None
        if not oldest.done():
            self.trip("no answer in time")
        elif self._waiting:
            loop = asyncio.get_running_loop()
            self._overdue = loop.call_later(self.deadline_s, self._check_soon, self._waiting[-1])

    def _reply(self, value: Any) -> None:
        if self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(value)

    def trip(self, why: str) -> None:
        """Open the breaker: everybody who waits is told, the connection is dropped, a probe will look again."""
        if self.is_up:
            self.trips += 1
            log.warning("redis is away (%s): limits are kept per process", why)
        self._drop()

    def _drop(self) -> None:
        self.is_up = False
        wire, self._wire = self._wire, None
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None
        waiting, self._waiting = self._waiting, deque()
        for reply in waiting:
            if not reply.done():
                reply.set_exception(RedisAway())
        if wire and wire.transport:
            wire.transport.abort()

    async def _keep_connected(self) -> None:
        while True:
            await asyncio.sleep(self.probe_s)
            if not self.is_up:
                with contextlib.suppress(RedisAway, RedisError):
                    await self._connect()
                    log.info("redis is back")

    async def _connect(self) -> None:
        self._drop()
        self._wire = wire = await connect(self.url, self._reply, self._lost)
        try:
            for greeting in [*greetings(self.url), *self.at_start]:
                await self._send(greeting)
        except RedisError:
            self._drop()
            raise
        if self._wire is wire:
            self.is_up = True

    def _lost(self) -> None:
        if self._wire is not None and self._wire.transport.is_closing():
            self.trip("connection lost")


class Ear:
    """Listens on one channel for as long as the process lives; calls `heard(payload)`, and `heard(b"")` after a gap."""

    def __init__(
        self, url: str, channel: str, heard: Callable[[bytes], None], *, probe_s: float = 0.5
    ) -> None:
        self.url = url
        self.channel = channel
        self.heard = heard
        self.probe_s = probe_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisAway):
                await self._listen_once()
            await asyncio.sleep(self.probe_s)

    async def _listen_once(self) -> None:
        lost = asyncio.Event()
        wire = await connect(self.url, self._message, lost.set)
        try:
            for greeting in greetings(self.url):
                wire.transport.write(greeting)
            wire.transport.write(pack("SUBSCRIBE", self.channel))
            self.heard(b"")
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), 10)
                wire.transport.write(pack("PING"))
        finally:
            wire.transport.abort()

    def _message(self, value: Any) -> None:
        if isinstance(value, list) and len(value) == 3 and value[0] == b"message":
            self.heard(value[2])


async def connect(url: str, on_reply: Callable[[Any], None], on_lost: Callable[[], None]) -> _Wire:
    """A connected wire within one second. Raises RedisAway."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)

    def wire() -> _Wire:
        return _Wire(on_reply, on_lost)

    try:
        async with asyncio.timeout(1):
            if parts.scheme == "unix":
                _, made = await loop.create_unix_connection(wire, unquote(parts.path))
            else:
                _, made = await loop.create_connection(
                    wire, parts.hostname or "127.0.0.1", parts.port or 6379
                )
    except (OSError, TimeoutError) as error:
        raise RedisAway from error
    return made


def greetings(url: str) -> list[bytes]:
    """AUTH and SELECT as the URL says."""
    parts = urlsplit(url)
    words = []
    if parts.password:
        who = [unquote(parts.username)] if parts.username else []
        words.append(pack("AUTH", *who, unquote(parts.password)))
    number = parts.path.strip("/") if parts.scheme != "unix" else ""
    if number and number != "0":
        words.append(pack("SELECT", number))
    return words
