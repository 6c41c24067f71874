"""Failed keys by client address: how guessing is slowed down.

The twenty-first failure in a minute from one address is answered 429. Addresses are shared by many behind a balancer, so a
guesser slows new keys of its address down and locks none out: lookups in Postgres for such addresses are rationed together.
"""

from hosting.gateway import problems
from hosting.gateway.config import GatewayConfig

WINDOW_S = 60
MAX_BACKLOG_S = 1.0  # of rationed lookups


class FailedKeys:
    """Counts of one process. Times are monotonic seconds."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        self._failures: dict[str, tuple[float, int]] = {}
        self._next_lookup_at = 0.0

    def record(self, address: str, now: float) -> problems.Problem:
        """Count a key that is not recognised, and return its answer: 401, or 429 after too many."""
        since, count = self._failures.get(address, (now, 0))
        if now - since > WINDOW_S:
            since, count = now, 0
        if len(self._failures) > self._config.unknown_keys:
            self._failures.clear()
        self._failures[address] = (since, count + 1)
        if count >= self._config.failures_per_minute:
            return problems.too_many_failures()
        return problems.not_recognised()

    def check_lookup(self, address: str, now: float) -> None:
        """Raises Problem (429) when an address that guesses has used up the lookups of all such addresses."""
        since, count = self._failures.get(address, (0.0, 0))
        if count <= self._config.failures_per_minute or now - since >= WINDOW_S:
            return
        self._next_lookup_at = max(self._next_lookup_at, now)
        if self._next_lookup_at - now > MAX_BACKLOG_S:
            raise problems.too_many_failures()
        self._next_lookup_at += 1.0 / self._config.suspect_lookups_per_second
