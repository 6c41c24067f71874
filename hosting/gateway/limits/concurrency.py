"""Calls at once: a slot of the subscription (its plan) and a slot of the version (what its upstream takes) for each call."""

from hosting.gateway import problems
from hosting.gateway.config import GatewayConfig
from hosting.gateway.limits.missing import Missing
from hosting.gateway.limits.shared_slots import SharedConcurrencyLimiter, SharedSlotTable
from hosting.gateway.records import SubscriptionLimits


class ConcurrencyLimits:
    """The slots of this process' calls. `versions`: the limiter of each version that was called."""

    def __init__(self, config: GatewayConfig, table: SharedSlotTable) -> None:
        self.config = config
        self.table = table
        self.versions: dict[int, SharedConcurrencyLimiter] = {}

    def acquire(self, limits: SubscriptionLimits, version_id: int) -> Missing | None:
        """Take a slot of the subscription and one of the version, or neither; then return which one is missing."""
        if not limits.slots.acquire(limits.concurrency):
            return Missing.SUBSCRIPTION_SLOT
        version = self.versions.get(version_id) or self._version(version_id)
        if version.acquire(self.config.upstream_concurrency):
            return None
        limits.slots.release()
        return Missing.VERSION_SLOT

    async def wait(
        self, limits: SubscriptionLimits, version_id: int, missing: Missing, deadline: float
    ) -> None:
        """Wait for the missing slot until `deadline` (monotonic). Raises Problem (503)."""
        try:
            if missing is Missing.SUBSCRIPTION_SLOT:
                await limits.slots.wait(limits.concurrency, deadline)
            else:
                limit = self.config.upstream_concurrency
                await self._version(version_id).wait(limit, deadline)
        except TimeoutError:
            if missing is Missing.SUBSCRIPTION_SLOT:
                raise too_many_at_once(limits.concurrency) from None
            raise problems.upstream_busy() from None

    def _version(self, version_id: int) -> SharedConcurrencyLimiter:
        if version_id not in self.versions:
            self.versions[version_id] = self.table.of_version(version_id)
        return self.versions[version_id]


def too_many_at_once(limit: int) -> problems.Problem:
    """503: the plan's concurrency."""
    return problems.Problem(
        "too-many-at-once",
        f"limited by the plan's concurrency: {limit} calls at a time. Send fewer in parallel.",
        [problems.retry_after(1)],
    )
