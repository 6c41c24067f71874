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
from consumption.models import JournalPosition


@dataclass(frozen=True)
class Archive:
    """Shipped segments that are kept for a restore. The oldest was written to `oldest_s` seconds ago."""

    used_bytes: int
    capacity_bytes: int
    oldest_s: float

    @property
    def retention_s(self) -> float | None:
        """Seconds that calls will be kept at this pace, if fewer than JOURNAL_ARCHIVE_HOURS; None otherwise, and below half full."""
        if self.used_bytes < self.capacity_bytes / 2:
            return None
        retention_s = self.oldest_s * self.capacity_bytes / self.used_bytes
        return retention_s if retention_s < settings.JOURNAL_ARCHIVE_HOURS * 3600 else None

    @property
    def mib_needed(self) -> int:
        """The JOURNAL_ARCHIVE_MIB that would be enough at this pace."""
        return math.ceil(
            self.used_bytes
            / max(self.oldest_s, 1)
            * settings.JOURNAL_ARCHIVE_HOURS
            * 3600
            / (1 << 20)
        )


@dataclass(frozen=True)
class Backlog:
    """Calls that are in the journal and not yet in Postgres, running calls included; the oldest began `oldest_s` seconds ago.

    `is_here` is False when the journal is on another machine. `segments` counts the files that are not yet archived.
    `shipped_at` is when the position last moved.
    """

    is_here: bool
    segments: int = 0
    waiting: int = 0
    oldest_s: float | None = None
    shipped_at: datetime | None = None
    archive: Archive | None = None


def backlog(folder: Path | None = None) -> Backlog:
    """The Backlog of a journal folder; by default that of settings. Two queries, sixteen small reads a file."""
    folder = folder or Path(settings.USAGE_JOURNAL_DIR)
    if not folder.is_dir():
        return Backlog(is_here=False)
    positions = dict(JournalPosition.objects.values_list("segment", "offset"))
    measured = [
        _measure(path, positions.get(path.stem, 0)) for path in usage_journal.segments(folder)
    ]
    begun = [at_us for _, at_us in measured if at_us is not None]
    return Backlog(
        is_here=True,
        segments=len(measured),
        waiting=sum(waiting for waiting, _ in measured),
        oldest_s=max(0.0, time.time() - min(begun) / 1e6) if begun else None,
        shipped_at=JournalPosition.objects.aggregate(at=Max("shipped_at"))["at"],
        archive=_archive(folder / usage_journal.ARCHIVE),
    )


def _archive(folder: Path) -> Archive:
    stats = []
    for path in folder.glob("*.segment"):
        with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
            stats.append(path.stat())
    oldest = min((stat.st_mtime for stat in stats), default=time.time())
    return Archive(
        sum(stat.st_size for stat in stats),
        settings.JOURNAL_ARCHIVE_MIB << 20,
        max(0.0, time.time() - oldest),
    )


def _measure(path: Path, position: int) -> tuple[int, int | None]:
    """(calls after `position`, when the first of them began in us) of one segment; (0, None) when it was archived meanwhile."""
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
