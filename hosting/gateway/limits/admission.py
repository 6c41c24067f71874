"""May this call go ahead now? Rate in leases from Redis, quota in leases from Postgres, slots on the machine's board.

The common case takes from what the process already holds and never waits. When something must be fetched, one fetch
serves all that wait for it, and they look again in a loop. Redis away: local buckets at rate / workers, counted.
Postgres away: what was leased is spent, then 503. No outage ever refuses with 401, 403 or 429 by itself.
"""

import asyncio
import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, date, datetime
from functools import partial
from itertools import count
from typing import Any

from consumption.metering.usage_journal import ENVIRONMENTS
from hosting.gateway import problems
from hosting.gateway.auth.key_cache import DatabaseAway, Subscriber
from hosting.gateway.config import Limits
from hosting.gateway.limits.concurrency import Board, Seats
from hosting.gateway.limits.fair_scheduler import CALLS, CALLS_OF_TEST, Beginner, Turns
from hosting.gateway.limits.load_shedder import Pressure
from hosting.gateway.limits.redis_client import Redis, RedisAway, RedisError, pack

# Generic cell rate algorithm. KEYS: the bucket, the epoch of keys. ARGV: microseconds per call, burst, calls wanted.
# Returns calls granted, calls left in the bucket, microseconds until the next, the epoch.
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
TEST = ENVIRONMENTS.index("test")
# At most so many tokens of a rate in one lease. With 64 a process that answers 20 000 a second asks Redis for each 3 ms of it,
# which cost every call 8 of 47 µs (bench.burst).
LARGEST_LEASE = 256

# The subscription, the month's first day, calls (quota and wanted; unspent), and the number of the question: one that got no
# answer is asked again under the same number and done once.
TakeQuota = Callable[[int, date, int, int, int], Awaitable[tuple[int, int]]]
ReturnQuota = Callable[[int, date, int, int], Awaitable[None]]


class Account:
    """What one subscription may still do in this process."""

    __slots__ = (
        "subscription_id",
        "rate",
        "burst",
        "concurrency",
        "quota",
        "size",
        "interval",
        "tokens",
        "tokens_until",
        "room",
        "denied_until",
        "line",
        "is_filling",
        "local_due",
        "is_local",
        "allowance",
        "period_ends_us",
        "period",
        "left",
        "quota_denied_until",
        "leasing",
        "quota_used",
        "seats",
        "policy_head",
        "lease",
        "is_test",
        "begun",
        "in_a_pass",
        "turns",
        "unanswered",
    )

    def __init__(self, subscription_id: int, seats: Seats) -> None:
        self.subscription_id = subscription_id
        self.seats = seats
        self.is_test = False
        self.in_a_pass = CALLS
        self.begun = 0  # calls since a pass of the loop was full
        self.turns: deque[tuple[float, Beginner]] = (
            deque()
        )  # since when they wait for their turn, in CPU seconds of the loop
        self.rate = self.burst = self.concurrency = 0
        self.tokens = self.room = 0
        self.tokens_until = self.denied_until = self.local_due = 0.0
        self.is_local = False  # was the token in hand given without Redis?
        self.line: list[asyncio.Future[None]] = []  # calls that wait for a token
        self.is_filling = False
        self.allowance = self.left = 0
        self.period_ends_us = 0
        self.period = date.min
        self.quota: int | None = None
        self.quota_denied_until = self.quota_used = 0.0
        self.leasing: asyncio.Future[None] | None = None
        self.unanswered = (
            0  # the number of the lease that was asked for and of which nothing was heard
        )
        self.policy_head = b""

    def adopt(self, subscriber: Subscriber) -> None:
        """Take over the plan's limits, also when they changed."""
        self.is_test = subscriber.environment == TEST
        if not self.rate:  # once: a pass that has begun is counted to its end
            self.in_a_pass = CALLS_OF_TEST if self.is_test else CALLS
        terms = (subscriber.rate, subscriber.burst, subscriber.concurrency, subscriber.quota)
        if self.rate and terms == (self.rate, self.burst, self.concurrency, self.quota):
            return
        self.rate, self.burst, self.concurrency, self.quota = terms
        self.interval = 1.0 / self.rate
        self.size = max(1, min(LARGEST_LEASE, self.rate // 20, self.burst // 2))
        self.tokens = 0
        self.lease = max(1, min(self.quota // 200, self.rate * 5)) if self.quota is not None else 0
        self.quota_denied_until = 0.0
        month = b', "month";q=%d;w=2592000' % self.quota if self.quota is not None else b""
        self.policy_head = b'ratelimit-policy: "rate";q=%d;w=%d%b\r\n' % (
            self.burst,
            max(1, round(self.burst * self.interval)),
            month,
        )

    def limit_head(self, at_us: int) -> bytes:
        """RateLimit and RateLimit-Policy (IETF draft 10) as header bytes."""
        rate_left = self.tokens + self.room if self.tokens > 0 or self.room > 0 else 0
        if self.quota is None:
            return b'ratelimit: "rate";r=%d;t=1\r\n%b' % (rate_left, self.policy_head)
        ends = max(0, (self.period_ends_us - at_us) // 1_000_000)
        return b'ratelimit: "rate";r=%d;t=1, "month";r=%d;t=%d\r\n%b' % (
            rate_left,
            self.left + self.allowance,
            ends,
            self.policy_head,
        )


class Admission:
    """The gatekeeper of a process."""

    def __init__(
        self,
        limits: Limits,
        redis: Redis,
        workers: int,
        board: Board,
        pressure: Pressure,
        take_quota: TakeQuota,
        return_quota: ReturnQuota,
        on_epoch: Callable[[int], None],
    ) -> None:
        self.limits = limits
        self.redis = redis
        self.workers = workers
        self.board = board
        self.pressure = pressure
        self.turns = Turns(limits)
        self.versions: dict[int, Seats] = {}
        self.accounts: dict[int, Account] = {}
        self.admitted = 0
        self.admitted_locally = 0
        self.refused_locally = 0
        self._take_quota = take_quota
        self._return_quota = return_quota
        self._on_epoch = on_epoch
        self._asks = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def degraded(self) -> int:
        """Decisions that were made without Redis, each call counted once."""
        return self.admitted_locally + self.refused_locally

    def attach(self, subscriber: Subscriber) -> None:
        """Give a key record its account."""
        account = self.accounts.get(subscriber.subscription_id)
        if account is None:
            account = self.accounts[subscriber.subscription_id] = Account(
                subscriber.subscription_id, self.board.of_subscription(subscriber.subscription_id)
            )
        account.adopt(subscriber)
        subscriber.account = account

    def take(self, account: Account, version_id: int, now: float, at_us: int) -> bool:
        """Admit from what is at hand. False: something must be fetched or waited for. Raises Problem."""
        if now < account.denied_until:
            raise self._rate_problem(account, account.denied_until - now)
        if account.tokens <= 0 or now >= account.tokens_until:
            if self.redis.is_up:
                return False
            self._take_locally(account, now)
        if account.quota is not None and (
            account.allowance <= 0 or at_us >= account.period_ends_us
        ):
            if now < account.quota_denied_until:
                raise self._quota_problem(account, at_us)
            return False
        if self.pressure.sheds(account.is_test):
            raise problems.gateway_busy(self.limits.shed_wait_s)
        if not self._sit_down(account, version_id):
            return False
        account.tokens -= 1
        if account.is_local:
            self.admitted_locally += 1
        else:
            self.admitted += 1
        if account.quota is not None:
            account.allowance -= 1
            account.quota_used = now
            if (
                account.allowance * 2 < account.lease
                and account.leasing is None
                and now >= account.quota_denied_until
            ):
                self._spawn(self._lease_early(account, at_us))
        if (
            account.size >= 8
            and account.tokens * 2 < account.size
            and not account.is_filling
            and self.redis.is_up
        ):
            self._fill(account)
        return True

    async def wait(self, account: Account, version_id: int, clock_us: Callable[[], int]) -> int:
        """Admit, fetching leases and waiting for a slot as needed. Returns when, by `clock_us`: whose month the unit is of.

        Raises Problem.
        """
        slot_by = 0.0
        while not self.take(account, version_id, now := time.monotonic(), at_us := clock_us()):
            if account.tokens <= 0 or now >= account.tokens_until:
                await self._token(account)
            elif account.quota is not None and (
                account.allowance <= 0 or at_us >= account.period_ends_us
            ):
                await self._lease(account, at_us)
            else:
                slot_by = slot_by or now + self.limits.slot_wait_s
                await self._slot(account, version_id, slot_by)
        return at_us

    def done(self, account: Account, version_id: int, spent: bool, at_us: int) -> None:
        """A call that was admitted at `at_us` is over: free its slots, and take back its unit if it cost none and the month still runs."""
        account.seats.leave()
        self.versions[version_id].leave()
        if not spent and account.quota is not None and period_of(at_us)[0] == account.period:
            account.allowance += 1

    async def bring_back(self, idle_only: bool, at_us: int) -> None:
        """Return leased quota: of subscriptions that are quiet, or all of it before the process ends. Raises DatabaseAway.

        What could not be returned for certain is not spent either: it comes back when the process' journal is settled.
        """
        now = time.monotonic()
        for account in list(self.accounts.values()):
            if idle_only and (
                now - account.quota_used <= self.limits.quota_idle_s or account.leasing is not None
            ):
                continue
            if account.unanswered:
                await self._asking(account, at_us, 0)
            if account.allowance > 0:
                unspent, account.allowance = account.allowance, 0
                await self._return_quota(
                    account.subscription_id, account.period, unspent, next(self._asks)
                )

    # Rate

    async def _token(self, account: Account) -> None:
        """Until a lease came or was denied; the caller looks again."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        account.line.append(waiting)
        if not account.is_filling:
            self._fill(account)
        await waiting

    def _fill(self, account: Account) -> None:
        """One lease of tokens for all that wait when it is asked for."""
        account.is_filling = True
        self._spawn(self._ask_redis(account)).add_done_callback(partial(self._filled, account))

    def _filled(self, account: Account, asking: asyncio.Task[None]) -> None:
        """Wake as many as there are tokens, and ask again for the others; all, when there are none or nobody knows."""
        account.is_filling = False
        error = asking.exception() if account.line and not asking.cancelled() else None
        count = (
            account.tokens
            if account.tokens > 0 and self.redis.is_up and not error
            else len(account.line)
        )
        line, account.line = account.line[:count], account.line[count:]
        if account.line:
            self._fill(account)
        for waiting in line:
            if waiting.done():
                continue
            if error:
                waiting.set_exception(error)
            else:
                waiting.set_result(None)

    async def _ask_redis(self, account: Account) -> None:
        try:
            answer = await self._granted(account)
        except RedisError as error:
            self.redis.trip(str(error))
            return
        except RedisAway:
            return  # the next look takes locally: the breaker is open
        granted, room, wait_us, epoch = answer
        now = time.monotonic()
        if granted:
            left = account.tokens if now < account.tokens_until and not account.is_local else 0
            account.tokens, account.room, account.is_local = left + granted, room, False
            account.tokens_until = now + self.limits.lease_life_s
        else:
            account.room = 0
            pause = max(wait_us / 1e6, account.interval * (account.size // 2))
            if account.tokens <= 0 or now >= account.tokens_until:
                account.denied_until = now + pause
        self._on_epoch(int(epoch))

    async def _granted(self, account: Account) -> list[Any]:
        bucket = f"gateway:rate:{account.subscription_id}"
        words = (
            2,
            bucket,
            EPOCH,
            f"{1e6 * account.interval:.3f}",
            account.burst,
            account.size + len(account.line),
        )
        try:
            return await self.redis.ask(pack("EVALSHA", GCRA_SHA1, *words))
        except RedisError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self.redis.ask(pack("EVAL", GCRA, *words))

    def _take_locally(self, account: Account, now: float) -> None:
        """Without Redis: the same algorithm on this process' share of the rate. Raises Problem."""
        interval = account.interval * self.workers
        burst = max(1, account.burst // self.workers)
        due = max(account.local_due, now)
        if due - now > interval * (burst - 1) + 1e-9:
            self.refused_locally += 1
            raise self._rate_problem(account, due - now - interval * (burst - 1))
        account.local_due = due + interval
        account.is_local = True
        account.tokens, account.room, account.tokens_until = 1, 0, now + self.limits.lease_life_s

    # Quota

    async def _lease(self, account: Account, at_us: int) -> None:
        """One lease of quota for all that wait; it is taken even if they leave. Raises Problem when Postgres is away."""
        try:
            await asyncio.shield(self._asking(account, at_us, account.lease))
        except DatabaseAway:
            raise problems.away("The monthly quota cannot be checked at the moment.") from None

    async def _lease_early(self, account: Account, at_us: int) -> None:
        """Fetch before the last unit is spent, so that nobody waits; a failure is told to whoever needs it."""
        with contextlib.suppress(problems.Problem):
            await self._lease(account, at_us)

    def _asking(self, account: Account, at_us: int, wanted: int) -> asyncio.Future[None]:
        """The one question that is under way. Fails with DatabaseAway."""
        if account.leasing is None:
            account.leasing = asyncio.ensure_future(self._ask_postgres(account, at_us, wanted))
            account.leasing.add_done_callback(lambda _: setattr(account, "leasing", None))
        return account.leasing

    async def _ask_postgres(self, account: Account, at_us: int, wanted: int) -> None:
        """`wanted` 0: only to hear what was granted when no reply came."""
        assert account.quota is not None
        start, ends_us = period_of(at_us)
        account.unanswered = account.unanswered or next(self._asks)
        granted, left = await self._take_quota(
            account.subscription_id, start, account.quota, wanted, account.unanswered
        )
        account.unanswered = 0
        if start != account.period:
            account.allowance = 0
        account.period, account.period_ends_us = start, ends_us
        account.allowance += granted
        account.left = left
        account.quota_used = time.monotonic()
        if wanted and not granted:
            account.quota_denied_until = time.monotonic() + 1.0

    # Slots

    def _sit_down(self, account: Account, version_id: int) -> bool:
        """Take a slot of the subscription and one of the version, or neither."""
        if not account.seats.enter(account.concurrency):
            return False
        if self._of_version(version_id).enter(self.limits.upstream_concurrency):
            return True
        account.seats.leave()
        return False

    def _of_version(self, version_id: int) -> Seats:
        seats = self.versions.get(version_id)
        if seats is None:
            seats = self.versions[version_id] = self.board.of_version(version_id)
        return seats

    async def _slot(self, account: Account, version_id: int, by: float) -> None:
        """Wait for a slot until `by`. Raises Problem."""
        own, limit = account.seats, account.concurrency
        is_own = own.taken() >= limit
        try:
            if is_own:
                await own.wait(limit, by)
            else:
                await self._of_version(version_id).wait(self.limits.upstream_concurrency, by)
        except TimeoutError:
            raise _too_many(limit) if is_own else problems.upstream_busy() from None

    # Words

    def _rate_problem(self, account: Account, wait_s: float) -> problems.Problem:
        head = (b"ratelimit", b'"rate";r=0;t=%d' % max(1, int(wait_s + 0.999)))
        return problems.Problem(
            429,
            "rate-limited",
            "Too many calls a second",
            f"limited by the plan's rate: {account.rate} calls a second, {account.burst} at a burst. "
            f"Try again in {max(0.001, wait_s):.3f} s, or ask for a larger plan.",
            [problems.retry_after(wait_s), head],
        )

    def _quota_problem(self, account: Account, at_us: int) -> problems.Problem:
        resets = datetime.fromtimestamp(account.period_ends_us / 1e6, UTC)
        seconds = max(1, (account.period_ends_us - at_us) // 1_000_000)
        return problems.Problem(
            429,
            "quota-used-up",
            "The month's quota is used up",
            f"limited by the subscription's monthly quota: 0 of {_spaced(account.quota or 0)} left, "
            f"resets {resets.day} {resets:%B} (UTC). Ask for a larger plan.",
            [problems.retry_after(seconds), (b"ratelimit", b'"month";r=0;t=%d' % seconds)],
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def period_of(at_us: int) -> tuple[date, int]:
    """The month (UTC) of a moment: its first day, and when it ends in microseconds since 1970."""
    day = datetime.fromtimestamp(at_us / 1e6, UTC).date().replace(day=1)
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day, int(datetime(after.year, after.month, 1, tzinfo=UTC).timestamp()) * 1_000_000


def _too_many(limit: int) -> problems.Problem:
    return problems.Problem(
        503,
        "too-many-at-once",
        "Too many calls at once",
        f"limited by the plan's concurrency: {limit} calls at a time. Send fewer in parallel.",
        [problems.retry_after(1)],
    )


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
