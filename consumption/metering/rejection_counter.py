"""Counts the calls that a gateway process rejects in the running hour, by subscription and limit, and writes them to a file.

The file's name is the hour and the owner's name (see usage_journal). It holds absolute numbers, so it may be read at any time
and more than once: [[subscription id, limit, calls, seconds since 1970 of the last call], …]. What a killed process counted in
its last second is lost.
"""

import json
from pathlib import Path

MOST = 10_000  # pairs of subscription and limit in an hour; further ones are in the process' totals only
HOUR_S = 3600
FOLDER = "rejected"  # beside the usage journal


class RejectionCounter:
    """What one process rejected in the running hour. Counting costs one step of a dictionary; admitted calls cost nothing."""

    def __init__(self) -> None:
        self._hour = 0
        self._counts: dict[tuple[int, str], list[int]] = {}
        self._is_written = True
        self._last_hour: tuple[int, dict[tuple[int, str], list[int]]] | None = None

    def add(self, subscription_id: int, limit: str, at_s: int) -> None:
        """Count one call of a subscription, rejected at `at_s` seconds since 1970 by one of rejections.LIMITS."""
        if at_s // HOUR_S > self._hour:
            if not self._is_written:
                self._last_hour = self._hour, self._counts
            self._hour, self._counts, self._is_written = (at_s // HOUR_S), {}, True
        count = self._counts.get((subscription_id, limit))
        if count is None:
            if len(self._counts) >= MOST:
                return
            count = self._counts[subscription_id, limit] = [0, 0]
        count[0] += 1
        count[1] = at_s
        self._is_written = False

    def write(self, folder: Path, owner: str) -> None:
        """Write the counts that changed since the last write. Raises OSError; the next call then tries again."""
        if self._last_hour:
            _write(folder, owner, *self._last_hour)
            self._last_hour = None
        if not self._is_written:
            _write(folder, owner, self._hour, self._counts)
            self._is_written = True


def _write(folder: Path, owner: str, hour: int, counts: dict[tuple[int, str], list[int]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hour}-{owner}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([[*key, *count] for key, count in counts.items()]))
    partial.rename(path)
