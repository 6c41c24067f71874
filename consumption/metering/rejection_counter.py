"""Calls that a gateway process turned away in the running hour, by subscription and limit, and the file that tells of them.

The file bears the hour and the name of the process and holds absolute numbers, so it may be read at any time and twice:
[[subscription id, limit, calls, seconds since 1970 of the last one], …]. What a killed process counted in its last second is lost.
"""

import json
from pathlib import Path

MOST = 10_000  # pairs of subscription and limit in an hour; further ones are in the process' totals only
HOUR_S = 3600
FOLDER = "refused"  # beside the spool


class Tally:
    """What one process turned away in the running hour. Counting costs one step of a dictionary; admitted calls nothing."""

    def __init__(self) -> None:
        self._hour = 0
        self._counts: dict[tuple[int, str], list[int]] = {}
        self._is_told = True
        self._before: tuple[int, dict[tuple[int, str], list[int]]] | None = None

    def add(self, subscription_id: int, limit: str, at_s: int) -> None:
        """One more call of a subscription, turned away at `at_s` seconds since 1970 by one of LIMITS."""
        if at_s // HOUR_S > self._hour:
            self._turn(at_s // HOUR_S)
        found = self._counts.get((subscription_id, limit))
        if found is None:
            if len(self._counts) >= MOST:
                return
            found = self._counts[subscription_id, limit] = [0, 0]
        found[0] += 1
        found[1] = at_s
        self._is_told = False

    def tell(self, folder: Path, holder: str) -> None:
        """Write what is not written yet under the process' name. Raises OSError; then it is tried with the next call."""
        if self._before:
            _write(folder, holder, *self._before)
            self._before = None
        if not self._is_told:
            _write(folder, holder, self._hour, self._counts)
            self._is_told = True

    def _turn(self, hour: int) -> None:
        if not self._is_told:
            self._before = self._hour, self._counts
        self._hour, self._counts, self._is_told = hour, {}, True


def _write(folder: Path, holder: str, hour: int, counts: dict[tuple[int, str], list[int]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hour}-{holder}.json"
    fresh = path.with_suffix(".making")
    fresh.write_text(json.dumps([[*key, *found] for key, found in counts.items()]))
    fresh.rename(path)
