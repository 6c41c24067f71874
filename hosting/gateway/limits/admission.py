"""Admission: may this call go ahead now? Rate, then quota, then load, then concurrency; the first that bites answers.

The common case takes from what the process already holds and never waits. When something must be fetched, one request
serves all that wait for it, and they check again in a loop. Redis unavailable: local buckets at rate / workers, counted.
Postgres unavailable: what was leased is spent, then 503. No outage alone ever rejects with 401, 403 or 429.
"""

import time
from collections.abc import Callable

from hosting.gateway import problems
from hosting.gateway.config import GatewayConfig
from hosting.gateway.limits.concurrency import ConcurrencyLimits
from hosting.gateway.limits.fair_scheduler import FairScheduler
from hosting.gateway.limits.load_shedder import LoadShedder
from hosting.gateway.limits.missing import Missing
from hosting.gateway.limits.quota import QuotaLeases, ReturnQuota, TakeQuota
from hosting.gateway.limits.rate import RateLimiter
from hosting.gateway.limits.redis_client import RedisClient
from hosting.gateway.limits.shared_slots import SharedSlotTable
from hosting.gateway.records import ApiKeyRecord, SubscriptionLimits


class Admission:
    """The admission of one process."""

    def __init__(
        self,
        config: GatewayConfig,
        redis: RedisClient,
        workers: int,
        slots: SharedSlotTable,
        shedder: LoadShedder,
        take_quota: TakeQuota,
        return_quota: ReturnQuota,
        on_epoch: Callable[[int], None],
    ) -> None:
        self.config = config
        self.shedder = shedder
        self.rate = RateLimiter(config, redis, workers, on_epoch)
        self.quota = QuotaLeases(config, take_quota, return_quota)
        self.concurrency = ConcurrencyLimits(config, slots)
        self.scheduler = FairScheduler(config)
        self.subscriptions: dict[int, SubscriptionLimits] = {}
        self.admitted = 0
        self.admitted_locally = 0
        self._slots = slots

    @property
    def degraded(self) -> int:
        """Decisions without Redis, each call counted once."""
        return self.admitted_locally + self.rate.rejected_locally

    def attach(self, record: ApiKeyRecord) -> None:
        """Give a key record the limits of its subscription, which all its keys share."""
        pk = record.subscription_id
        limits = self.subscriptions.get(pk)
        if limits is None:
            limits = SubscriptionLimits(pk, self._slots.of_subscription(pk))
            self.subscriptions[pk] = limits
        limits.adopt(record)
        record.limits = limits

    def take(
        self, limits: SubscriptionLimits, version_id: int, now: float, at_us: int
    ) -> Missing | None:
        """Admit from what is at hand (None), or return what is missing. Raises Problem when waiting cannot help."""
        if not self.rate.has_token(limits, now):
            return Missing.TOKEN
        if limits.quota is not None and not self.quota.has_unit(limits, now, at_us):
            return Missing.QUOTA_UNIT
        if self.shedder.should_shed(limits.is_test):
            raise problems.gateway_busy(self.config.shed_wait_s)
        missing = self.concurrency.acquire(limits, version_id)
        if missing is not None:
            return missing
        if limits.is_local:
            self.admitted_locally += 1
        else:
            self.admitted += 1
        self.rate.spend(limits)
        if limits.quota is not None:
            self.quota.spend(limits, now, at_us)
        return None

    async def wait(
        self, limits: SubscriptionLimits, version_id: int, clock_us: Callable[[], int]
    ) -> int:
        """Admit, fetching leases and waiting for slots as needed. Returns the moment, by `clock_us`, whose month the unit is of.

        Raises Problem.
        """
        slot_deadline = 0.0
        while missing := self.take(
            limits, version_id, now := time.monotonic(), at_us := clock_us()
        ):
            if missing is Missing.TOKEN:
                await self.rate.wait_for_token(limits)
            elif missing is Missing.QUOTA_UNIT:
                await self.quota.lease(limits, at_us)
            else:
                slot_deadline = slot_deadline or now + self.config.slot_wait_s
                await self.concurrency.wait(limits, version_id, missing, slot_deadline)
        return at_us

    def release(
        self, limits: SubscriptionLimits, version_id: int, at_us: int, *, was_charged: bool
    ) -> None:
        """A call that was admitted at `at_us` is over: free its slots, and refund its unit if it was not charged."""
        limits.slots.release()
        self.concurrency.versions[version_id].release()
        if not was_charged:
            self.quota.refund(limits, at_us)

    async def give_back_quota(self, at_us: int, *, idle_only: bool) -> None:
        """Return leased quota to Postgres (quota.py). Raises DatabaseUnavailable."""
        await self.quota.give_back(list(self.subscriptions.values()), at_us, idle_only=idle_only)
