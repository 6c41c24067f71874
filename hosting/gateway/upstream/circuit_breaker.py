"""What this process has learnt of each version's upstream: is asking it worth while, and how many lost calls may
be sent again?

A lane *shuts* after `breaker_failures` calls in a row that the upstream failed (refused the connection, was late, hung up,
answered a bare 5xx): for `breaker_s` nothing is asked, then exactly one call is let through to try. Its success opens the
lane, its failure shuts it again. What a caller did wrong, a full queue, and a caller who left say nothing about the upstream;
a version that sleeps may be late. Only what became of a call counts: one that was lost and answered at the second try is an
answer, so that the death of a replica, which loses many calls at once, does not shut the lane to its successor.

Sending again is bounded, because a struggling upstream is not helped by more load: `retry_share` of a version's calls
(reliability.md F12: 10 %), saved up to `MOST_SAVED`, and for a quiet version `retry_floor`, which grow back at one a second.
"""

from collections.abc import Iterator

from hosting.gateway.config import Limits

MOST_SAVED = 100.0


class Lane:
    """One version's upstream as this process sees it. Times are monotonic seconds; `probe` is the call that tries."""

    __slots__ = (
        "version_id",
        "limits",
        "failures",
        "shut_until",
        "probe",
        "saved",
        "saved_at",
        "retries",
        "retries_denied",
        "shuts",
        "refused",
    )

    def __init__(self, version_id: int, limits: Limits) -> None:
        self.version_id = version_id
        self.limits = limits
        self.failures = 0
        self.shut_until = 0.0
        self.probe: object | None = None
        self.saved = float(limits.retry_floor)
        self.saved_at = 0.0
        self.retries = 0
        self.retries_denied = 0
        self.shuts = 0
        self.refused = 0

    @property
    def is_tripped(self) -> bool:
        """Did the last calls all fail? Then at most one at a time may ask."""
        return self.failures >= self.limits.breaker_failures

    def shut_for(self, now: float) -> float:
        """Seconds until asking is worth while, 0 when it is now; a whole pause while somebody tries."""
        if not self.is_tripped:
            return 0.0
        if self.probe is not None:
            return self.limits.breaker_s
        return max(0.0, self.shut_until - now)

    def enter(self, call: object) -> None:
        """A call is sent to the upstream."""
        if self.saved < MOST_SAVED:
            self.saved += self.limits.retry_share
        if self.failures and self.is_tripped:
            self.probe = call

    def leave(self, call: object) -> None:
        """The call is over, however it ended."""
        if self.probe is call:
            self.probe = None

    def worked(self) -> None:
        """The upstream gave an answer that it stands behind."""
        self.failures = 0

    def failed(self, call: object, now: float) -> None:
        """The upstream failed a call for good. Calls that were on their way when the lane shut do not keep it shut."""
        self.failures += 1
        if self.failures == self.limits.breaker_failures or (
            self.is_tripped and self.probe is call
        ):
            self.shut_until = now + self.limits.breaker_s
            self.shuts += 1

    def has_told(self) -> bool:
        """Was there ever anything but answers? Most versions have nothing to tell."""
        return bool(self.shuts or self.retries or self.retries_denied or self.refused)

    def numbers(self, now: float) -> Iterator[tuple[str, float]]:
        """What metrics tell of it."""
        yield "breaker_open", self.shut_for(now) > 0
        yield "breaker_opened_total", self.shuts
        yield "breaker_refused_total", self.refused
        yield "retries_total", self.retries
        yield "retries_denied_total", self.retries_denied

    def may_retry(self, now: float) -> bool:
        """Take one retry from what is saved; False when nothing is left."""
        if self.saved < self.limits.retry_floor:
            self.saved = min(self.limits.retry_floor, self.saved + now - self.saved_at)
        self.saved_at = now
        if self.saved < 1:
            self.retries_denied += 1
            return False
        self.saved -= 1
        self.retries += 1
        return True


class Lanes:
    """All lanes of a process, made when a version is first called."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lanes: dict[int, Lane] = {}

    def of(self, version_id: int) -> Lane:
        """The lane of a version."""
        lane = self._lanes.get(version_id)
        if lane is None:
            lane = self._lanes[version_id] = Lane(version_id, self._limits)
        return lane

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())
