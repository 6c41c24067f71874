"""Readiness probes: whether an upstream can answer, asked once for all callers who want to know at the same time.

The plan's limits do not count these requests, so a flood of them must not reach the engine.
"""

import asyncio

from hosting.gateway.auth.resolve import Version
from hosting.gateway.upstream.connection_pool import ConnectionPool, Failure, UpstreamConnection

DEADLINE_S = 2.0


class ReadinessProbes:
    """The probes that are under way, by version."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._running: dict[int, asyncio.Task[bool]] = {}

    async def is_ready(self, version: Version) -> bool:
        """Whether the version's upstream answers 200 within two seconds."""
        probe = self._running.get(version.id)
        if probe is None:
            probe = self._running[version.id] = asyncio.create_task(self._ask(version))
            probe.add_done_callback(lambda _: self._running.pop(version.id, None))
        return await asyncio.shield(probe)

    async def _ask(self, version: Version) -> bool:
        assert version.origin is not None
        probe = ReadinessProbe()
        connection: UpstreamConnection | None = None
        try:
            async with asyncio.timeout(DEADLINE_S):
                connection = self._pool.take(version.origin) or await self._pool.open(
                    version.origin
                )
                connection.exchange(probe, [version.ready_head], DEADLINE_S)
                return await probe.result == 200
        except (OSError, TimeoutError):
            if connection is not None and connection.handler is probe:
                connection.abort()
            return False


class ReadinessProbe:
    """Waits for the status of an upstream's answer. `result`: the status, 0 when there was no answer."""

    def __init__(self) -> None:
        self.result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._status = 0

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self._status = status

    def on_data(self, data: bytes) -> None:
        """The body does not matter."""

    def on_done(self) -> None:
        if not self.result.done():
            self.result.set_result(self._status)

    def on_failure(self, failure: Failure, is_unread: bool) -> None:
        if not self.result.done():
            self.result.set_result(0)
