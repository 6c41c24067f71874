"""Publishes the metrics of a worker process once a second (metering/metrics.py says what they mean)."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from consumption.metering import rejection_counter
from consumption.metering.usage_journal import OUTCOMES
from hosting.gateway.context import GatewayContext
from hosting.gateway.database import DatabaseHealth
from hosting.gateway.limits.redis_client import RedisClient
from hosting.gateway.metering import metrics
from hosting.gateway.metering.metrics import LabelledSample
from marketplace.core import disk_space


class MetricsReporter:
    """Reads the parts of a context and writes the worker's file. `disk_space`: the free space on the journal's disk."""

    def __init__(
        self,
        context: GatewayContext,
        redis: RedisClient,
        health: DatabaseHealth,
        worker: int,
        run_dir: Path,
    ) -> None:
        self.disk_space = disk_space.measure(context.journal.folder)
        self._context = context
        self._redis = redis
        self._health = health
        self._worker = worker
        self._folder = run_dir / "metrics"

    def publish(self, connections: int) -> None:
        """Write the file. `connections`: open client connections."""
        gauges = {"connections": float(connections)} | self._traffic() | self._stores()
        counters = self._context.counters
        document = metrics.text(counters, OUTCOMES, gauges, self._labelled(), self._worker)
        metrics.publish(self._folder, self._worker, document)
        self.publish_rejections()

    def publish_rejections(self) -> None:
        """Write the rejections by subscription for the shipping process."""
        journal = self._context.journal
        with contextlib.suppress(OSError):  # a full disk: the next second tries again
            self._context.counters.rejections_by_subscription.write(
                journal.folder / rejection_counter.FOLDER, journal.owner
            )

    def _traffic(self) -> dict[str, float]:
        context, counters = self._context, self._context.counters
        limiter, pool = context.connection_limiter, context.pool
        rejections = {
            f"rejections_{limit}_total": float(counters.rejections_by(limit))
            for limit in metrics.LIMITS.values()
        }
        return {
            "start_time_seconds": counters.started_at,
            "in_flight": counters.in_flight,
            "event_loop_lag_seconds": context.shedder.lag_s,
            "rejections_delayed": context.shedder.delayed,
            "body_bytes_held": context.config.bodies_bytes - limiter.body_bytes_left,
            "connections_rejected_total": limiter.rejected,
            "connections_closed_slow_total": counters.closed_slow,
            "requests_rejected_framing_total": counters.rejected_framing,
            "upstream_connections_idle": pool.idle_count(),
            "upstream_connections_opened_total": pool.opened,
            "upstream_retries_total": sum(health.retries.used for health in context.upstreams),
            "tasks": len(asyncio.all_tasks()),
            **rejections,
        }

    def _stores(self) -> dict[str, float]:
        context, counters = self._context, self._context.counters
        redis_up, postgres_up = self._redis.is_up, self._health.is_up
        return {
            "degraded_decisions_total": context.admission.degraded,
            "stale_key_answers_total": context.keys.stale_answers,
            "key_loads_total": context.keys.loads,
            "keys": len(context.keys.records),
            "models": len(context.models),
            "model_loads_total": context.models.loads,
            "changes_total": context.feed.changes,
            "change_polls_total": context.feed.polls,
            "redis_up": redis_up,
            "redis_unavailable_since_seconds": counters.unavailable_since("redis", redis_up),
            "redis_breaker_opened_total": self._redis.breaker_opened,
            "postgres_up": postgres_up,
            "postgres_unavailable_since_seconds": counters.unavailable_since(
                "postgres", postgres_up
            ),
            "clock_skew_seconds": context.clock.skew_s,
            "disk_free_bytes": self.disk_space.free,
            "environments_open": context.environments_open,
        }

    def _labelled(self) -> Iterator[LabelledSample]:
        for version_id, slots in self._context.admission.concurrency.versions.items():
            if slots.held:
                yield LabelledSample("version_in_flight", "version", version_id, slots.held)
        now = time.monotonic()
        for health in self._context.upstreams:
            if health.has_samples():
                for name, number in health.samples(now):
                    yield LabelledSample(name, "version", health.version_id, number)
        counters, admission = self._context.counters, self._context.admission
        for decision, count in {
            "ok": admission.admitted,
            "over_limit": sum(counters.rejections.values()) - counters.rejections_by("load"),
            "error": counters.undecided,
            "failure_mode_allowed": admission.admitted_locally,
        }.items():
            yield LabelledSample("decisions_total", "decision", decision, count)
