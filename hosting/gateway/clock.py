"""The clock that events, quotas and key expiry go by: Postgres' clock, so that all machines agree."""

import time


class Clock:
    """Microseconds since 1970 by Postgres' clock, carried on by this machine's monotonic clock, which no step changes.

    Until `is_set` it is this machine's own time, good for request ids and nothing else.
    """

    def __init__(self) -> None:
        self._offset_us = time.time_ns() // 1000 - time.monotonic_ns() // 1000
        self.is_set = False

    def now_us(self) -> int:
        return time.monotonic_ns() // 1000 + self._offset_us

    def now_s(self) -> float:
        return (time.monotonic_ns() // 1000 + self._offset_us) / 1e6

    def us_at(self, monotonic_ns: int) -> int:
        """The time of a moment of the monotonic clock."""
        return monotonic_ns // 1000 + self._offset_us

    @property
    def skew_s(self) -> float:
        """Seconds that this machine's clock is ahead of Postgres' clock."""
        return time.time() - self.now_s()

    def set(self, database_us: int, before_ns: int, after_ns: int) -> None:
        """Follow Postgres' clock, which was read between two moments of the monotonic clock."""
        self._offset_us = database_us - (before_ns + after_ns) // 2000
        self.is_set = True
