"""Counters of one process, and the Prometheus text of all processes together.

Each worker writes its text to a file in the run folder once a second; whoever is asked joins the files. So one
question to any process tells about the whole gateway, and the operations page can read the same files.

Every line carries `worker`. Labels are bounded: ids of versions that were called, and the words below. Of a version only what is
not nothing is told: no call in flight, no breaker that ever opened and no retry is no line.
    gateway_calls_total{version,outcome}     metered calls, by how they ended
    gateway_refused_total{version,limit}     calls refused before the model was asked; limit: one of LIMITS
    gateway_refused_last_hour{version,limit} the same of the last sixty minutes: what the portal's pages tell
    gateway_version_in_flight{version}       calls that a version is answering now
    gateway_breaker_open{version}            1 while a version is not asked because its last calls all failed, else 0
    gateway_breaker_opened_total{version}    how often that began, and began again after a try
    gateway_breaker_refused_total{version}   calls refused meanwhile
    gateway_retries_total{version}           lost calls that were sent again
    gateway_retries_denied_total{version}    lost calls that were not, because the budget of retries was used up
    gateway_decisions_total{decision}        admissions as Envoy's rate limit filter counts them: ok, over_limit, error
                                             (could not be decided: 503), failure_mode_allowed (admitted without Redis)
"""

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from consumption.metering import rejection_counter
from hosting.gateway.metering.last_hour import LastHour

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
FRESH_S = 10.0
LIMITS = {
    "rate-limited": "rate",
    "quota-used-up": "quota",
    "too-many-at-once": "concurrency",
    "model-busy": "upstream",
    "gateway-busy": "load",
}  # the problem that a caller reads → the limit that bit


class Told:
    """The lines of a family with many members: written anew only where the number has changed since the last second."""

    def __init__(self) -> None:
        self._lines: dict[Any, tuple[int, str]] = {}

    def lines(self, counts: dict[Any, int], name: Callable[[Any], str]) -> Iterator[str]:
        for key, count in counts.items():
            told = self._lines.get(key)
            if told is None or told[0] != count:
                told = self._lines[key] = (count, f"{name(key)} {count}")
            yield told[1]


class Counters:
    """What one process has done since it began."""

    def __init__(self) -> None:
        self.calls: dict[tuple[int, int], int] = {}
        self.told_calls, self.told_refusals = Told(), Told()
        self.answers: dict[int, int] = {}
        self.started_at = time.time()
        self.refusals: dict[tuple[int, str], int] = {}
        self.refused_lately: LastHour[tuple[int, str]] = LastHour()
        self.rejection_counter = rejection_counter.RejectionCounter()
        self.undecided = 0
        self.away: dict[str, float] = {}
        self.latency = [0] * (len(BUCKETS_US) + 1)
        self.latency_us = 0
        self.in_flight = 0
        self.closed_slow = 0
        self.refused_framing = 0

    def away_since(self, store: str, is_up: float) -> float:
        """When a store that does not answer now was first seen so, seconds since 1970; 0 while it answers."""
        if is_up:
            self.away.pop(store, None)
            return 0.0
        return self.away.setdefault(store, time.time())

    def answered(self, status: int) -> None:
        """Any answer went out."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def refused(self, slug: str, version_id: int, subscription_id: int, at_s: int) -> None:
        """A call was not admitted; `slug` is its problem's. Other problems than a limit or an outage are not counted here."""
        limit = LIMITS.get(slug)
        if limit is not None:
            key = (version_id, limit)
            self.refusals[key] = self.refusals.get(key, 0) + 1
            self.refused_lately.add(key, time.monotonic())
            self.rejection_counter.add(subscription_id, limit, at_s)
        elif slug == "try-again":
            self.undecided += 1

    def over(self, limit: str) -> int:
        """Calls that this limit refused, of all versions."""
        return sum(count for (_, name), count in self.refusals.items() if name == limit)

    def called(self, outcome: int, version_id: int, duration_us: int) -> None:
        """A metered call ended."""
        key = (version_id, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        self.latency[bisect_left(BUCKETS_US, duration_us)] += 1
        self.latency_us += duration_us


class Labelled(NamedTuple):
    """One number of a family that has a label beside `worker`."""

    name: str
    label: str
    value: str | int
    number: float


def text(
    counters: Counters,
    outcomes: tuple[str, ...],
    gauges: dict[str, float],
    labelled: Iterable[Labelled],
    worker: int,
) -> str:
    """One worker's numbers in the Prometheus text format."""
    return "\n".join(_lines(counters, outcomes, gauges, labelled, worker)) + "\n"


def _lines(
    counters: Counters,
    outcomes: tuple[str, ...],
    gauges: dict[str, float],
    labelled: Iterable[Labelled],
    worker: int,
) -> Iterator[str]:
    tag = f'worker="{worker}"'
    yield from counters.told_calls.lines(
        counters.calls,
        lambda key: f'gateway_calls_total{{{tag},version="{key[0]}",outcome="{outcomes[key[1]]}"}}',
    )
    yield from counters.told_refusals.lines(
        counters.refusals,
        lambda key: f'gateway_refused_total{{{tag},version="{key[0]}",limit="{key[1]}"}}',
    )
    for (version, limit), count in sorted(counters.refused_lately.counts(time.monotonic())):
        yield f'gateway_refused_last_hour{{{tag},version="{version}",limit="{limit}"}} {count}'
    for name, label, value, number in labelled:
        yield f'gateway_{name}{{{tag},{label}="{value}"}} {number:.12g}'
    for status, count in sorted(counters.answers.items()):
        yield f'gateway_answers_total{{{tag},status="{status}"}} {count}'
    seen = 0
    for bound, count in zip((*BUCKETS_US, None), counters.latency, strict=True):
        seen += count
        edge = "+Inf" if bound is None else f"{bound / 1e6:g}"
        yield f'gateway_call_seconds_bucket{{{tag},le="{edge}"}} {seen}'
    yield f"gateway_call_seconds_sum{{{tag}}} {counters.latency_us / 1e6:.6f}"
    yield f"gateway_call_seconds_count{{{tag}}} {seen}"
    for name, number in gauges.items():
        yield f"gateway_{name}{{{tag}}} {number:.12g}"


def publish(folder: Path, worker: int, document: str) -> None:
    """Replace this worker's file."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{worker}.{os.getpid()}"
    fresh.write_text(document)
    fresh.rename(folder / f"{worker}.prom")


def joined(folder: Path) -> str:
    """The text of all workers that are alive, oldest worker first."""
    files = sorted(folder.glob("*.prom"))
    return "".join(
        path.read_text() for path in files if time.time() - path.stat().st_mtime < FRESH_S
    )
