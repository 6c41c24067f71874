"""The rate of a plan: a token bucket in Redis (GCRA), spent in leases of tokens.

A process debits a lease of tokens beforehand and spends it without asking. One request to Redis serves all calls that wait for
a token. Without Redis each process keeps a bucket of its own at rate / workers; those decisions are counted.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from hosting.gateway import problems
from hosting.gateway.background_tasks import BackgroundTasks
from hosting.gateway.config import GatewayConfig
from hosting.gateway.limits.redis_client import RedisClient, RedisError, RedisUnavailable
from hosting.gateway.records import SubscriptionLimits

# Generic cell rate algorithm. KEYS: the bucket, the epoch of keys. ARGV: microseconds per call, burst, tokens wanted.
# Returns tokens granted, tokens left in the bucket, microseconds until the next token, the epoch.
GCRA = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due < now then due = now end
if due > now + interval * burst then due = now + interval * burst end
local room = math.floor((now + interval * burst - due) / interval + 0.000001)
local granted = math.min(wanted, room)
local wait = 0
if granted > 0 then
  due = due + granted * interval
  redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000)
else
  wait = math.ceil(due + interval - now - interval * burst)
end
return {granted, room - granted, wait, redis.call('GET', KEYS[2]) or '0'}
"""
GCRA_SHA1 = hashlib.sha1(GCRA.encode(), usedforsecurity=False).hexdigest()
EPOCH = "gateway:epoch"
REFILL_FROM = 8  # smaller leases are used up; larger ones are refilled at half


class RateLimiter:
    """The rates of all subscriptions in this process. `on_epoch` gets the epoch of keys with every lease."""

    def __init__(
        self,
        config: GatewayConfig,
        redis: RedisClient,
        workers: int,
        on_epoch: Callable[[int], None],
    ) -> None:
        self.rejected_locally = 0
        self._config = config
        self._redis = redis
        self._workers = workers
        self._on_epoch = on_epoch
        self._tasks = BackgroundTasks()

    def has_token(self, limits: SubscriptionLimits, now: float) -> bool:
        """Whether a token is at hand; False: it must be requested. Raises Problem (429) when the rate is used up."""
        if now < limits.denied_until:
            raise rate_limited(limits, limits.denied_until - now)
        if limits.tokens > 0 and now < limits.tokens_valid_until:
            return True
        if self._redis.is_up:
            return False
        self.take_local_token(limits, now)
        return True

    def spend(self, limits: SubscriptionLimits) -> None:
        """Spend the token at hand, and request the next lease before this one is used up."""
        limits.tokens -= 1
        if (
            limits.tokens * 2 < limits.token_lease >= REFILL_FROM
            and not limits.is_refilling
            and self._redis.is_up
        ):
            self._refill(limits)

    def take_local_token(self, limits: SubscriptionLimits, now: float) -> None:
        """Without Redis: the same algorithm on this process' share of the rate. Raises Problem (429)."""
        interval_s = limits.interval_s * self._workers
        burst = max(1, limits.burst // self._workers)
        due = max(limits.local_due, now)
        tolerance_s = interval_s * (burst - 1)
        if due - now > tolerance_s + 1e-9:
            self.rejected_locally += 1
            raise rate_limited(limits, due - now - tolerance_s)
        limits.local_due = due + interval_s
        limits.is_local = True
        limits.tokens, limits.bucket_left = 1, 0
        limits.tokens_valid_until = now + self._config.lease_life_s

    async def wait_for_token(self, limits: SubscriptionLimits) -> None:
        """Until a lease came or was denied; the caller checks again. Raises what the request raised."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        limits.token_waiters.append(waiter)
        if not limits.is_refilling:
            self._refill(limits)
        await waiter

    def _refill(self, limits: SubscriptionLimits) -> None:
        """Request one lease for all that wait at this moment."""
        limits.is_refilling = True
        request = self._tasks.spawn(self._request_lease(limits))
        request.add_done_callback(partial(self._on_lease, limits))

    def _on_lease(self, limits: SubscriptionLimits, request: asyncio.Task[None]) -> None:
        """Wake as many waiters as there are tokens and request a lease for the rest; wake all when there is none or nobody knows."""
        limits.is_refilling = False
        waiters = limits.token_waiters
        error = request.exception() if waiters and not request.cancelled() else None
        has_tokens = limits.tokens > 0 and self._redis.is_up and not error
        count = limits.tokens if has_tokens else len(waiters)
        woken, limits.token_waiters = waiters[:count], waiters[count:]
        if limits.token_waiters:
            self._refill(limits)
        for waiter in woken:
            if waiter.done():
                continue
            if error:
                waiter.set_exception(error)
            else:
                waiter.set_result(None)

    async def _request_lease(self, limits: SubscriptionLimits) -> None:
        try:
            granted, left, wait_us, epoch = await self._run_gcra(limits)
        except RedisError as error:
            self._redis.open_breaker(str(error))
            return
        except RedisUnavailable:
            return  # the breaker is open, so the next check takes a local token
        now = time.monotonic()
        is_valid = now < limits.tokens_valid_until
        if granted:
            kept = limits.tokens if is_valid and not limits.is_local else 0
            limits.tokens, limits.bucket_left, limits.is_local = kept + granted, left, False
            limits.tokens_valid_until = now + self._config.lease_life_s
        else:
            limits.bucket_left = 0
            if limits.tokens <= 0 or not is_valid:
                pause_s = max(wait_us / 1e6, limits.interval_s * (limits.token_lease // 2))
                limits.denied_until = now + pause_s
        self._on_epoch(int(epoch))

    async def _run_gcra(self, limits: SubscriptionLimits) -> list[Any]:
        # No token beyond those: one that this process keeps is one that another process refuses.
        wanted = max(limits.token_lease, len(limits.token_waiters))
        arguments = (
            2,
            f"gateway:rate:{limits.subscription_id}",
            EPOCH,
            f"{1e6 * limits.interval_s:.3f}",
            limits.burst,
            wanted,
        )
        try:
            return await self._redis.execute("EVALSHA", GCRA_SHA1, *arguments)
        except RedisError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self._redis.execute("EVAL", GCRA, *arguments)


def rate_limited(limits: SubscriptionLimits, wait_s: float) -> problems.Problem:
    """429: the plan's rate."""
    header = (b"ratelimit", b'"rate";r=0;t=%d' % max(1, int(wait_s + 0.999)))
    return problems.Problem(
        "rate-limited",
        f"limited by the plan's rate: {limits.rate} calls a second, {limits.burst} at a burst. "
        f"Try again in {max(0.001, wait_s):.3f} s, or ask for a larger plan.",
        [problems.retry_after(wait_s), header],
    )
