"""Ends replicas that hang, within four seconds on a quiet machine, and leaves those alone that only get no processor.

Each replica's event loop beats once a second (`hosting.model_server.heartbeat`). A replica hangs when it has been silent for
SILENT_S of time in which it could have beaten: the time for which its threads waited for a processor, or for the disk, is taken
off. So a stopped process is ended in four seconds however busy the machine is, an endless loop later on a busy machine than on a
quiet one, and a starved process never. The engine misses what is ended and starts another one.

The head of a single machine runs this (`hosting.drivers.head`). On a cluster, run it once on each node, with
REPLICA_HEARTBEAT_DIR in its own environment and in the node's: python -m hosting.drivers.watchdog
"""

import os
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hosting.model_server import heartbeat
from hosting.model_server.scheduling import run_delays_s

LATE_S = 1.5  # after a beat: from then on a replica is watched
SILENT_S = 2.0  # of time in which it could have beaten
LOOK_EVERY_S = 0.25
REPLICA = b"ray::ServeReplica"


@dataclass
class _Silence:
    """A replica that is late. `excused_s`: for how much of the time since `since_s` it could not have beaten."""

    beat_ns: int
    since_s: float
    looked_s: float
    delays_s: dict[str, float]
    excused_s: float = 0.0


class Watchdog:
    """Looks after the replicas that beat in `folder`. `look` a few times a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._silences: dict[int, _Silence] = {}
        self._looked_s = 0.0

    def look(self) -> None:
        """End what hangs; at most four times a second."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        for path in self._files():
            pid = int(path.name)
            if not _is_replica(pid):
                path.unlink(missing_ok=True)
                self._silences.pop(pid, None)
            elif why := self._why_hung(pid, path, now_s):
                print(
                    f"Replica {pid} {why}: it is ended, and the engine starts another one.",
                    flush=True,
                )
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _files(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if path.name.isdigit()]
        except OSError:
            return []

    def _why_hung(self, pid: int, path: Path, now_s: float) -> str:
        try:
            beat_ns, is_wedged = heartbeat.read(path)
        except (OSError, struct.error):
            return ""  # it has just made its file
        if is_wedged:
            return "runs an inference for longer than its version's limit"
        if now_s - beat_ns / 1e9 < LATE_S:
            self._silences.pop(pid, None)
            return ""
        return self._why_silent(pid, beat_ns, now_s)

    def _why_silent(self, pid: int, beat_ns: int, now_s: float) -> str:
        silence = self._silences.get(pid)
        delays_s = run_delays_s(pid)
        if silence is None or silence.beat_ns != beat_ns:
            self._silences[pid] = _Silence(beat_ns, now_s, now_s, delays_s)
            return ""
        silence.excused_s += _excused_s(pid, silence, delays_s, now_s)
        silence.delays_s, silence.looked_s = delays_s, now_s
        hung_s = now_s - silence.since_s - silence.excused_s
        return (
            f"has been silent for {now_s - beat_ns / 1e9:.1f} s and did not want for a processor"
            if hung_s > SILENT_S
            else ""
        )


def _excused_s(pid: int, silence: _Silence, delays_s: dict[str, float], now_s: float) -> float:
    """For how much of the time since the last look one of its threads waited: whoever holds the interpreter holds up the others."""
    passed_s = now_s - silence.looked_s
    if _waits_for_disk(pid):
        return passed_s
    grown_s = (delay_s - silence.delays_s.get(tid, delay_s) for tid, delay_s in delays_s.items())
    return min(max(grown_s, default=0.0), passed_s)


def _is_replica(pid: int) -> bool:
    """False for a number that is another program's by now."""
    try:
        return REPLICA in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _waits_for_disk(pid: int) -> bool:
    """Is its main thread in uninterruptible sleep?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"
    except (OSError, IndexError):
        return False


def main() -> None:
    """For as long as the node lives."""
    watchdog = Watchdog(Path(os.environ[heartbeat.FOLDER_VARIABLE]))
    while True:
        watchdog.look()
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
