"""A busy machine, and what versions cost that nobody calls."""

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import Process
from pathlib import Path

from bench.hosting_engine import one_version, run_all, was_replaced
from hosting.drivers import ray_head

MANY = int(os.environ.get("BENCH_MANY", "17"))
BUSY_S = float(os.environ.get("BENCH_BUSY_S", "120"))
BUSY_TIMES = 8
IDLE_VERSIONS = int(os.environ.get("BENCH_IDLE_VERSIONS", "8"))
IDLE_S = float(os.environ.get("BENCH_IDLE_S", "30"))
SETTLE_S = 10.0


def idling(target, folder):
    """Versions that nobody calls: first one, then IDLE_VERSIONS more awake, then these asleep."""
    steady = one_version(target)
    names = [f"idle-{number}" for number in range(IDLE_VERSIONS)]
    base = Cost.measured(folder)
    awake = [target.spec(name) for name in names]
    run_all(target, steady, awake)
    more = Cost.measured(folder).beyond(base)
    target.driver.apply(
        [steady, *(replace(spec, min_replicas=0, idle_seconds=1) for spec in awake)]
    )
    target.until(
        lambda: all(
            app.target == 0 and not app.replicas
            for name, app in target.driver.status().items()
            if name in names
        ),
        "sleep",
    )
    asleep = Cost.measured(folder).beyond(base)
    return {
        "idle_percent_per_version": more.percent,
        "idle_mb_per_version": more.megabytes,
        "asleep_percent_per_version": asleep.percent,
        "asleep_mb_per_version": asleep.megabytes,
        "engine_percent": base.percent,
        "engine_mb": base.megabytes,
    }


@dataclass(frozen=True)
class Cost:
    """Of all processes of an engine: percent of one processor, and megabytes (proportional set size)."""

    percent: float
    megabytes: float

    @classmethod
    def measured(cls, folder):
        time.sleep(SETTLE_S)
        before, began = (
            {pid: _processor_s(pid) for pid in ray_head.processes(folder)},
            time.monotonic(),
        )
        time.sleep(IDLE_S)
        passed = time.monotonic() - began
        used = sum(_processor_s(pid) - seconds for pid, seconds in before.items())
        return cls(100 * used / passed, sum(map(_memory_mb, before)))

    def beyond(self, base):
        """For each of IDLE_VERSIONS versions that were added."""
        return Cost(
            (self.percent - base.percent) / IDLE_VERSIONS,
            (self.megabytes - base.megabytes) / IDLE_VERSIONS,
        )


def _processor_s(pid):
    """To the nanosecond: ticks are as long as an idle replica's whole work in three seconds."""
    used = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            used += int(task.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue
    return used / 1e9


def _memory_mb(pid):
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def being_busy(target):
    """MANY healthy versions, one that hangs and one that starts, beside far too much other work."""
    steady = one_version(target)
    many = [target.spec(f"many-{number}") for number in range(MANY)]
    run_all(target, steady, many)
    hung, healthy = many[0], many[1:]
    before = _pids(target, healthy)
    with machine_load():
        began = time.monotonic()
        calls = [target.call(spec) for spec in healthy]
        hung_replaced = _stop_one(target, hung)
        late = target.spec("late")
        asked = time.monotonic()
        target.driver.apply([steady, *many, late])
        started = None
        while time.monotonic() - began < BUSY_S:
            calls += [target.call(spec) for spec in healthy[:3]]
            if started is None and target.running("late"):
                started = time.monotonic() - asked
            time.sleep(1)
    ended = time.monotonic()
    target.until(
        lambda: all(target.call(spec)[0] == 200 for spec in many), "an answer of each version"
    )
    callable_s, after = time.monotonic() - ended, _pids(target, healthy)
    return {
        "busy_replacements": sum(after[name] != pid for name, pid in before.items()),
        "busy_callable_s": callable_s,
        "busy_hung_replaced_s": hung_replaced,
        "busy_start_s": started,
        "busy_calls": len(calls),
        "busy_failed_calls": sum(status != 200 for status, _seconds in calls),
        "busy_slowest_call_s": max(seconds for _status, seconds in calls),
    }


@contextmanager
def machine_load():
    """BUSY_TIMES busy processes for each processor."""
    spinning = [
        Process(target=_spin, daemon=True) for _ in range(BUSY_TIMES * (os.cpu_count() or 1))
    ]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
        for process in spinning:
            process.join()


def _spin():
    while True:
        pass


def _pids(target, specs):
    """{name: pid of its one replica}"""
    apps = target.driver.status()
    return {spec.name: apps[spec.name].running[0].pid for spec in specs}


def _stop_one(target, spec):
    """Seconds until the stopped replica of a version was replaced."""
    victim = target.app(spec.name).running[0].pid
    os.kill(victim, signal.SIGSTOP)
    return target.until(
        lambda: was_replaced(target, spec.name, victim, 1),
        "the replacement of a hung one under load",
    )
