"""Does Postgres answer this process? One opinion for all caches, so that not each of them has to find out by waiting."""

import time


class DatabaseAway(Exception):
    """Postgres did not answer in time."""


class DatabaseHealth:
    """What the last question came to. After one in vain nobody asks again for `probe_s` seconds."""

    def __init__(self, probe_s: float) -> None:
        self.is_up = True
        self._probe_s = probe_s
        self._ask_from = 0.0

    def check(self) -> None:
        """Raises DatabaseAway while it is too early to ask again."""
        if time.monotonic() < self._ask_from:
            raise DatabaseAway

    def answered(self) -> None:
        self.is_up = True
        self._ask_from = 0.0

    def missed(self) -> None:
        self.is_up = False
        self._ask_from = time.monotonic() + self._probe_s
