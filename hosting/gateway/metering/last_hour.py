"""What happened in the last hour, by key: counts in minutes that are forgotten one by one."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

MINUTES = 60
Key = TypeVar("Key", bound=Hashable)


class LastHour(Generic[Key]):
    """Counts of the last sixty minutes, the running one included. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[Key, int]] = {}

    def add(self, key: Key, now: float) -> None:
        """One more of `key`."""
        minute = self._minutes.setdefault(int(now // 60), {})
        minute[key] = minute.get(key, 0) + 1

    def counts(self, now: float) -> Iterator[tuple[Key, int]]:
        """(key, count) of every key that occurred; older minutes are forgotten."""
        oldest = int(now // 60) - MINUTES + 1
        for minute in [minute for minute in self._minutes if minute < oldest]:
            del self._minutes[minute]
        totals: dict[Key, int] = {}
        for counted in self._minutes.values():
            for key, count in counted.items():
                totals[key] = totals.get(key, 0) + count
        yield from totals.items()
