"""Counters of one process, and the Prometheus text of all processes together.

Each worker writes its text to a file in the run folder once a second; whoever is asked joins the files. So one
question to any process tells about the whole gateway, and the operations page can read the same files.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

BUCKETS_US = (250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000)
FRESH_S = 10.0


class Counters:
    """What one process has done since it began."""

    def __init__(self) -> None:
        self.calls: dict[tuple[int, int], int] = {}
        self.answers: dict[int, int] = {}
        self.latency = [0] * (len(BUCKETS_US) + 1)
        self.latency_us = 0
        self.in_flight = 0
        self.connections = 0
        self.closed_slow = 0
        self.refused_framing = 0
        self.retries = 0

    def answered(self, status: int) -> None:
        """Any answer went out."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def called(self, outcome: int, version_id: int, duration_us: int) -> None:
        """A metered call ended."""
        key = (version_id, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        self.latency[bisect_left(BUCKETS_US, duration_us)] += 1
        self.latency_us += duration_us


def text(counters: Counters, outcomes: tuple[str, ...], gauges: dict[str, float], worker: int) -> str:
    """One worker's numbers in the Prometheus text format."""
    return "\n".join(_lines(counters, outcomes, gauges, worker)) + "\n"


def _lines(counters: Counters, outcomes: tuple[str, ...], gauges: dict[str, float], worker: int) -> Iterator[str]:
    tag = f'worker="{worker}"'
    for (version, outcome), count in sorted(counters.calls.items()):
        yield f'gateway_calls_total{{{tag},version="{version}",outcome="{outcomes[outcome]}"}} {count}'
    for status, count in sorted(counters.answers.items()):
        yield f'gateway_answers_total{{{tag},status="{status}"}} {count}'
    seen = 0
    for bound, count in zip((*BUCKETS_US, None), counters.latency, strict=True):
        seen += count
        edge = "+Inf" if bound is None else f"{bound / 1e6:g}"
        yield f'gateway_call_seconds_bucket{{{tag},le="{edge}"}} {seen}'
    yield f"gateway_call_seconds_sum{{{tag}}} {counters.latency_us / 1e6:.6f}"
    yield f"gateway_call_seconds_count{{{tag}}} {seen}"
    for name, value in gauges.items():
        yield f"gateway_{name}{{{tag}}} {value:g}"


def publish(folder: Path, worker: int, document: str) -> None:
    """Replace this worker's file."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{worker}.{os.getpid()}"
    fresh.write_text(document)
    fresh.rename(folder / f"{worker}.prom")


def joined(folder: Path) -> str:
    """The text of all workers that are alive, oldest worker first."""
    files = sorted(folder.glob("*.prom"))
    return "".join(path.read_text() for path in files if time.time() - path.stat().st_mtime < FRESH_S)
