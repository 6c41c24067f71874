"""Counts of the last sixty minutes, by key, kept in one-minute buckets."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

MINUTES = 60
Key = TypeVar("Key", bound=Hashable)


class SlidingHour(Generic[Key]):
    """Counts of the last sixty minutes, the running one included. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[Key, int]] = {}

    def add(self, key: Key, now: float) -> None:
        """Count one more of `key`."""
        minute = self._minutes.setdefault(int(now // 60), {})
        minute[key] = minute.get(key, 0) + 1

    def counts(self, now: float) -> Iterator[tuple[Key, int]]:
        """(key, count) of every key that occurred. Drops the buckets that are older than an hour."""
        oldest = int(now // 60) - MINUTES + 1
        for minute in [minute for minute in self._minutes if minute < oldest]:
            del self._minutes[minute]
        totals: dict[Key, int] = {}
        for bucket in self._minutes.values():
            for key, count in bucket.items():
                totals[key] = totals.get(key, 0) + count
        yield from totals.items()
