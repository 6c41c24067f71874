"""The background loops of a worker process: the only writers of what request code reads.

    poll_changes      changes_s, or at once when a message or a new epoch says so
    sync_clock        30 s
    give_back_quota   quota_idle_s / 2
    sync_journal      50 ms
    tick              250 ms: deadlines of both sides, common headers, long answers re-authorised
    check_disk        1 s
    poll_revocations  500 ms
    publish metrics   1 s
    sample the lag    50 ms (limits/load_shedder.py)
A loop that fails is logged and goes on.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

from consumption.metering.usage_journal import ENVIRONMENTS
from hosting.gateway.auth import snapshot
from hosting.gateway.background_tasks import BackgroundTasks
from hosting.gateway.context import GatewayContext
from hosting.gateway.database import Database, DatabaseHealth, DatabaseUnavailable
from hosting.gateway.headers import as_bytes
from hosting.gateway.problems import Problem
from hosting.gateway.process.metrics_reporter import MetricsReporter
from hosting.gateway.reauthorise import reauthorise
from marketplace.core import disk_space

log = logging.getLogger("hosting.gateway")
MAX_SKEW_S = 2
PROD_ONLY = 1  # environments open


class BackgroundLoops:
    """The loops of one process. `connections`: the open client connections, which uvicorn holds."""

    def __init__(
        self,
        context: GatewayContext,
        database: Database,
        health: DatabaseHealth,
        reporter: MetricsReporter,
    ) -> None:
        self.context = context
        self.reporter = reporter
        self.connections: set[Any] = set()
        self._database = database
        self._health = health
        self._tasks = BackgroundTasks()
        self._changed = asyncio.Event()
        self._one_poll = asyncio.Lock()
        self._epoch = 0

    async def start(self) -> None:
        """Run the loops that others wait for once, then start all."""
        config = self.context.config
        self._every(config.changes_s, self.poll_changes, self._changed)
        self._every(30.0, self.sync_clock)
        self._every(config.quota_idle_s / 2, self._give_back_quota)
        self._every(0.05, self._sync_journal)
        self._every(0.25, self._tick)
        self._every(1.0, self._check_disk)
        self._every(0.5, self.context.revocations.poll)
        self._every(1.0, self._publish_metrics)
        self._tasks.spawn(self.context.shedder.watch())
        await self._check_disk()
        await self._tick()

    def stop(self) -> None:
        self._tasks.cancel_all()

    # Invalidation

    def on_message(self, payload: bytes) -> None:
        """Something changed in Postgres, or a key must end. An empty payload: messages may have been missed."""
        try:
            message = json.loads(payload) if payload else {}
        except ValueError:
            message = {}
        kind = message.get("kind", "")
        if kind == "emergency_revocation":
            self.context.revocations.on_message(payload)
        elif kind in ("revoke", "key"):
            self.context.keys.revoke(str(message.get("kid", "")).encode())
        else:
            self._changed.set()

    def on_epoch(self, epoch: int) -> None:
        """The epoch of keys, which comes with every lease of rate tokens."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._changed.set()

    # The work of the loops

    async def poll_changes(self) -> None:
        """Bring the caches up to date. Raises DatabaseUnavailable."""
        if not self.context.clock.is_set:
            await self.sync_clock()  # ready means that the journal bears Postgres' time
        async with self._one_poll:
            await self.context.feed.poll()

    async def sync_clock(self) -> None:
        """Follow Postgres' clock. Raises DatabaseUnavailable."""
        clock = self.context.clock
        before = time.monotonic_ns()
        database_us = await self._database.run(snapshot.database_time_us)
        clock.set(database_us, before, time.monotonic_ns())
        if abs(clock.skew_s) > MAX_SKEW_S:
            log.warning("this machine's clock is %.1f s off Postgres' clock", clock.skew_s)

    async def _give_back_quota(self) -> None:
        if self._health.is_up:
            now_us = self.context.clock.now_us()
            await self.context.admission.give_back_quota(now_us, idle_only=True)

    async def _sync_journal(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.context.journal.sync)

    async def _tick(self) -> None:
        context, now = self.context, time.monotonic()
        date = formatdate(context.clock.now_s(), usegmt=True).encode()
        context.common_head = b"date: %b\r\n%b" % (date, as_bytes(context.cross_origin))
        context.pool.check_deadlines(now)
        missing_keys, missing_models = reauthorise(context.pool, context.keys, context.models)
        for raw in missing_keys:
            self._tasks.spawn(self._load(context.keys.fetch(raw)))
        for model_id in missing_models:
            self._tasks.spawn(self._load(context.models.fetch(model_id)))
        for connection in list(self.connections):
            connection.check_deadline(now)

    async def _load(self, fetch: Awaitable[Any]) -> None:
        """While Postgres is unavailable the next tick asks again."""
        with contextlib.suppress(Problem):
            await fetch

    async def _check_disk(self) -> None:
        context = self.context
        space = self.reporter.disk_space = disk_space.measure(context.journal.folder)
        if space.stops_calls:
            environments = 0
        else:
            environments = PROD_ONLY if space.stops_test_calls else len(ENVIRONMENTS)
        if environments != context.environments_open:
            log.warning(
                "the journal's disk has %d MiB left: calls of these are answered: %s",
                space.free // disk_space.MIB,
                ", ".join(ENVIRONMENTS[:environments]) or "none",
            )
        context.environments_open = environments

    async def _publish_metrics(self) -> None:
        self.reporter.publish(len(self.connections))

    # Running them

    def _every(
        self,
        seconds: float,
        work: Callable[[], Awaitable[None]],
        event: asyncio.Event | None = None,
    ) -> None:
        self._tasks.spawn(self._repeat(seconds, work, event or asyncio.Event()))

    async def _repeat(
        self, seconds: float, work: Callable[[], Awaitable[None]], event: asyncio.Event
    ) -> None:
        """Every so many seconds, and at once when the event is set."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
            event.clear()
            try:
                await work()
            except DatabaseUnavailable:
                pass
            except Exception:
                log.exception("a background loop of the gateway failed; it goes on")
