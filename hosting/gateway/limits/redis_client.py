"""A Redis client for the request path: one pipelined connection, a deadline per command, no retries, a circuit breaker.

Redis is never the system of record. When it is unavailable every caller learns so at once (`RedisUnavailable`) and
decides without it; one probe in the background, never a request, finds out when Redis is back.

Replies are parsed by hiredis. The connection is ours and not redis.asyncio's: a lease costs one future and one write here,
where `redis.asyncio` takes a connection from its pool, a lock and several awaits, which is 5 times the CPU time, and its
deadlines are per read and not per command.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis

log = logging.getLogger(__name__)
LATE_READ_S = 0.002  # long enough for the loop to read its sockets once more
Command = tuple[str | bytes | int, ...]


class RedisUnavailable(Exception):
    """No answer from Redis within the deadline, or none expected because the breaker is open."""


class RedisError(Exception):
    """Redis answered with an error."""


class RedisConnection(asyncio.Protocol):
    """The socket and the reply parser."""

    def __init__(self, on_reply: Callable[[Any], None], on_lost: Callable[[], None]) -> None:
        self.transport: Any = None
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._reader = hiredis.Reader(protocolError=RedisError, replyError=RedisError)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            self._on_reply(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()


class RedisClient:
    """Commands over one pipelined connection. `at_start` are commands that each new connection begins with."""

    def __init__(
        self,
        url: str,
        *,
        deadline_s: float = 0.05,
        probe_s: float = 0.5,
        at_start: tuple[Command, ...] = (),
    ) -> None:
        self.url = url
        self.at_start = at_start
        self.deadline_s = deadline_s
        self.probe_s = probe_s
        self.is_up = False
        self.breaker_opened = 0
        self._connection: RedisConnection | None = None
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._probing: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connect if Redis is there, and keep probing if it is not."""
        with contextlib.suppress(RedisUnavailable, RedisError):
            await self._connect()
        self._probing = asyncio.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Close the connection."""
        if self._probing:
            self._probing.cancel()
        self._disconnect()

    async def execute(self, *command: str | bytes | int) -> Any:
        """Send a command and return its reply. Raises RedisUnavailable at once when the breaker is open, RedisError for an error reply."""
        if not self.is_up:
            raise RedisUnavailable
        return await self._send(command)

    async def _send(self, command: Command) -> Any:
        loop = asyncio.get_running_loop()
        pending: asyncio.Future[Any] = loop.create_future()
        self._pending.append(pending)
        assert self._connection is not None
        self._connection.transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]
        if self._deadline is None:
            self._deadline = loop.call_later(self.deadline_s, self._read_once_more, pending)
        reply = await pending
        if isinstance(reply, RedisError):
            raise reply
        return reply

    def _read_once_more(self, oldest: "asyncio.Future[Any]") -> None:
        """Timers run before sockets: a reply that lies unread because this process was busy is read before it counts as late."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(LATE_READ_S, self._check_deadline, oldest)

    def _check_deadline(self, oldest: "asyncio.Future[Any]") -> None:
        """One timer for the oldest command serves all, because replies come in order."""
        self._deadline = None
        if not oldest.done():
            self.open_breaker("no answer in time")
        elif self._pending:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(
                self.deadline_s, self._read_once_more, self._pending[-1]
            )

    def _on_reply(self, reply: Any) -> None:
        if self._pending:
            pending = self._pending.popleft()
            if not pending.done():
                pending.set_result(reply)

    def open_breaker(self, reason: str) -> None:
        """Fail all pending commands and drop the connection; the probe will try again."""
        if self.is_up:
            self.breaker_opened += 1
            log.warning("redis is unavailable (%s): rates are limited per process", reason)
        self._disconnect()

    def _disconnect(self) -> None:
        self.is_up = False
        connection, self._connection = self._connection, None
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        all_pending, self._pending = self._pending, deque()
        for pending in all_pending:
            if not pending.done():
                pending.set_exception(RedisUnavailable())
        if connection and connection.transport:
            connection.transport.abort()

    async def _keep_connected(self) -> None:
        while True:
            await asyncio.sleep(self.probe_s)
            if not self.is_up:
                with contextlib.suppress(RedisUnavailable, RedisError):
                    await self._connect()
                    log.info("redis is available again")

    async def _connect(self) -> None:
        self._disconnect()
        self._connection = connection = await connect(self.url, self._on_reply, self._on_lost)
        try:
            for command in [*handshake(self.url), *self.at_start]:
                await self._send(command)
        except RedisError:
            self._disconnect()
            raise
        if self._connection is connection:
            self.is_up = True

    def _on_lost(self) -> None:
        if self._connection is not None and self._connection.transport.is_closing():
            self.open_breaker("connection lost")


async def connect(
    url: str, on_reply: Callable[[Any], None], on_lost: Callable[[], None]
) -> RedisConnection:
    """An open connection within one second. Raises RedisUnavailable."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)

    def protocol() -> RedisConnection:
        return RedisConnection(on_reply, on_lost)

    try:
        async with asyncio.timeout(1):
            if parts.scheme == "unix":
                _, connection = await loop.create_unix_connection(protocol, unquote(parts.path))
            else:
                host, port = parts.hostname or "127.0.0.1", parts.port or 6379
                _, connection = await loop.create_connection(protocol, host, port)
    except (OSError, TimeoutError) as error:
        raise RedisUnavailable from error
    return connection


def handshake(url: str) -> list[Command]:
    """AUTH and SELECT as the URL says."""
    parts = urlsplit(url)
    commands: list[Command] = []
    if parts.password:
        user = [unquote(parts.username)] if parts.username else []
        commands.append(("AUTH", *user, unquote(parts.password)))
    database = parts.path.strip("/") if parts.scheme != "unix" else ""
    if database and database != "0":
        commands.append(("SELECT", database))
    return commands
