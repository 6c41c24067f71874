"""The counters of one process, and the file that publishes them.

Each worker writes its samples to a file in the run folder once a second. `joined` reads the files of all workers, so one
question to any process answers for the whole gateway; exporter.py serves them to Prometheus.

Every sample carries `worker`. Labels are bounded: ids of versions that were called, and the words below. A version is
named only where its number is not zero.
    gateway_calls_total{version,outcome}          metered calls, by outcome
    gateway_rejections_total{version,limit}       calls rejected before the model was asked; limit: one of LIMITS
    gateway_rejections_last_hour{version,limit}   the same of the last sixty minutes, for the portal's pages
    gateway_version_in_flight{version}            calls that a version is answering now
    gateway_breaker_open{version}                 1 while the version's circuit breaker is open, else 0
    gateway_breaker_opened_total{version}         how often the breaker opened, also again after a probe
    gateway_breaker_rejections_total{version}     calls that an open breaker rejected
    gateway_retries_total{version}                calls that were sent a second time
    gateway_retries_denied_total{version}         calls that were not, because the retry budget was used up
    gateway_decisions_total{decision}             admissions as Envoy's rate limit filter counts them: ok, over_limit, error
                                                  (undecided, 503), failure_mode_allowed (admitted without Redis)

The samples are formatted here and not by prometheus_client: a worker writes them once a second on the thread that serves
calls, and with 10 000 called versions `generate_latest` would hold the event loop for 60 ms of each second, where the cached
lines below take 2 ms.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from consumption.metering import rejection_counter
from hosting.gateway.metering.sliding_hour import SlidingHour

BUCKETS_US = (
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
)
FRESH_S = 10.0  # a file that was not written for so long belongs to a dead worker
LIMITS = {
    "rate-limited": "rate",
    "quota-used-up": "quota",
    "too-many-at-once": "concurrency",
    "model-busy": "upstream",
    "gateway-busy": "load",
}  # slug of the problem that the caller reads: name of the limit


class CachedLines:
    """The lines of a family with many members. A line is formatted again only when its number has changed."""

    def __init__(self) -> None:
        self._lines: dict[Any, tuple[int, str]] = {}

    def lines(self, counts: dict[Any, int], name: Callable[[Any], str]) -> Iterator[str]:
        for key, count in counts.items():
            cached = self._lines.get(key)
            if cached is None or cached[0] != count:
                cached = self._lines[key] = (count, f"{name(key)} {count}")
            yield cached[1]


class Counters:
    """What one process has done since it began."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self.calls: dict[tuple[int, int], int] = {}
        self.answers: dict[int, int] = {}
        self.rejections: dict[tuple[int, str], int] = {}
        self.recent_rejections: SlidingHour[tuple[int, str]] = SlidingHour()
        self.rejections_by_subscription = rejection_counter.RejectionCounter()
        self.undecided = 0
        self.in_flight = 0
        self.closed_slow = 0
        self.rejected_framing = 0
        self.latency = [0] * (len(BUCKETS_US) + 1)
        self.latency_us = 0
        self.call_lines, self.rejection_lines = CachedLines(), CachedLines()
        self._unavailable_since: dict[str, float] = {}

    def unavailable_since(self, store: str, is_up: float) -> float:
        """When a store that does not answer now was first seen so, seconds since 1970; 0 while it answers."""
        if is_up:
            self._unavailable_since.pop(store, None)
            return 0.0
        return self._unavailable_since.setdefault(store, time.time())

    def record_answer(self, status: int) -> None:
        """Count an answer of any kind."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def record_rejection(self, slug: str, version_id: int, subscription_id: int, at_s: int) -> None:
        """Count a call that was not admitted, by its problem's slug. Only limits and outages are counted here.

        Calls in the sandbox (subscriptions below zero) are nobody's use of a version: their rejections are not told of it.
        """
        limit = LIMITS.get(slug)
        if limit is not None and subscription_id > 0:
            key = (version_id, limit)
            self.rejections[key] = self.rejections.get(key, 0) + 1
            self.recent_rejections.add(key, time.monotonic())
            self.rejections_by_subscription.add(subscription_id, limit, at_s)
        elif slug == "try-again":
            self.undecided += 1

    def rejections_by(self, limit: str) -> int:
        """Calls that this limit rejected, of all versions."""
        return sum(count for (_, name), count in self.rejections.items() if name == limit)

    def record_call(self, outcome: int, version_id: int, duration_us: int) -> None:
        """Count a metered call that ended."""
        key = (version_id, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        self.latency[bisect_left(BUCKETS_US, duration_us)] += 1
        self.latency_us += duration_us


class LabelledSample(NamedTuple):
    """One sample of a family that has one label beside `worker`."""

    name: str
    label: str
    value: str | int
    number: float


def text(
    counters: Counters,
    outcomes: tuple[str, ...],
    gauges: dict[str, float],
    labelled: Iterable[LabelledSample],
    worker: int,
) -> str:
    """One worker's samples in the Prometheus text format, without HELP and TYPE."""
    return "\n".join(_lines(counters, outcomes, gauges, labelled, worker)) + "\n"


def _lines(
    counters: Counters,
    outcomes: tuple[str, ...],
    gauges: dict[str, float],
    labelled: Iterable[LabelledSample],
    worker: int,
) -> Iterator[str]:
    tag = f'worker="{worker}"'
    yield from counters.call_lines.lines(
        counters.calls,
        lambda key: f'gateway_calls_total{{{tag},version="{key[0]}",outcome="{outcomes[key[1]]}"}}',
    )
    yield from counters.rejection_lines.lines(
        counters.rejections,
        lambda key: f'gateway_rejections_total{{{tag},version="{key[0]}",limit="{key[1]}"}}',
    )
    for (version, limit), count in sorted(counters.recent_rejections.counts(time.monotonic())):
        yield f'gateway_rejections_last_hour{{{tag},version="{version}",limit="{limit}"}} {count}'
    for name, label, value, number in labelled:
        yield f'gateway_{name}{{{tag},{label}="{value}"}} {number:.12g}'
    for status, count in sorted(counters.answers.items()):
        yield f'gateway_answers_total{{{tag},status="{status}"}} {count}'
    yield from _latency_lines(counters, tag)
    for name, number in gauges.items():
        yield f"gateway_{name}{{{tag}}} {number:.12g}"


def _latency_lines(counters: Counters, tag: str) -> Iterator[str]:
    total = 0
    for bound, count in zip((*BUCKETS_US, None), counters.latency, strict=True):
        total += count
        edge = "+Inf" if bound is None else f"{bound / 1e6:g}"
        yield f'gateway_call_seconds_bucket{{{tag},le="{edge}"}} {total}'
    yield f"gateway_call_seconds_sum{{{tag}}} {counters.latency_us / 1e6:.6f}"
    yield f"gateway_call_seconds_count{{{tag}}} {total}"


def publish(folder: Path, worker: int, document: str) -> None:
    """Replace this worker's file in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{worker}.{os.getpid()}"
    temporary.write_text(document)
    temporary.rename(folder / f"{worker}.prom")


def joined(folder: Path) -> str:
    """The samples of all workers that are alive, lowest worker number first."""
    files = sorted(folder.glob("*.prom"))
    return "".join(
        path.read_text() for path in files if time.time() - path.stat().st_mtime < FRESH_S
    )
