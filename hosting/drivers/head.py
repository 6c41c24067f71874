"""Ray's head in the foreground, for a supervisor: python -m hosting.drivers.head <arguments of `ray start`>

`ray start --block` gives everything up when any of its parts dies. Here only the death of one that holds state (the head's
store, the raylet) ends the head, so that it is started anew; the dashboard, which serves the control interface and no call, is
started again by itself, with its own command line. Nobody misses the other parts.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hosting.drivers import ray_head

STATEFUL = ("/gcs/gcs_server", "/raylet/raylet")
DASHBOARD = "/dashboard/dashboard.py"
LOOK_EVERY_S = 0.5
PAUSE_S = 1.0  # before the dashboard is started again; doubled each time, up to half a minute
LONGEST_PAUSE_S = 30.0


def main(arguments):
    """Start, watch, and end with everything. Exit code 1 when a part that holds state died."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = os.environ[ray_head.MARK]
    grace = 0.0
    try:
        subprocess.run([sys.executable, "-m", "ray.scripts.scripts", "start", *arguments], check=True)
        Head(folder).watch()
    except (SystemExit, KeyboardInterrupt):
        grace = 3.0
        raise
    finally:
        ray_head.end(folder, grace)


class Head:
    """The parts of one started head."""

    def __init__(self, folder):
        self.stateful = {words: found(folder, words) for words in STATEFUL}
        self.dashboard = Part(found(folder, DASHBOARD))

    def watch(self):
        """Until a part that holds state dies."""
        pause = PAUSE_S
        while not (dead := [words for words, pid in self.stateful.items() if not is_alive(pid)]):
            time.sleep(LOOK_EVERY_S)
            if not is_alive(self.dashboard.pid):
                print(f"The dashboard ended; it is started again in {pause:g} s.", flush=True)
                time.sleep(pause)
                self.dashboard.start_again()
                pause = min(2 * pause, LONGEST_PAUSE_S)
        print(f"{' and '.join(dead)} ended, and the head with it.", flush=True)


class Part:
    """A process of the head, with what is needed to start its like."""

    def __init__(self, pid):
        self.pid = pid
        self._argv = _entries(pid, "cmdline")
        self._env = dict(entry.split("=", 1) for entry in _entries(pid, "environ") if "=" in entry)

    def start_again(self):
        nothing = subprocess.DEVNULL  # it writes a log file of its own
        started = subprocess.Popen(self._argv, env=self._env, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
        self.pid = started.pid


def found(folder, words):
    """The pid of this head's process whose command line holds `words`. Raises LookupError."""
    for pid in ray_head.marked(folder):
        if words in " ".join(_entries(pid, "cmdline")[:4]):
            return pid
    raise LookupError(f"Ray's head has no {words}.")


def is_alive(pid):
    """False too for one that ended and was not waited for: it has no command line any more."""
    return bool(_entries(pid, "cmdline"))


def _entries(pid, name):
    try:
        text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace").rstrip("\0")
    except OSError:
        return []
    return text.split("\0") if text else []


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.exit(1)
