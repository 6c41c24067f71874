"""How long a thread waited for a processor: what tells a starved process from a hung one.

Linux counts for each thread the time in which it was ready to run and another one ran instead (the second number of
/proc/<pid>/task/<tid>/schedstat, nanoseconds). A thread that is stopped, asleep or in an endless loop gathers none of it on a
quiet machine. Where the kernel keeps no such count, nothing is taken off: deadlines are then plain wall time.
"""

import threading
import time
from pathlib import Path


def run_delay_s(pid: int | str = "self", tid: int | str | None = None) -> float:
    """Seconds for which one thread has waited for a processor so far; by default the calling thread. 0.0 when unknown."""
    tid = threading.get_native_id() if tid is None else tid
    try:
        return int(Path(f"/proc/{pid}/task/{tid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def run_delays_s(pid: int) -> dict[str, float]:
    """{thread id: run_delay_s} of all threads of a process; {} when it is gone."""
    try:
        return {
            task.name: run_delay_s(pid, task.name) for task in Path(f"/proc/{pid}/task").iterdir()
        }
    except OSError:
        return {}


class Stopwatch:
    """Seconds since its start in which its thread could have worked: wall time without the wait for a processor.

    Made in the thread that it measures; read from any.
    """

    def __init__(self) -> None:
        self._tid = threading.get_native_id()
        self._began = time.monotonic() - run_delay_s(tid=self._tid)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began - run_delay_s(tid=self._tid)
