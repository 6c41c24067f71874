"""What one gateway process has, and the timers that keep it fresh."""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import date
from email.utils import formatdate
from pathlib import Path
from typing import Any

from django.conf import settings
from redis import RedisError as RedisLibraryError

from consumption import emergency_revocations, keys
from consumption.metering import quota, rejection_counter
from consumption.metering.usage_journal import ENVIRONMENTS, OUTCOMES, UsageJournal
from hosting.gateway import config, reauthorise
from hosting.gateway.auth import snapshot
from hosting.gateway.auth.change_feed import Changes, Feed, Position
from hosting.gateway.auth.key_cache import KeyRing, Subscriber
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.auth.resolve import Model
from hosting.gateway.auth.trusted_proxies import Proxies
from hosting.gateway.database import DatabaseAway, DatabaseHealth
from hosting.gateway.http import cross_origin
from hosting.gateway.http.protocol import Doorway
from hosting.gateway.limits.admission import GCRA, Admission
from hosting.gateway.limits.concurrency import Board
from hosting.gateway.limits.load_shedder import Pressure
from hosting.gateway.limits.redis_client import Ear, Redis, RedisAway, RedisError, pack
from hosting.gateway.metering import counters
from hosting.gateway.problems import Problem
from hosting.gateway.upstream.circuit_breaker import Lane, Lanes
from hosting.gateway.upstream.connection_pool import Pool
from marketplace.core import disk_space

CHANNEL = "gateway:nudge"
STRANGERS_BURIED = 100


class Clock:
    """Microseconds since 1970 by Postgres' clock, carried on by this machine's monotonic one: a step changes nothing.

    Until `is_set` it is this machine's own, good for request ids and nothing else.
    """

    def __init__(self) -> None:
        self._offset_us = time.time_ns() // 1000 - time.monotonic_ns() // 1000
        self.is_set = False

    def now_us(self) -> int:
        return time.monotonic_ns() // 1000 + self._offset_us

    def now_s(self) -> float:
        return self.now_us() / 1e6

    @property
    def skew_s(self) -> float:
        """Seconds that this machine's clock is ahead of Postgres'."""
        return time.time() - self.now_s()

    def set(self, database_us: int, before_ns: int, after_ns: int) -> None:
        """Follow Postgres' clock, read between two moments of ours."""
        self._offset_us = database_us - (before_ns + after_ns) // 2000
        self.is_set = True


class Node:
    """The state of a gateway process. Request code reads it; only the loops below write it."""

    def __init__(
        self,
        bounds: config.Limits,
        *,
        redis_url: str,
        journal_dir: Path,
        run_dir: Path,
        worker: int,
        workers: int,
    ) -> None:
        self.log = logging.getLogger("hosting.gateway")
        self.limits = bounds
        self.worker = worker
        self.run_dir = run_dir
        self.clock = Clock()
        self.counters = counters.Counters()
        self.proxies = Proxies(settings.GATEWAY_TRUSTED_PROXIES)
        self.doorway = Doorway(
            bounds.connections_per_address, bounds.connections, bounds.bodies_bytes
        )
        self.journal = UsageJournal(journal_dir)
        self.database = snapshot.Database(4, bounds.database_s)
        self.database_health = DatabaseHealth(bounds.database_probe_s)
        script = pack("SCRIPT", "LOAD", GCRA)
        self.redis = Redis(
            redis_url, deadline_s=bounds.redis_s, probe_s=bounds.redis_probe_s, at_start=(script,)
        )
        self.ear = Ear(redis_url, CHANNEL, self._heard)
        self.pool = Pool(bounds, snapshot.callable_address)
        self.lanes = Lanes(bounds)
        self.ready_questions: dict[int, asyncio.Task[bool]] = {}  # by version
        self.board = Board.from_environment()
        self.pressure = Pressure(bounds, self.counters)
        self.admission = Admission(
            bounds,
            self.redis,
            workers,
            self.board,
            self.pressure,
            self._take_quota,
            self._return_quota,
            self._saw_epoch,
        )
        self.keys = KeyRing(
            bounds,
            settings.KEY_PEPPERS,
            self._load_keys,
            self.admission.attach,
            self.clock.now_s,
            current_pepper=settings.KEY_PEPPER_CURRENT,
            rehash=self._rehash,
            turned_away=self._turned_away,
            health=self.database_health,
        )
        self.models = ModelCache(bounds, self._load_models, self.database_health)
        self.feed = Feed(self._ask_for_changes, self.keys, self.models, self.database_health)
        self.cross_origin = cross_origin.on_answers(settings.PORTAL_URL)
        self.common_head = b""  # the same lines on every answer, made anew with each tick
        self.environments_open = len(
            ENVIRONMENTS
        )  # fewer as the disk fills: first the last one, test, then all
        self.connections: set[Any] = set()
        self._epoch = 0
        self._strangers_buried = 0
        self._emergency_revocations_seen = (0, 0)
        self._emergency_revocations_due_at = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._nudge = asyncio.Event()
        self._one_look = asyncio.Lock()
        self._one_rehash = asyncio.Lock()

    @classmethod
    def from_environment(cls) -> "Node":
        run_dir = Path(os.environ.get("RUN_DIR", settings.RUN_DIR))
        return cls(
            config.from_environment(),
            redis_url=settings.REDIS_URL,
            journal_dir=Path(os.environ.get("USAGE_JOURNAL_DIR", run_dir / "journal")),
            run_dir=run_dir,
            worker=int(os.environ.get("GATEWAY_WORKER", "0")),
            workers=int(os.environ.get("GATEWAY_WORKERS", "1")),
        )

    async def start(self) -> None:
        """Connect to what is there; what is not there is looked for by the loops."""
        await self.redis.start()
        self.ear.start()
        await self._read_emergency_revocations()
        try:
            await self._look_at_clock()
            await self._look_at_changes()
        except DatabaseAway:
            self.log.warning("postgres is away at start: not ready until it answers")
        self._every(self.limits.changes_s, self._look_at_changes, self._nudge)
        self._every(30.0, self._look_at_clock)
        self._every(self.limits.quota_idle_s / 2, self._bring_back_idle)
        self._every(0.05, self._sync)
        self._every(0.25, self._tick)
        self._every(1.0, self._look_at_disk)
        self._every(0.5, self._read_emergency_revocations)
        self._every(1.0, self._tell)
        self._spawn(self.pressure.watch())
        await self._look_at_disk()
        await self._tick()

    async def stop(self) -> None:
        """Everything is answered: return the leases, close the journal."""
        for task in self._tasks:
            task.cancel()
        try:
            async with asyncio.timeout(5):
                await self.admission.bring_back(idle_only=False, at_us=self.clock.now_us())
        except (TimeoutError, DatabaseAway):
            self.log.warning(
                "leases were not returned: they come back when the usage journal is settled"
            )
        await self.ear.stop()
        await self.redis.stop()
        self.pool.close()
        self._tell_refusals()
        self.journal.sync()
        self.journal.close()
        self.database.close()

    def is_ready(self) -> bool:
        """Can calls be answered? Postgres was there once, and what is cached may still be used."""
        return self.feed.has_looked

    def new_request_id(self) -> str:
        return self.journal.new_id(self.clock.now_us()).hex()

    def leaks_key(self, query: bytes, address: str) -> bool:
        """Is there a key in the query string? Then it counts as leaked; if it is a live one, it is revoked."""
        kids = keys.find(query)
        if kids:
            self.log.warning(
                "keys %s were sent in an address by %s and count as leaked", ",".join(kids), address
            )
            self._spawn(self._revoke_leaked(query))
        return bool(kids)

    async def model_of(self, subscriber: Subscriber) -> Model:
        """The record of a key's model, loaded if it is not here. Raises Problem (503) when it cannot be."""
        return self.models.get(subscriber.model_id) or await self.models.fetch(subscriber.model_id)

    # What the loops do

    async def _look_at_changes(self) -> None:
        if not self.clock.is_set:
            await self._look_at_clock()  # ready means that what is recorded bears Postgres' time
        async with self._one_look:
            await self.feed.look()

    async def _look_at_clock(self) -> None:
        before = time.monotonic_ns()
        database_us = await self.database.run(snapshot.database_time_us)
        self.clock.set(database_us, before, time.monotonic_ns())
        if abs(self.clock.skew_s) > 2:
            self.log.warning(
                "this machine's clock is %.1f s off Postgres' clock", self.clock.skew_s
            )

    async def _look_at_key(self, raw: bytes) -> None:
        with contextlib.suppress(
            Problem
        ):  # Postgres is away: it is looked at again with the next tick
            await self.keys.fetch(raw)

    async def _look_at_model(self, model_id: int) -> None:
        with contextlib.suppress(Problem):
            await self.models.fetch(model_id)

    async def _read_emergency_revocations(self) -> None:
        """The file that the emergency command writes on this machine; and what was told to Redis while nobody listened."""
        with contextlib.suppress(FileNotFoundError):
            facts = os.stat(settings.EMERGENCY_REVOCATIONS_FILE)
            if (facts.st_size, facts.st_mtime_ns) != self._emergency_revocations_seen:
                self._emergency_revocations_seen = (facts.st_size, facts.st_mtime_ns)
                self._deny(emergency_revocations.read_file(settings.EMERGENCY_REVOCATIONS_FILE))
        if time.monotonic() >= self._emergency_revocations_due_at:
            with contextlib.suppress(RedisAway, RedisError):
                self._deny(
                    emergency_revocations.parse(
                        await self.redis.ask(pack("HVALS", emergency_revocations.KEY))
                    )
                )
                self._emergency_revocations_due_at = time.monotonic() + 5.0

    def _deny(self, found: list[emergency_revocations.EmergencyRevocation]) -> None:
        for revocation in found:
            self.keys.deny(revocation.kid.encode(), revocation.macs)

    async def _look_at_disk(self) -> None:
        self.room = disk_space.measure(self.journal.folder)
        open_now = (
            0 if self.room.stops_calls else 1 if self.room.stops_test_calls else len(ENVIRONMENTS)
        )
        if open_now != self.environments_open:
            answered = ", ".join(ENVIRONMENTS[:open_now]) or "none"
            self.log.warning(
                "the journal's disk has %d MiB left: calls of these are answered: %s",
                self.room.free // disk_space.MIB,
                answered,
            )
        self.environments_open = open_now

    async def _bring_back_idle(self) -> None:
        if self.database_health.is_up:
            await self.admission.bring_back(idle_only=True, at_us=self.clock.now_us())

    async def _sync(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.journal.sync)

    async def _tick(self) -> None:
        now = time.monotonic()
        self.common_head = (
            f"date: {formatdate(self.clock.now_s(), usegmt=True)}\r\n".encode()
            + cross_origin.as_lines(self.cross_origin)
        )
        self.pool.tick(now)
        unknown_keys, unknown_models = reauthorise.recheck(self.pool, self.keys, self.models)
        for raw in unknown_keys:
            self._spawn(self._look_at_key(raw))
        for model_id in unknown_models:
            self._spawn(self._look_at_model(model_id))
        for connection in list(self.connections):
            connection.tick(now)

    async def _tell(self) -> None:
        document = counters.text(
            self.counters, OUTCOMES, self._gauges(), self._labelled(), self.worker
        )
        counters.publish(self.run_dir / "metrics", self.worker, document)
        self._tell_refusals()

    def _tell_refusals(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: the next second tries again
            self.counters.rejection_counter.write(
                self.journal.folder / rejection_counter.FOLDER, self.journal.owner
            )

    def _gauges(self) -> dict[str, float]:
        refused = {
            f"refused_{limit}_total": float(self.counters.over(limit))
            for limit in counters.LIMITS.values()
        }
        return {
            "start_time_seconds": self.counters.started_at,
            "in_flight": self.counters.in_flight,
            "connections": len(self.connections),
            "lag_seconds": self.pressure.lag_s,
            "turned_away_waiting": self.pressure.waiting,
            "body_bytes_held": self.limits.bodies_bytes - self.doorway.room,
            "connections_turned_away_total": self.doorway.turned_away,
            "connections_closed_slow_total": self.counters.closed_slow,
            "requests_refused_framing_total": self.counters.refused_framing,
            "upstream_connections_idle": self.pool.idle_count(),
            "upstream_connections_opened_total": self.pool.opened,
            "upstream_retries_total": sum(lane.retries for lane in self.lanes),
            "tasks": len(asyncio.all_tasks()),
            "degraded_decisions_total": self.admission.degraded,
            "stale_key_answers_total": self.keys.stale_answers,
            "key_loads_total": self.keys.loads,
            "keys": len(self.keys.records),
            "redis_up": self.redis.is_up,
            "redis_away_since_seconds": self.counters.away_since("redis", self.redis.is_up),
            "redis_trips_total": self.redis.trips,
            "postgres_up": self.database_health.is_up,
            "postgres_away_since_seconds": self.counters.away_since(
                "postgres", self.database_health.is_up
            ),
            "models": len(self.models),
            "model_loads_total": self.models.loads,
            "changes_total": self.feed.changes,
            "change_looks_total": self.feed.looks,
            "clock_skew_seconds": self.clock.skew_s,
            "disk_free_bytes": self.room.free,
            "environments_open": self.environments_open,
            **refused,
        }

    def _labelled(self) -> Iterator[counters.Labelled]:
        for version_id, seats in self.admission.versions.items():
            if seats.mine:
                yield counters.Labelled("version_in_flight", "version", version_id, seats.mine)
        for lane in filter(Lane.has_told, self.lanes):
            for name, number in lane.numbers(time.monotonic()):
                yield counters.Labelled(name, "version", lane.version_id, number)
        decisions = {
            "ok": self.admission.admitted,
            "over_limit": sum(self.counters.refusals.values()) - self.counters.over("load"),
            "error": self.counters.undecided,
            "failure_mode_allowed": self.admission.admitted_locally,
        }
        for decision, count in decisions.items():
            yield counters.Labelled("decisions_total", "decision", decision, count)

    # Doors to Postgres

    async def _load_keys(self, kids: list[str]) -> list[Subscriber]:
        return await self.database.run(snapshot.subscribers, kids)

    async def _load_models(self, model_ids: list[int]) -> dict[int, Model]:
        return await self.database.run(snapshot.models, model_ids)

    async def _ask_for_changes(self, position: Position | None) -> Changes:
        return await self.database.run(snapshot.changes_since, position)

    async def _take_quota(
        self, subscription_id: int, start: date, limit: int, wanted: int, ask: int
    ) -> tuple[int, int]:
        return await self.database.run(
            quota.take, subscription_id, start, limit, wanted, self.journal.owner, ask
        )

    async def _return_quota(
        self, subscription_id: int, start: date, unspent: int, ask: int
    ) -> None:
        await self.database.run(
            quota.give_back, subscription_id, start, self.journal.owner, unspent, ask
        )

    async def _revoke_leaked(self, query: bytes) -> None:
        for raw in keys.find_texts(query):
            try:
                if (
                    raw[4:12] not in self.keys.records
                    and self.keys.known(raw, time.monotonic(), "") is None
                ):
                    await self.keys.fetch(raw)
                if self.keys.holds(raw):
                    await self.database.run(snapshot.end_leaked, raw)
                    self.keys.revoke(raw[4:12])
            except DatabaseAway:
                await self._bury_leaked(raw)
            except Problem:  # it is no key; or Postgres is away, and nobody can tell
                if not self.database_health.is_up:
                    await self._bury_leaked(raw)

    async def _bury_leaked(self, raw: bytes) -> None:
        """Postgres is away: a key that we know ends here at once, another when Postgres can tell that it is one; both on every gateway."""
        if not self.keys.holds(raw):
            self._strangers_buried += 1
            if self._strangers_buried > STRANGERS_BURIED:
                return  # invented texts must not fill the disk
        revocations = [emergency_revocations.for_text(raw, snapshot.LEAKED)]
        self._deny(revocations)
        for send in (emergency_revocations.append_to_file, emergency_revocations.publish):
            try:
                await asyncio.to_thread(send, revocations)
            except (OSError, RedisLibraryError):
                self.log.warning("%s failed for a leaked key", send.__name__)

    def _turned_away(self, record: Subscriber, limit: str) -> None:
        self.counters.rejection_counter.add(record.subscription_id, limit, int(self.clock.now_s()))

    def _rehash(self, record: Subscriber, mac: str) -> None:
        self._spawn(self._rehash_in_turn(record, mac))

    async def _rehash_in_turn(self, record: Subscriber, mac: str) -> None:
        """One at a time: on the day after a new pepper every key comes by, and calls need the threads too."""
        async with self._one_rehash:
            with contextlib.suppress(DatabaseAway):
                await self.database.run(
                    snapshot.rehash, record.key_id, record.mac, mac, self.keys.current_pepper
                )

    # Nudges

    def _heard(self, payload: bytes) -> None:
        """Something changed in Postgres. An empty payload: we may have missed something."""
        try:
            message = json.loads(payload) if payload else {}
        except ValueError:
            message = {}
        kind = message.get("kind", "")
        if kind == "emergency_revocation":
            self._deny(emergency_revocations.parse([payload]))
        elif kind in ("revoke", "key"):
            self.keys.revoke(str(message.get("kid", "")).encode())
        else:
            self._nudge.set()

    def _saw_epoch(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._nudge.set()

    # Loops

    def _every(
        self,
        seconds: float,
        work: Callable[[], Coroutine[Any, Any, None]],
        nudge: asyncio.Event | None = None,
    ) -> None:
        self._spawn(self._repeat(seconds, work, nudge))

    async def _repeat(
        self,
        seconds: float,
        work: Callable[[], Coroutine[Any, Any, None]],
        nudge: asyncio.Event | None,
    ) -> None:
        while True:
            if nudge is None:
                await asyncio.sleep(seconds)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(nudge.wait(), seconds)
                nudge.clear()
            try:
                await work()
            except DatabaseAway:
                pass
            except Exception:
                self.log.exception("a loop of the gateway failed; it goes on")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
