"""Load shedding: which calls a process rejects when it is too busy to answer all, and how soon a rejection is sent.

The measure is the lag of the event loop: how much later than asked a timer is served, as far as the process' own CPU time
explains it, smoothed over a few samples. Every step of every call waits that long. (CPU time that other programs take makes a
timer late too, but shedding calls would not help against them.) Above `busy_lag_s` calls of test applications are shed,
above twice as much all calls. The calls in flight are bounded as well, at three quarters for test applications. Health checks
are never shed.

A rejection of any kind costs about as much as an answer, so a client that retries at once, on hundreds of connections, would leave
nothing for answers. Therefore rejections are sent at `rejections_per_second` at most and the rest wait; a call that was shed
waits `shed_wait_s` in any case.
"""

import asyncio
import random
import time

from hosting.gateway.config import GatewayConfig
from hosting.gateway.metering.metrics import Counters

SAMPLE_S = 0.05
SMOOTHING = 1 / 3
MAX_SAMPLE = 3.0  # times busy_lag_s: one stall, however long, sheds nothing


class LoadShedder:
    """`delayed`: rejections that wait to be sent."""

    def __init__(self, config: GatewayConfig, counters: Counters) -> None:
        self.config = config
        self.counters = counters
        self.lag_s = 0.0
        self.delayed = 0
        self._max_in_flight_of_test = config.in_flight * 3 // 4

    async def watch(self) -> None:
        """Sample the lag for as long as the process lives."""
        while True:
            due, cpu_s = time.monotonic() + SAMPLE_S, time.thread_time()
            await asyncio.sleep(SAMPLE_S)
            self.add_sample(min(time.monotonic() - due, time.thread_time() - cpu_s))

    def add_sample(self, lag_s: float) -> None:
        """Smooth the newest lag in."""
        self.lag_s += SMOOTHING * (min(lag_s, MAX_SAMPLE * self.config.busy_lag_s) - self.lag_s)

    def should_shed(self, is_test: bool) -> bool:
        """Whether a call must be rejected because the process is too busy."""
        busy_s, in_flight = self.config.busy_lag_s, self.counters.in_flight
        if is_test:
            return self.lag_s > busy_s or in_flight >= self._max_in_flight_of_test
        return self.lag_s > 2 * busy_s or in_flight >= self.config.in_flight

    def delay_rejection(self, least_s: float = 0.0) -> float:
        """Seconds by which to delay one more rejection, with jitter so that clients do not retry at the same moment."""
        self.delayed += 1
        delay_s = max(least_s, self.delayed / self.config.rejections_per_second)
        return delay_s * random.uniform(0.75, 1.25)

    def record_sent(self) -> None:
        """A delayed rejection was sent, or its caller has left."""
        self.delayed -= 1
