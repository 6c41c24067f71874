"""Fair scheduling per tenant: in each pass of the event loop a subscription starts a few calls, the rest wait in its queue.

The loop serves sockets as they become ready. Without the scheduler a tenant with five hundred connections would have every
call of the others wait for hundreds of its own; with it, the tenant waits for itself (round robin over subscriptions). No time is
lost: a pass that leaves work is followed by the next one at once. When the head of a queue has waited for more of the process'
own CPU time than its lag may be (load_shedder.py), further calls of that subscription are rejected.
"""

import asyncio
import time

from hosting.gateway import problems
from hosting.gateway.config import GatewayConfig
from hosting.gateway.records import ScheduledCall, SubscriptionLimits


class FairScheduler:
    """The subscriptions that have used up their share of the running pass."""

    def __init__(self, config: GatewayConfig) -> None:
        self._max_wait_s = {True: config.busy_lag_s, False: 2 * config.busy_lag_s}  # by is_test
        self._shed_wait_s = config.shed_wait_s
        self._exhausted: list[SubscriptionLimits] = []
        self._pass_is_due = False

    def may_start(self, limits: SubscriptionLimits, call: ScheduledCall) -> bool:
        """Whether the call may start now; otherwise its `start` is called when its turn comes. Raises Problem (503) when the queue is too long."""
        if limits.started_in_pass < limits.calls_per_pass:
            limits.started_in_pass += 1
            if limits.started_in_pass == limits.calls_per_pass:
                self._exhaust(limits)
            return True
        now = time.thread_time()  # CPU time that other programs take is no reason to reject
        queue = limits.queue
        if queue and now - queue[0][0] > self._max_wait_s[limits.is_test]:
            raise problems.gateway_busy(self._shed_wait_s)
        queue.append((now, call))
        return False

    def _exhaust(self, limits: SubscriptionLimits) -> None:
        self._exhausted.append(limits)
        if not self._pass_is_due:
            self._pass_is_due = True
            asyncio.get_running_loop().call_soon(self._next_pass)

    def _next_pass(self) -> None:
        exhausted, self._exhausted, self._pass_is_due = self._exhausted, [], False
        for limits in exhausted:
            limits.started_in_pass = min(limits.calls_per_pass, len(limits.queue))
            if limits.started_in_pass == limits.calls_per_pass:
                self._exhaust(limits)
            for _ in range(limits.started_in_pass):
                _, call = limits.queue.popleft()
                call.start(limits)
