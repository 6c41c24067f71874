"""The monthly quota of a subscription: units leased from Postgres, spent in this process.

Postgres debits a lease before a unit of it is spent, so any number of processes never exceed a quota. A process gives back what
it does not need; what it could not give back for certain returns when its journal is closed (consumption/metering/quota.py).
The last units of a month are leased one by one and never ahead, so that no process keeps one that a call elsewhere needs.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime
from itertools import count

from consumption.metering import quota as quota_periods
from hosting.gateway import problems
from hosting.gateway.background_tasks import BackgroundTasks
from hosting.gateway.config import GatewayConfig
from hosting.gateway.database import DatabaseUnavailable
from hosting.gateway.records import SubscriptionLimits

# Subscription, first day of the month, units (quota and wanted; unspent), request id. A request that got no answer is
# repeated under the same id and takes effect once.
TakeQuota = Callable[[int, date, int, int, int], Awaitable[tuple[int, int]]]
ReturnQuota = Callable[[int, date, int, int], Awaitable[None]]
DENIED_S = 1.0  # after a lease of nothing Postgres is not asked again for so long
LAST_LEASES = 4  # with less than so many leases left in Postgres, units are leased one by one


class QuotaLeases:
    """The quota leases of this process."""

    def __init__(
        self, config: GatewayConfig, take_quota: TakeQuota, return_quota: ReturnQuota
    ) -> None:
        self._config = config
        self._take_quota = take_quota
        self._return_quota = return_quota
        self._request_ids = count(1)
        self._tasks = BackgroundTasks()

    def has_unit(self, limits: SubscriptionLimits, now: float, at_us: int) -> bool:
        """Whether a unit of this month is at hand; False: it must be leased. Raises Problem (429) when the quota is used up."""
        if limits.quota_units > 0 and at_us < limits.period_ends_us:
            return True
        if now < limits.quota_denied_until:
            raise quota_used_up(limits, at_us)
        return False

    def spend(self, limits: SubscriptionLimits, now: float, at_us: int) -> None:
        """Spend the unit at hand, and lease more before the last one is spent."""
        limits.quota_units -= 1
        limits.quota_used_at = now
        if (
            limits.quota_units * 2 < limits.quota_lease
            and not is_nearly_used_up(limits)
            and limits.quota_request is None
            and now >= limits.quota_denied_until
        ):
            self._tasks.spawn(self._lease_early(limits, at_us))

    def refund(self, limits: SubscriptionLimits, at_us: int) -> None:
        """A call that was admitted at `at_us` cost nothing: take its unit back if the month still runs."""
        if limits.quota is not None and period_of(at_us)[0] == limits.period:
            limits.quota_units += 1

    async def lease(self, limits: SubscriptionLimits, at_us: int) -> None:
        """One lease for all that wait, which is taken even if they leave. Raises Problem (503) when Postgres is unavailable."""
        try:
            wanted = 1 if is_nearly_used_up(limits) else limits.quota_lease
            await asyncio.shield(self._request(limits, at_us, wanted))
        except DatabaseUnavailable:
            raise problems.unavailable(
                "The monthly quota cannot be checked at the moment."
            ) from None

    async def give_back(
        self, subscriptions: Iterable[SubscriptionLimits], at_us: int, *, idle_only: bool
    ) -> None:
        """Return the leases of idle subscriptions, or all of them before the process ends. Raises DatabaseUnavailable."""
        now = time.monotonic()
        for limits in subscriptions:
            is_idle = now - limits.quota_used_at > self._config.quota_idle_s
            if idle_only and (not is_idle or limits.quota_request is not None):
                continue
            if limits.pending_request_id:
                await self._request(limits, at_us, 0)
            if limits.quota_units > 0:
                unspent, limits.quota_units = limits.quota_units, 0
                await self._return_quota(
                    limits.subscription_id, limits.period, unspent, next(self._request_ids)
                )

    async def _lease_early(self, limits: SubscriptionLimits, at_us: int) -> None:
        """A failure is reported to the call that needs the unit."""
        with contextlib.suppress(problems.Problem):
            await self.lease(limits, at_us)

    def _request(self, limits: SubscriptionLimits, at_us: int, wanted: int) -> asyncio.Future[None]:
        """The one request that is under way. Fails with DatabaseUnavailable."""
        if limits.quota_request is None:
            limits.quota_request = asyncio.ensure_future(self._query(limits, at_us, wanted))
            limits.quota_request.add_done_callback(lambda _: setattr(limits, "quota_request", None))
        return limits.quota_request

    async def _query(self, limits: SubscriptionLimits, at_us: int, wanted: int) -> None:
        """Lease `wanted` units; with 0, learn what a request without an answer was granted."""
        assert limits.quota is not None
        start, ends_us = period_of(at_us)
        limits.pending_request_id = limits.pending_request_id or next(self._request_ids)
        granted, left = await self._take_quota(
            limits.subscription_id, start, limits.quota, wanted, limits.pending_request_id
        )
        limits.pending_request_id = 0
        if start != limits.period:
            limits.quota_units = 0
        limits.period, limits.period_ends_us = start, ends_us
        limits.quota_units += granted
        limits.quota_left = left
        limits.quota_used_at = time.monotonic()
        if wanted and not granted:
            limits.quota_denied_until = time.monotonic() + DENIED_S


def is_nearly_used_up(limits: SubscriptionLimits) -> bool:
    """Whether few units were left in Postgres when it was last asked; always for a small quota, and before it has been asked."""
    return limits.quota_lease == 1 or limits.quota_left < LAST_LEASES * limits.quota_lease


def period_of(at_us: int) -> tuple[date, int]:
    """The month (UTC) of a moment: its first day, and when it ends in microseconds since 1970."""
    start = quota_periods.period_start(datetime.fromtimestamp(at_us / 1e6, UTC))
    after = quota_periods.next_period(start)
    return start, int(datetime(after.year, after.month, 1, tzinfo=UTC).timestamp()) * 1_000_000


def quota_used_up(limits: SubscriptionLimits, at_us: int) -> problems.Problem:
    """429: the subscription's monthly quota."""
    resets = datetime.fromtimestamp(limits.period_ends_us / 1e6, UTC)
    seconds = max(1, (limits.period_ends_us - at_us) // 1_000_000)
    quota = f"{limits.quota or 0:,}".replace(",", " ")
    return problems.Problem(
        "quota-used-up",
        f"limited by the subscription's monthly quota: 0 of {quota} left, "
        f"resets {resets.day} {resets:%B} (UTC). Ask for a larger plan.",
        [problems.retry_after(seconds), (b"ratelimit", b'"month";r=0;t=%d' % seconds)],
    )
