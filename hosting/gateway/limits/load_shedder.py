"""How busy this process is, which calls it turns away when it is too busy to answer all, and how soon a refusal is told.

Its measure is the lag of the event loop: how much later than asked a timer is served, as far as the process' own work
explains it, smoothed over a few looks. So long each step of each call waits. (What other programs take from the machine
makes a timer late too, but turning calls away would not help against them.) Above `busy_lag_s` calls of test applications
are turned away, above twice as much all: for as long as it lasts, which with callers who come back is a part of the time.
The calls in flight are bounded as well, for those of test applications at three quarters. Health is never asked here.

A refusal of any kind costs about as much as an answer, so a client that asks again at once, on hundreds of connections,
would leave nothing for answers. Therefore refusals are told at `refusals_a_second` at most, the others wait their turn;
who is turned away because of the load waits `shed_wait_s` in any case.
"""

import asyncio
import random
import time

from hosting.gateway.config import Limits
from hosting.gateway.metering.counters import Counters

LOOK_S = 0.05
SMOOTH = 1 / 3
MOST = 3.0  # times busy_lag_s: a single stall, however long, turns nobody away


class Pressure:
    """`waiting`: calls that are refused and not told yet."""

    def __init__(self, limits: Limits, counters: Counters) -> None:
        self.limits = limits
        self.counters = counters
        self.lag_s = 0.0
        self.waiting = 0
        self._test_room = limits.in_flight * 3 // 4

    async def watch(self) -> None:
        """For as long as the process lives."""
        while True:
            due, worked_s = time.monotonic() + LOOK_S, time.thread_time()
            await asyncio.sleep(LOOK_S)
            self.look(min(time.monotonic() - due, time.thread_time() - worked_s))

    def look(self, lag_s: float) -> None:
        """Judge anew, with the newest lag."""
        self.lag_s += SMOOTH * (min(lag_s, MOST * self.limits.busy_lag_s) - self.lag_s)

    def sheds(self, is_test: bool) -> bool:
        """Is this call to be turned away?"""
        busy, in_flight = self.limits.busy_lag_s, self.counters.in_flight
        if is_test:
            return self.lag_s > busy or in_flight >= self._test_room
        return self.lag_s > 2 * busy or in_flight >= self.limits.in_flight

    def put_off(self, least_s: float = 0.0) -> float:
        """One more refusal waits to be told: for how many seconds, not the same for all, so that they do not come back together."""
        self.waiting += 1
        return max(least_s, self.waiting / self.limits.refusals_a_second) * random.uniform(
            0.75, 1.25
        )

    def told(self) -> None:
        """One was told, or has left meanwhile."""
        self.waiting -= 1
