"""The free space of a disk, and what stops as the disk fills: calls of test applications, then uploads, then production calls.

The reserve (docs/reliability.md, F15) is the larger of DISK_RESERVE_PERCENT of the disk and DISK_RESERVE_MIB, but at most
DISK_RESERVE_MOST_MIB, because a large disk need not stop with tens of gigabytes free. Test calls stop below the whole
reserve, uploads below three quarters, production calls below half. The rest is for Postgres and the usage journal.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

MIB = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class DiskSpace:
    """Free bytes of a folder's disk, and the bytes that should stay free."""

    free: int
    reserve: int

    @property
    def stops_test_calls(self) -> bool:
        return self.free < self.reserve

    @property
    def stops_uploads(self) -> bool:
        return self.free * 4 < self.reserve * 3

    @property
    def stops_calls(self) -> bool:
        return self.free * 2 < self.reserve

    def after(self, size: int) -> "DiskSpace":
        """The space that is left after `size` more bytes are written."""
        return DiskSpace(self.free - size, self.reserve)


def measure(folder: Path | str) -> DiskSpace:
    """The space on the disk of a folder, which may not exist yet."""
    stat = os.statvfs(_existing(Path(folder).absolute()))
    wanted = max(
        (stat.f_blocks * stat.f_frsize) * settings.DISK_RESERVE_PERCENT // 100,
        settings.DISK_RESERVE_MIB * MIB,
    )
    return DiskSpace(
        stat.f_bavail * stat.f_frsize, min(wanted, settings.DISK_RESERVE_MOST_MIB * MIB)
    )


def is_full(error: BaseException) -> bool:
    """Did this fail because a disk or a disk quota is full?"""
    return isinstance(error, OSError) and error.errno in FULL


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
