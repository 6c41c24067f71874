"""How much room a disk has, and what has to stop as it fills: sandbox calls, then uploads, then production calls.

The reserve (docs/reliability.md, F15) is the larger of DISK_RESERVE_PERCENT of the disk and DISK_RESERVE_MIB, but at most
DISK_RESERVE_MOST_MIB: a large disk need not stop with tens of gigabytes free. Sandbox calls stop below the whole reserve,
uploads below three quarters, production calls below half: what is left then is for Postgres and the journal.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

MIB = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Room:
    """Bytes that the disk of a folder has left, and bytes that should be left."""

    free: int
    reserve: int

    @property
    def stops_sandbox(self) -> bool:
        return self.free < self.reserve

    @property
    def stops_uploads(self) -> bool:
        return self.free * 4 < self.reserve * 3

    @property
    def stops_calls(self) -> bool:
        return self.free * 2 < self.reserve

    def after(self, size: int) -> "Room":
        """The room that is left when `size` bytes more are kept."""
        return Room(self.free - size, self.reserve)


def room(folder: Path | str) -> Room:
    """The room on the disk of a folder, which may not exist yet."""
    about = os.statvfs(_existing(Path(folder).absolute()))
    return Room(about.f_bavail * about.f_frsize, _reserve(about.f_blocks * about.f_frsize))


def is_full(error: BaseException) -> bool:
    """Did this fail because a disk (or one's share of it) is full?"""
    return isinstance(error, OSError) and error.errno in FULL


def _reserve(size: int) -> int:
    wanted = max(size * settings.DISK_RESERVE_PERCENT // 100, settings.DISK_RESERVE_MIB * MIB)
    return min(wanted, settings.DISK_RESERVE_MOST_MIB * MIB)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
