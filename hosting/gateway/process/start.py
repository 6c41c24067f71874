"""Assembles the context of a worker process from its configuration, and starts and stops it."""

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from consumption.metering.usage_journal import UsageJournal
from hosting.gateway import config as configuration
from hosting.gateway.auth import snapshot
from hosting.gateway.auth.change_feed import ChangeFeed
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.auth.revocations import Revocations
from hosting.gateway.auth.trusted_proxies import TrustedProxies
from hosting.gateway.clock import Clock
from hosting.gateway.config import GatewayConfig
from hosting.gateway.context import GatewayContext
from hosting.gateway.database import Database, DatabaseHealth, DatabaseUnavailable
from hosting.gateway.http import cross_origin
from hosting.gateway.limits.admission import Admission
from hosting.gateway.limits.connections import ConnectionLimiter
from hosting.gateway.limits.load_shedder import LoadShedder
from hosting.gateway.limits.rate import GCRA
from hosting.gateway.limits.redis_client import RedisClient
from hosting.gateway.limits.shared_slots import SharedSlotTable
from hosting.gateway.metering.metrics import Counters
from hosting.gateway.process.loops import BackgroundLoops
from hosting.gateway.process.metrics_reporter import MetricsReporter
from hosting.gateway.process.postgres import PostgresQueries
from hosting.gateway.process.pubsub import PubSubListener
from hosting.gateway.upstream.circuit_breaker import UpstreamHealthByVersion
from hosting.gateway.upstream.connection_pool import ConnectionPool
from hosting.gateway.upstream.readiness import ReadinessProbes
from marketplace.core.invalidation import CHANNEL

log = logging.getLogger("hosting.gateway")
DATABASE_THREADS = 4
STOP_WITHIN_S = 5


@dataclass(frozen=True)
class Worker:
    """Which process this is, and where it keeps its files."""

    number: int
    workers: int
    run_dir: Path
    journal_dir: Path

    @classmethod
    def from_environment(cls) -> "Worker":
        run_dir = Path(os.environ.get("RUN_DIR", settings.RUN_DIR))
        return cls(
            int(os.environ.get("GATEWAY_WORKER", "0")),
            int(os.environ.get("GATEWAY_WORKERS", "1")),
            run_dir,
            Path(os.environ.get("USAGE_JOURNAL_DIR", run_dir / "journal")),
        )


class GatewayProcess:
    """A context, the connections to its stores, and its background loops."""

    def __init__(self, config: GatewayConfig, worker: Worker) -> None:
        self.database = Database(DATABASE_THREADS, config.database_s)
        self.redis = RedisClient(
            settings.REDIS_URL,
            deadline_s=config.redis_s,
            probe_s=config.redis_probe_s,
            at_start=(("SCRIPT", "LOAD", GCRA),),
        )
        health = DatabaseHealth(config.database_probe_s)
        self.context = self._new_context(config, worker, health)
        reporter = MetricsReporter(self.context, self.redis, health, worker.number, worker.run_dir)
        self.loops = BackgroundLoops(self.context, self.database, health, reporter)
        self.listener = PubSubListener(settings.REDIS_URL, CHANNEL, self.loops.on_message)

    def _new_context(
        self, config: GatewayConfig, worker: Worker, health: DatabaseHealth
    ) -> GatewayContext:
        clock, counters = Clock(), Counters()
        journal = UsageJournal(worker.journal_dir)
        queries = PostgresQueries(self.database, journal.owner)
        shedder = LoadShedder(config, counters)
        admission = Admission(
            config,
            self.redis,
            worker.workers,
            SharedSlotTable.from_environment(),
            shedder,
            queries.take_quota,
            queries.return_quota,
            lambda epoch: self.loops.on_epoch(epoch),
        )
        keys = KeyCache(
            config,
            settings.KEY_PEPPERS,
            queries.load_keys,
            admission.attach,
            clock.now_s,
            current_pepper=settings.KEY_PEPPER_CURRENT,
            rehash=queries.rehash,
            on_rejection=lambda record, limit: counters.rejections_by_subscription.add(
                record.subscription_id, limit, int(clock.now_s())
            ),
            health=health,
        )
        models = ModelCache(config, queries.load_models, health)
        pool = ConnectionPool(config, snapshot.callable_address)
        return GatewayContext(
            config=config,
            clock=clock,
            counters=counters,
            journal=journal,
            keys=keys,
            models=models,
            feed=ChangeFeed(queries.changes_since, keys, models, health),
            revocations=Revocations(keys, self.database, self.redis),
            proxies=TrustedProxies(settings.GATEWAY_TRUSTED_PROXIES),
            admission=admission,
            shedder=shedder,
            connection_limiter=ConnectionLimiter(
                config.connections_per_address, config.connections, config.bodies_bytes
            ),
            pool=pool,
            upstreams=UpstreamHealthByVersion(config),
            readiness=ReadinessProbes(pool),
            cross_origin=cross_origin.answer_headers(settings.PORTAL_URL),
        )

    async def start(self) -> None:
        """Connect to the stores that are available; the loops probe for the others."""
        await self.redis.start()
        self.listener.start()
        await self.context.revocations.poll()
        try:
            await self.loops.sync_clock()
            await self.loops.poll_changes()
        except DatabaseUnavailable:
            log.warning("postgres is unavailable at start: not ready until it answers")
        await self.loops.start()

    async def stop(self) -> None:
        """Everything is answered: return the leases, close the journal."""
        self.loops.stop()
        context = self.context
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await context.admission.give_back_quota(context.clock.now_us(), idle_only=False)
        except (TimeoutError, DatabaseUnavailable):
            log.warning("quota leases were not returned: they return when the journal is closed")
        await self.listener.stop()
        await self.redis.stop()
        context.pool.close()
        self.loops.reporter.publish_rejections()
        context.journal.sync()
        context.journal.close()
        self.database.close()


def from_environment() -> GatewayProcess:
    """The process that the environment configures."""
    return GatewayProcess(configuration.from_environment(), Worker.from_environment())
