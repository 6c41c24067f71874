"""How far the gateway's journal is ahead of Postgres, and how far back what was shipped is kept for a restore.

Read from the files, so it is true with every gateway process dead.
"""

import contextlib
import math
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import Max

from consumption.metering import usage_journal
from consumption.models import SpoolOffset


@dataclass(frozen=True)
class Shelf:
    """Shipped segments that are kept for a restore: `used` of `room` bytes, the oldest written to `reaches_s` seconds ago."""

    used: int
    room: int
    reaches_s: float

    @property
    def keeps_s(self) -> float | None:
        """Seconds that calls will be kept at this pace, when that is less than SPOOL_KEEP_HOURS; else, and below half full, None."""
        if self.used < self.room / 2:
            return None
        keeps_s = self.reaches_s * self.room / self.used
        return keeps_s if keeps_s < settings.SPOOL_KEEP_HOURS * 3600 else None

    @property
    def mib_needed(self) -> int:
        """The SPOOL_KEEP_MIB that would be enough at this pace."""
        return math.ceil(
            self.used / max(self.reaches_s, 1) * settings.SPOOL_KEEP_HOURS * 3600 / (1 << 20)
        )


@dataclass(frozen=True)
class Backlog:
    """`waiting` calls are journalled and not yet in Postgres, running calls included; the oldest began `oldest_s` seconds ago.

    `is_here` False: the journal is not on this machine. `segments`: files still open. `shipped_at`: when the position last moved.
    """

    is_here: bool
    segments: int = 0
    waiting: int = 0
    oldest_s: float | None = None
    shipped_at: datetime | None = None
    shelf: Shelf | None = None


def backlog(folder: Path | None = None) -> Backlog:
    """The Backlog of a spool folder; by default that of settings. Two queries, sixteen small reads a file."""
    folder = folder or Path(settings.SPOOL_DIR)
    if not folder.is_dir():
        return Backlog(is_here=False)
    positions = dict(SpoolOffset.objects.values_list("spool", "offset"))
    looked = [_look(path, positions.get(path.stem, 0)) for path in usage_journal.segments(folder)]
    begun = [at_us for _, at_us in looked if at_us is not None]
    return Backlog(
        is_here=True,
        segments=len(looked),
        waiting=sum(waiting for waiting, _ in looked),
        oldest_s=max(0.0, time.time() - min(begun) / 1e6) if begun else None,
        shipped_at=SpoolOffset.objects.aggregate(at=Max("shipped_at"))["at"],
        shelf=_shelf(folder / usage_journal.SHELF),
    )


def _shelf(folder: Path) -> Shelf:
    kept = []
    for path in folder.glob("*.spool"):
        with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
            kept.append(path.stat())
    oldest = min((about.st_mtime for about in kept), default=time.time())
    return Shelf(
        sum(about.st_size for about in kept),
        settings.SPOOL_KEEP_MIB << 20,
        max(0.0, time.time() - oldest),
    )


def _look(path: Path, position: int) -> tuple[int, int | None]:
    """(calls after `position`, when the first of them began in us) of one segment; nothing when it was put aside meanwhile."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0, None
    try:
        return usage_journal.first_unused(fd, position) - position, usage_journal.begun_us(
            fd, position
        )
    finally:
        os.close(fd)
