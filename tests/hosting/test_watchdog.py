"""Hung or starved? Real processes that beat as replicas do, and the watchdog that ends those that hang (issue 8, line 6)."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Process
from pathlib import Path

import pytest

from hosting.drivers import watchdog as watching
from hosting.drivers.watchdog import Watchdog
from hosting.model_server import heartbeat, scheduling
from tests.tiers import only

ROOT = Path(__file__).resolve().parents[2]
# Reliability: a replica that hangs is given up within five seconds on a quiet machine.
ENDS_WITHIN_S = 5
REPLICA = """
import asyncio, os, sys, time
from hosting.model_server import heartbeat
async def main():
    heartbeat.start(lambda: os.path.exists(sys.argv[2]))
    while not os.path.exists(sys.argv[3]):
        await asyncio.sleep(0.02)
    while True:
        time.sleep(60)  # blocks the event loop
asyncio.run(main())
"""


class Replica:
    """A process that beats; `wedge()` makes it say that a run has passed its limit, `block()` blocks its event loop."""

    def __init__(self, folder):
        self.folder, self.beats = folder, folder / "beats"
        self.wedged, self.blocked = folder / "wedged", folder / "blocked"
        argv = [sys.executable, "-c", REPLICA, "ray::ServeReplica:a", self.wedged, self.blocked]
        self.process = subprocess.Popen(
            argv,
            env=os.environ | {"REPLICA_HEARTBEAT_DIR": str(self.beats), "PYTHONPATH": str(ROOT)},
        )
        self.pid = self.process.pid
        while not self._has_beaten():
            time.sleep(0.05)

    def _has_beaten(self):
        try:
            return heartbeat.read(self.beats / str(self.pid))[0] > 0
        except (OSError, ValueError, heartbeat.struct.error):
            return False

    def wedge(self):
        self.wedged.touch()

    def block(self):
        self.blocked.touch()

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)

    @property
    def is_ended(self):
        return self.process.poll() is not None


@pytest.fixture
def replica(tmp_path):
    made = Replica(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def seconds_until_ended(watchdog, replica, at_most):
    """How long the watchdog took; at_most when it let the process live."""
    began = time.monotonic()
    while not replica.is_ended and time.monotonic() - began < at_most:
        watchdog.look()
        time.sleep(0.1)
    return min(time.monotonic() - began, at_most)


@pytest.mark.parametrize("fault", only(("stop", "block"), "stop"))
def test_a_replica_that_hangs_is_ended_within_five_seconds(replica, fault):
    watchdog = Watchdog(replica.beats)
    assert seconds_until_ended(watchdog, replica, 1) == 1, "it beats: nothing is wrong"
    getattr(replica, fault)()
    assert seconds_until_ended(watchdog, replica, 60) < ENDS_WITHIN_S * slowness()


def slowness():
    """1 on a quiet machine. Other tests may run beside this one, and then the deadline is rightly longer."""
    return max(1.0, 2 * os.getloadavg()[0] / os.cpu_count())


@pytest.mark.slow
def test_a_replica_that_waits_for_a_processor_is_left_alone(replica, monkeypatch):
    """However long it says nothing: for all of that time the kernel says that one of its threads wanted to run."""
    monkeypatch.setattr(watching, "run_delays_s", lambda pid: {"1": time.monotonic()})
    replica.stop()
    assert seconds_until_ended(Watchdog(replica.beats), replica, 6) == 6
    monkeypatch.setattr(watching, "run_delays_s", lambda pid: {"1": 1e9})
    assert seconds_until_ended(Watchdog(replica.beats), replica, 30) < 30, (
        "it got the processor and still says nothing"
    )


def test_a_wedged_inference_is_ended_at_once(replica):
    replica.wedge()
    assert seconds_until_ended(Watchdog(replica.beats), replica, 30) < 2.5 * slowness()


def test_a_number_that_another_program_has_by_now_is_not_ended(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    (tmp_path / str(other.pid)).write_bytes(heartbeat.LAYOUT.pack(1, True))
    try:
        Watchdog(tmp_path).look()
        assert other.poll() is None
        assert not list(tmp_path.iterdir())
    finally:
        other.kill()
        other.wait()


def test_a_folder_that_is_not_there_yet_and_a_file_that_is_half_written_are_no_fault(
    tmp_path, replica
):
    Watchdog(tmp_path / "none").look()
    (replica.beats / str(replica.pid)).write_bytes(b"\0")
    Watchdog(replica.beats).look()
    assert not replica.is_ended


def test_a_run_is_timed_without_the_wait_for_a_processor(monkeypatch):
    waited = {"s": 3.0}
    monkeypatch.setattr(scheduling, "run_delay_s", lambda pid="self", tid=None: waited["s"])
    stopwatch = scheduling.Stopwatch()
    waited["s"] += 50
    assert stopwatch.seconds < 0
    monkeypatch.undo()
    stopwatch = scheduling.Stopwatch()
    time.sleep(0.3)
    assert 0.05 < stopwatch.seconds <= 1 * slowness()


@pytest.mark.slow
def test_starved_for_real_it_lives_and_hung_it_ends(replica):
    """Beside eight busy processes on its one processor, and of the lowest class, it beats seconds late."""
    processor = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(replica.pid, processor)
    os.sched_setscheduler(replica.pid, os.SCHED_IDLE, os.sched_param(0))
    load = [Process(target=_spin, args=(processor,), daemon=True) for _ in range(8)]
    for process in load:
        process.start()
    try:
        assert seconds_until_ended(Watchdog(replica.beats), replica, 25) == 25
    finally:
        for process in load:
            process.kill()
    replica.stop()
    assert (
        seconds_until_ended(Watchdog(replica.beats), replica, 60) < 2 * ENDS_WITHIN_S * slowness()
    )


def _spin(processor):
    os.sched_setaffinity(0, processor)
    while True:
        pass
