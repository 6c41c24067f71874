"""Ray's head in the foreground, for a supervisor: python -m hosting.drivers.head <arguments of `ray start`>

`ray start --block` gives everything up when any of its parts dies. Here the death of the raylet, whose children the replicas are,
ends the head, so that it is started anew. The head's store (GCS) and the dashboard, which is the control interface, are started
again by themselves, with their own command lines, while replicas go on answering: the store reads back what it wrote down
(RAY_gcs_storage). A store that does not stay up ends the head too. Nobody misses the other parts; for the ingress see
`hosting.drivers.ingress`.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from hosting.drivers import ray_head
from hosting.drivers.ingress import Ingress
from hosting.drivers.watchdog import Watchdog

RAYLET = "/raylet/raylet"
STORE = "/gcs/gcs_server"
DASHBOARD = "/dashboard/dashboard.py"
LOOK_EVERY_S = 0.1
PAUSE_S = 1.0  # before a part that died soon after its start is started again; doubled each time, up to half a minute
LONGEST_PAUSE_S = 30.0
WELL_AFTER_S = 60.0
MOST_EARLY_DEATHS = 3  # of a store that cannot read back what it wrote down


def main(arguments):
    """Start, watch, and end with everything. Exit code 1 when a part died without which there is no head."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = os.environ[ray_head.MARK]
    grace = 0.0
    try:
        subprocess.run(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments], check=True
        )
        Head(folder).watch()
    except (SystemExit, KeyboardInterrupt):
        grace = 3.0
        raise
    finally:
        ray_head.end(folder, grace)


class Head:
    """The parts of one started head."""

    def __init__(self, folder):
        self.raylet = Part("The raylet", found(folder, RAYLET))
        self.store = Part("The head's store", found(folder, STORE))
        self.dashboard = Part("The dashboard", found(folder, DASHBOARD))
        self.ingress = Ingress(Path(folder, ray_head.INGRESS))
        self.watchdog = Watchdog(Path(folder, ray_head.HEARTBEATS))

    def watch(self):
        """Until the raylet dies, or the store cannot be kept up."""
        while self.raylet.is_alive and self.store.early_deaths < MOST_EARLY_DEATHS:
            for part in (self.watchdog, self.ingress, self.store, self.dashboard):
                with suppress(
                    OSError
                ):  # a full disk, no more processes: the replicas answer all the same, and the next look tries again
                    part.look()
            time.sleep(LOOK_EVERY_S)
        print("The head ends: its raylet died, or its store does not stay up.", flush=True)


class Part:
    """A process of the head, with what is needed to start its like. `early_deaths` in a row, each soon after a start."""

    def __init__(self, name, pid):
        self.name = name
        self._pid, self._began = pid, began(pid)
        self.early_deaths = 0
        self._argv = ray_head.entries(pid, "cmdline")
        self._env = dict(
            entry.split("=", 1) for entry in ray_head.entries(pid, "environ") if "=" in entry
        )
        self._well_at = 0.0
        self._due = None

    @property
    def is_alive(self):
        """False too when its number is another process' by now."""
        return self._began is not None and began(self._pid) == self._began

    def look(self):
        """Start it again when it has died: at once when it was well, otherwise after a pause."""
        if self.is_alive:
            return
        now = time.monotonic()
        if self._due is None:
            self.early_deaths = self.early_deaths + 1 if now < self._well_at else 0
            pause = (
                min(PAUSE_S * 2 ** (self.early_deaths - 1), LONGEST_PAUSE_S)
                if self.early_deaths
                else 0
            )
            self._due = now + pause
            print(f"{self.name} ended; it is started again in {pause:g} s.", flush=True)
        if now >= self._due:
            self._start()

    def _start(self):
        nothing = subprocess.DEVNULL  # it writes a log file of its own
        started = subprocess.Popen(
            self._argv,
            env=self._env,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
        self._pid, self._began, self._due = started.pid, began(started.pid), None
        self._well_at = time.monotonic() + WELL_AFTER_S


def found(folder, words):
    """The pid of this head's process whose command line holds `words`. Raises LookupError."""
    for pid in ray_head.marked(folder):
        if words in " ".join(ray_head.entries(pid, "cmdline")[:4]):
            return pid
    raise LookupError(f"Ray's head has no {words}.")


def began(pid):
    """When a process began, in clock ticks since the machine's start; None for one that ended, waited for or not."""
    try:
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(others[18])


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.exit(1)
