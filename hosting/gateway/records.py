"""What several rooms share: the record of one API key, and the limits of one subscription in this process.

Both lie below the rooms that use them. `auth` writes key records, `limits` spends and refills the limits, and a call
reads both.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from consumption.keys.networks import Network
from consumption.metering.usage_journal import ENVIRONMENTS

PROD = ENVIRONMENTS.index("prod")
# Calls that a subscription may start in one pass of the event loop. At 45 µs a call, sixteen are less than a millisecond;
# while production has a queue too, a test application gets a quarter of its share.
CALLS_PER_PASS, TEST_CALLS_PER_PASS = 16, 4
# The largest lease of rate tokens. A lease is 5 % of the rate at most; of very large rates a smaller share is enough. With 64, a
# process that answers 20 000 calls a second asks Redis every 3 ms, which cost every call 8 of 47 µs (bench.burst).
MAX_TOKEN_LEASE = 1024


@dataclass(slots=True)
class ApiKeyRecord:
    """One API key with all that its calls need: who pays, what may be called, how much.

    Only the key cache writes the last eight fields. `verified_digest` is the digest of a key text that passed the HMAC since
    the record was loaded, so that only the first call of a key pays for the HMAC; the digest stays in this process, and
    190 random bits cannot be found from it. `held` is the precedence above which no version answers by itself.
    """

    kid: str
    key_id: int
    mac: str
    pepper_version: int
    is_live: bool
    expires_at: float
    epoch: int
    subscription_id: int
    subscription_state: str
    application_id: int
    team_id: int
    model_id: int
    plan_id: int
    environment: int
    policy: str
    pinned_id: int
    pinned: tuple[int, int, int, int]
    rate: int
    burst: int
    concurrency: int
    quota: int | None
    networks: tuple[Network, ...] = ()
    held: tuple[int, int, int, int] | None = None
    billing_ids: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    limits: "SubscriptionLimits | None" = field(default=None, compare=False)
    sequence: int = field(default=0, compare=False)
    loaded_at: float = field(default=0.0, compare=False)
    was_used: bool = field(default=True, compare=False)
    rehash_requested: bool = field(default=False, compare=False)
    verified_digest: bytes = field(default=b"", compare=False)


class ScheduledCall(Protocol):
    """A call that waits in its subscription's queue."""

    def start(self, limits: "SubscriptionLimits") -> None:
        """It is this call's turn."""


class ConcurrencyLimiter(Protocol):
    """Slots for calls in flight."""

    def acquire(self, limit: int) -> bool: ...
    def release(self) -> None: ...
    def in_use(self) -> int: ...
    async def wait(self, limit: int, deadline: float) -> None: ...


class SubscriptionLimits:
    """What one subscription may still do in this process. Times are monotonic seconds unless the name says `_us`."""

    __slots__ = (
        "subscription_id",
        "is_test",
        # plan
        "rate",
        "burst",
        "concurrency",
        "quota",
        "policy_header",
        # rate: tokens leased from Redis
        "interval_s",
        "token_lease",
        "tokens",
        "tokens_valid_until",
        "bucket_left",
        "denied_until",
        "token_waiters",
        "is_refilling",
        "local_due",
        "is_local",
        # quota: units leased from Postgres
        "quota_lease",
        "quota_units",
        "quota_left",
        "quota_denied_until",
        "quota_used_at",
        "quota_request",
        "pending_request_id",
        "period",
        "period_ends_us",
        # concurrency
        "slots",
        # fair scheduling
        "calls_per_pass",
        "started_in_pass",
        "queue",
    )

    def __init__(self, subscription_id: int, slots: ConcurrencyLimiter) -> None:
        self.subscription_id = subscription_id
        self.slots = slots
        self.is_test = False
        self.rate = self.burst = self.concurrency = 0
        self.quota: int | None = None
        self.policy_header = b""
        self.tokens = self.bucket_left = 0
        self.tokens_valid_until = self.denied_until = self.local_due = 0.0
        self.is_local = False  # the token in hand was granted without Redis
        self.token_waiters: list[asyncio.Future[None]] = []
        self.is_refilling = False
        self.quota_units = self.quota_left = 0
        self.quota_denied_until = self.quota_used_at = 0.0
        self.quota_request: asyncio.Future[None] | None = None
        self.pending_request_id = 0  # of a lease that was requested and not answered
        self.period = date.min
        self.period_ends_us = 0
        self.calls_per_pass = CALLS_PER_PASS
        self.started_in_pass = 0
        self.queue: deque[tuple[float, ScheduledCall]] = deque()  # with the thread time of arrival

    def adopt(self, record: ApiKeyRecord) -> None:
        """Take over the plan's limits, also when they changed."""
        self.is_test = record.environment != PROD
        if not self.rate:  # once, because a pass that has begun is counted to its end
            self.calls_per_pass = TEST_CALLS_PER_PASS if self.is_test else CALLS_PER_PASS
        terms = (record.rate, record.burst, record.concurrency, record.quota)
        if self.rate and terms == (self.rate, self.burst, self.concurrency, self.quota):
            return
        self.rate, self.burst, self.concurrency, self.quota = terms
        self.interval_s = 1.0 / self.rate
        self.token_lease = max(1, min(MAX_TOKEN_LEASE, self.rate // 20, self.burst // 2))
        self.tokens = 0
        self.quota_lease = (
            0 if self.quota is None else max(1, min(self.quota // 200, self.rate * 5))
        )
        self.quota_denied_until = 0.0
        self.policy_header = self._policy_header()

    def _policy_header(self) -> bytes:
        month = b', "month";q=%d;w=2592000' % self.quota if self.quota is not None else b""
        window_s = max(1, round(self.burst * self.interval_s))
        return b'ratelimit-policy: "rate";q=%d;w=%d%b\r\n' % (self.burst, window_s, month)

    def rate_limit_headers(self, at_us: int) -> bytes:
        """RateLimit and RateLimit-Policy (IETF draft 10) as header bytes."""
        rate_left = self.tokens + self.bucket_left
        if self.quota is None:
            return b'ratelimit: "rate";r=%d;t=1\r\n%b' % (rate_left, self.policy_header)
        ends_s = max(0, (self.period_ends_us - at_us) // 1_000_000)
        return b'ratelimit: "rate";r=%d;t=1, "month";r=%d;t=%d\r\n%b' % (
            rate_left,
            self.quota_left + self.quota_units,
            ends_s,
            self.policy_header,
        )
