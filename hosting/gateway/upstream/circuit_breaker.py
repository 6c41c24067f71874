"""What this process knows of the upstream of each version: a circuit breaker and a retry budget.

The breaker *opens* after `breaker_failures` calls in a row that the upstream failed (refused the connection, was late, hung up,
answered a bare 5xx): for `breaker_s` no call is sent, then exactly one as a probe. Its success closes the breaker, its
failure opens it again. A caller's mistake, a full queue and a caller who left say nothing about the upstream; a version that
sleeps may be late. Only the final result of a call counts: one that was lost and answered at the second attempt is a
success, so that the death of a replica, which loses many calls at once, does not open the breaker for its successor.

Retries are bounded, because a struggling upstream is not helped by more load: `retry_share` of a version's calls
(docs/gateway.md: 10 %), saved up to `MAX_SAVED`, and for a quiet version `retry_floor`, which grow back at one a second.
"""

from collections.abc import Iterator

from hosting.gateway.config import GatewayConfig

MAX_SAVED = 100.0


class CircuitBreaker:
    """The breaker of one version. Times are monotonic seconds. `failures`: in a row; `opened` and `rejected` count for metrics."""

    __slots__ = ("failures", "opened", "rejected", "_threshold", "_open_s", "_open_until", "_probe")

    def __init__(self, config: GatewayConfig) -> None:
        self.failures = 0
        self.opened = 0
        self.rejected = 0
        self._threshold = config.breaker_failures
        self._open_s = config.breaker_s
        self._open_until = 0.0
        self._probe: object | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last calls all failed. Then at most one at a time is sent."""
        return self.failures >= self._threshold

    def open_for(self, now: float) -> float:
        """Seconds until a call may be sent, 0 when it may be sent now; a whole pause while a probe is under way."""
        if not self.is_open:
            return 0.0
        if self._probe is not None:
            return self._open_s
        return max(0.0, self._open_until - now)

    def record_start(self, call: object) -> None:
        """A call is sent; through an open breaker it is the probe."""
        if self.is_open:
            self._probe = call

    def record_end(self, call: object) -> None:
        """The call is over, however it ended."""
        if self._probe is call:
            self._probe = None

    def record_success(self) -> None:
        """The upstream gave an answer of its own: the breaker closes."""
        self.failures = 0

    def record_failure(self, call: object, now: float) -> None:
        """The upstream failed a call for good. Calls that were under way when the breaker opened do not prolong it."""
        self.failures += 1
        if self.failures == self._threshold or (self.is_open and self._probe is call):
            self._open_until = now + self._open_s
            self.opened += 1


class RetryBudget:
    """How many calls of one version may be sent a second time. `used` and `denied` count for metrics."""

    __slots__ = ("used", "denied", "_share", "_floor", "_saved", "_saved_at")

    def __init__(self, config: GatewayConfig) -> None:
        self.used = 0
        self.denied = 0
        self._share = config.retry_share
        self._floor = config.retry_floor
        self._saved = float(config.retry_floor)
        self._saved_at = 0.0

    def deposit(self) -> None:
        """A call earns its share of a retry."""
        if self._saved < MAX_SAVED:
            self._saved += self._share

    def withdraw(self, now: float) -> bool:
        """Take one retry; False when the budget is used up."""
        if self._saved < self._floor:
            self._saved = min(self._floor, self._saved + now - self._saved_at)
        self._saved_at = now
        if self._saved < 1:
            self.denied += 1
            return False
        self._saved -= 1
        self.used += 1
        return True


class UpstreamHealth:
    """The breaker and the retry budget of one version."""

    __slots__ = ("version_id", "breaker", "retries")

    def __init__(self, version_id: int, config: GatewayConfig) -> None:
        self.version_id = version_id
        self.breaker = CircuitBreaker(config)
        self.retries = RetryBudget(config)

    def has_samples(self) -> bool:
        """Whether there was ever anything but answers; most versions have nothing to report."""
        breaker, retries = self.breaker, self.retries
        return bool(breaker.opened or breaker.rejected or retries.used or retries.denied)

    def samples(self, now: float) -> Iterator[tuple[str, float]]:
        """(metric, number) of this version."""
        yield "breaker_open", self.breaker.open_for(now) > 0
        yield "breaker_opened_total", self.breaker.opened
        yield "breaker_rejections_total", self.breaker.rejected
        yield "retries_total", self.retries.used
        yield "retries_denied_total", self.retries.denied


class UpstreamHealthByVersion:
    """The upstream health of every version that this process has called."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        self._by_version: dict[int, UpstreamHealth] = {}

    def of(self, version_id: int) -> UpstreamHealth:
        health = self._by_version.get(version_id)
        if health is None:
            health = self._by_version[version_id] = UpstreamHealth(version_id, self._config)
        return health

    def __iter__(self) -> Iterator[UpstreamHealth]:
        return iter(self._by_version.values())
