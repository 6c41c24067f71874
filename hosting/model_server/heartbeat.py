"""A replica's sign of life: its event loop writes a time into a small file once a second, which costs next to nothing.

`hosting.drivers.watchdog` reads it. A health check of Ray costs a call between three processes, and cannot tell a process that
hangs from one that gets no processor: see docs/hosting.md, "Hung or starved".
"""

import asyncio
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 1.0
FOLDER_VARIABLE = "REPLICA_HEARTBEAT_DIR"
LAYOUT = struct.Struct(
    "<q?"
)  # when it last beat: monotonic nanoseconds, one clock for the machine; does a run go on for too long?


class Heartbeat:
    """Beats from now on, for as long as the running event loop turns. `is_wedged()`: has a run passed its limit?"""

    def __init__(self, folder: Path, is_wedged: Callable[[], bool]) -> None:
        self._is_wedged = is_wedged
        self._loop = asyncio.get_running_loop()
        self._path = folder / str(os.getpid())
        folder.mkdir(parents=True, exist_ok=True)
        with open(self._path, "w+b") as file:
            file.write(bytes(LAYOUT.size))
            file.flush()
            self._page = mmap.mmap(file.fileno(), LAYOUT.size)
        self._beat()

    def _beat(self) -> None:
        LAYOUT.pack_into(self._page, 0, time.monotonic_ns(), self._is_wedged())
        self._loop.call_later(EVERY_S, self._beat)


def start(is_wedged: Callable[[], bool]) -> Heartbeat | None:
    """A Heartbeat where somebody reads it: in the folder that the environment names. None elsewhere."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return Heartbeat(Path(folder), is_wedged) if folder else None


def read(path: Path) -> tuple[int, bool]:
    """(monotonic nanoseconds of the last beat, is a run wedged?) of one replica's file. Raises OSError, struct.error."""
    return LAYOUT.unpack(path.read_bytes()[: LAYOUT.size])
