"""The usage journal: a write-ahead journal on disk that holds each call from before it is forwarded until it is in Postgres.

Each writer process has an *owner* name, which also owns its quota leases, and a row of segment files, preallocated and
memory-mapped. Every call takes one slot of 128 bytes: the start record is written before the call is forwarded, the end record
before the last byte of the answer is sent. Each record has its own CRC32, so a slot that SIGKILL or a full disk tore reads as
absent. Stores into a mapped file survive the death of the process. `sync` bounds what a power cut can take; a segment that is
used up is on disk before its lock is released.

A writer keeps an exclusive lock on its segments and on `<owner>.alive`; the kernel drops the locks with the process. A reader
that gets the lock therefore knows that no more records will come: slots without an end record are `unknown`, zero units.
Calls end out of order; the reader's position is the first slot that has not ended.
"""

import contextlib
import fcntl
import json
import mmap
import os
import random
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from zlib import crc32

OUTCOMES = ("ok", "client_error", "upstream_error", "aborted", "unknown", "refused")
OK, CLIENT_ERROR, UPSTREAM_ERROR, ABORTED, UNKNOWN, REFUSED = range(6)
ENVIRONMENTS = ("prod", "test", "sandbox")  # in the order in which a full disk leaves them open
SANDBOX = ENVIRONMENTS.index("sandbox")

HEADER = 4096
SLOT = 128
SLOTS = 32768
SIZE = HEADER + SLOTS * SLOT
# UUID version 7 (RFC 9562): version and variant, and the bits between and behind them, which are random.
UUID_FIXED = 0x7 << 76 | 0x2 << 62
UUID_RANDOM = 0xFFF << 64 | 2**62 - 1
MAGIC = b"MKUSAGE1"
PARTIAL = ".partial"
ARCHIVE = "shipped"  # folder of segments that are in Postgres, inside the journal's folder

# event id, at (us since 1970), subscription, key, application, team, model, version, request bytes, environment
_START = struct.Struct("<16sqqqqqqqqB")
# duration (us), response bytes, units, http status, outcome
_END = struct.Struct("<qqqHB")
_SEAL = struct.Struct("<BI")  # marker, CRC32 of the part
_END_AT = 96
_START_SIZE, _END_SIZE = _START.size, _END.size
_SEAL_SIZE = _SEAL.size
_unpack_seal, _unpack_start, _unpack_end = _SEAL.unpack_from, _START.unpack, _END.unpack
assert _SEAL_SIZE + _START_SIZE <= _END_AT and _END_AT + _SEAL_SIZE + _END_SIZE <= SLOT


Record = TypeVar("Record")


class JournalFull(Exception):
    """The disk has no space for another segment. No call may be forwarded, because it could not be recorded."""


class Event(NamedTuple):
    """One call. Times in microseconds, sizes in bytes; `environment` and `outcome` are places in ENVIRONMENTS and OUTCOMES.

    A call in the sandbox has no subscription: `subscription_id` is minus the id of the person who tries (docs/playground.md).
    """

    event_id: bytes
    at_us: int
    subscription_id: int
    key_id: int
    application_id: int
    team_id: int
    model_id: int
    version_id: int
    request_bytes: int
    environment: int
    duration_us: int
    response_bytes: int
    units: int
    http_status: int
    outcome: int


class Segment:
    """One preallocated file as its writer sees it."""

    __slots__ = ("path", "fd", "view", "used", "open_calls")

    def __init__(self, path: Path, owner: str) -> None:
        self.path = path
        partial = path.with_suffix(PARTIAL)
        try:
            self.fd = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalFull(str(error)) from error
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            os.posix_fallocate(self.fd, 0, SIZE)
        except OSError as error:
            os.close(self.fd)
            partial.unlink(missing_ok=True)
            raise JournalFull(str(error)) from error
        self.view = mmap.mmap(self.fd, SIZE)
        header = json.dumps(
            {"owner": owner, "pid": os.getpid(), "boot": boot_id(), "opened": time.time()}
        ).encode()
        self.view[: len(MAGIC) + len(header)] = MAGIC + header
        self.used = 0
        self.open_calls = 0
        partial.rename(path)  # readers meet a segment only at its full size and locked

    def close(self) -> None:
        """Drop the mapping and with it the lock: the reader takes over."""
        self.view.close()
        os.close(self.fd)


class Ticket:
    """The slot of one running call."""

    __slots__ = ("segment", "offset", "event_id")

    def __init__(self, segment: Segment, offset: int, event_id: bytes) -> None:
        self.segment = segment
        self.offset = offset
        self.event_id = event_id


class UsageJournal:
    """The writing side, one per gateway process."""

    def __init__(self, folder: Path, owner: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.owner = owner or new_owner()
        self._number = 0
        self._random = random.Random(os.urandom(32)).getrandbits
        # The file gets its name after the lock: an unlocked one would belong to a dead process.
        path = folder / f"{self.owner}.alive"
        partial = path.with_suffix(PARTIAL)
        self._alive_fd = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._alive_fd, fcntl.LOCK_EX)
        partial.rename(path)
        self._full: list[Segment] = []  # used up, with calls that still run
        # Used up, without running calls: the next `sync` closes them.
        self._over: list[Segment] = []
        self._dirty = self._has_new_name = False
        self._syncing = threading.Lock()
        # None after a start on a full disk: each call tries again.
        self._segment: Segment | None = None
        with contextlib.suppress(JournalFull):
            self._segment = self._next_segment()

    def start(
        self,
        at_us: int,
        who: tuple[int, int, int, int, int, int],
        request_bytes: int,
        environment: int,
    ) -> Ticket:
        """Record the start of a call. `who` = subscription, key, application, team, model, version. Raises JournalFull."""
        segment = self._segment
        if segment is None or segment.used >= SLOTS:
            segment = self._rotate()
        offset = HEADER + segment.used * SLOT
        event_id = self.new_id(at_us)
        part = _START.pack(event_id, at_us, *who, request_bytes, environment)
        segment.view[offset : offset + _SEAL_SIZE + _START_SIZE] = _SEAL.pack(1, crc32(part)) + part
        segment.used += 1
        segment.open_calls += 1
        self._dirty = True
        return Ticket(segment, offset, event_id)

    def end(
        self,
        ticket: Ticket,
        duration_us: int,
        response_bytes: int,
        units: int,
        status: int,
        outcome: int,
    ) -> None:
        """Record the end of a call. Call it before the last byte of the answer is sent."""
        segment = ticket.segment
        part = _END.pack(duration_us, response_bytes, units, status, outcome)
        offset = ticket.offset + _END_AT
        segment.view[offset : offset + _SEAL_SIZE + _END_SIZE] = _SEAL.pack(1, crc32(part)) + part
        segment.open_calls -= 1
        if not segment.open_calls and segment is not self._segment:
            self._full.remove(segment)
            self._over.append(segment)
        self._dirty = True

    def new_id(self, at_us: int) -> bytes:
        """A UUID version 7: sortable by time, unique without coordination."""
        random_bits = self._random(76) & UUID_RANDOM
        return ((at_us // 1000) << 80 | UUID_FIXED | random_bits).to_bytes(16, "big")

    def sync(self) -> None:
        """Flush the records to disk and release the segments that are over. A thread calls it every 50 ms. Raises OSError."""
        with self._syncing:
            if not self._dirty:
                return
            self._dirty = False
            over = [self._over.pop() for _ in range(len(self._over))]
            try:
                for segment in [*self._segments(), *over]:
                    os.fdatasync(segment.fd)
                self._sync_names()
            finally:
                for segment in over:
                    segment.close()

    def close(self) -> None:
        """Release all locks. Calls without an end record become `unknown`."""
        with self._syncing:
            for segment in [*self._segments(), *self._over]:
                segment.close()
        os.close(self._alive_fd)

    def _segments(self) -> list[Segment]:
        return [*self._full, self._segment] if self._segment else list(self._full)

    def _rotate(self) -> Segment:
        fresh = self._next_segment()
        if self._segment and self._segment.open_calls:
            self._full.append(self._segment)
        elif self._segment:
            self._over.append(self._segment)
        self._segment = fresh
        return fresh

    def _next_segment(self) -> Segment:
        self._number += 1
        segment = Segment(self.folder / f"{self.owner}-{self._number:06d}.segment", self.owner)
        self._has_new_name = True
        return segment

    def _sync_names(self) -> None:
        """Flush the folder: a file whose name a power cut takes is lost whole."""
        if self._has_new_name:
            self._has_new_name = False
            folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


class SegmentReader(Generic[Record]):
    """The reading side of one segment. `make` gets the fields of an Event as arguments and makes the record to return."""

    def __init__(self, path: Path, position: int = 0, make: Callable[..., Record] = Event) -> None:  # type: ignore[assignment]
        self.path = path
        self.name = path.stem
        self.owner = path.stem.rsplit("-", 1)[0]
        self._make = make
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._view = (
            mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ) if os.fstat(self._fd).st_size else b""
        )
        self._limit = max(0, (len(self._view) - HEADER) // SLOT)
        self._next = min(position, self._limit)
        self._open: list[int] = []

    @property
    def position(self) -> int:
        """Number of slots from the beginning whose calls have all ended."""
        return self._open[0] if self._open else self._next

    @property
    def waiting(self) -> int:
        """Calls that have begun and not ended."""
        return len(self._open)

    def finished(self, limit: int = 20_000) -> list[Record]:
        """The calls that ended since the last call of this method, at most `limit` new slots."""
        still_open, self._open = self._open, []
        used = self._used(limit)
        records = [*self._ended(still_open), *self._ended(range(self._next, used))]
        self._next = used
        return records

    def abandoned(self) -> bool:
        """Has the writer closed the segment or died? If so, this reader holds its lock from now on."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def unended(self) -> list[Record]:
        """The calls without an end record as `unknown`, zero units. Only for an abandoned segment."""
        starts = (self._start(slot) for slot in self._open)
        self._open = []
        return [self._make(*start, 0, 0, 0, 0, UNKNOWN) for start in starts if start]

    @property
    def seen(self) -> int:
        """Number of slots that were read."""
        return self._next

    def begun(self) -> int:
        """Number of slots that are in use now."""
        return self._used(SLOTS)

    def close(self) -> None:
        """Close the file."""
        if isinstance(self._view, mmap.mmap):
            self._view.close()
        os.close(self._fd)

    def _used(self, limit: int) -> int:
        """The first unused slot, at most `limit` after the next one. Slots are used in order."""
        stop = min(self._limit, self._next + limit)
        markers = self._view[HEADER + self._next * SLOT : HEADER + stop * SLOT : SLOT]
        unused = markers.find(0)
        return stop if unused < 0 else self._next + unused

    def _ended(self, slots: Iterable[int]) -> Iterator[Record]:
        """The records of ended calls; the other slots stay open. One function, because it runs for every call."""
        view, make, still_open = self._view, self._make, self._open.append
        for slot in slots:
            at = HEADER + slot * SLOT
            end_at = at + _END_AT
            marker, start_crc = _unpack_seal(view, at)
            end_marker, end_crc = _unpack_seal(view, end_at)
            start = view[at + _SEAL_SIZE : at + _SEAL_SIZE + _START_SIZE]
            end = view[end_at + _SEAL_SIZE : end_at + _SEAL_SIZE + _END_SIZE]
            if marker and end_marker and crc32(start) == start_crc and crc32(end) == end_crc:
                yield make(*_unpack_start(start), *_unpack_end(end))
            else:
                still_open(slot)

    def _start(self, slot: int) -> tuple[Any, ...] | None:
        at = HEADER + slot * SLOT
        marker, crc = _unpack_seal(self._view, at)
        part = self._view[at + _SEAL_SIZE : at + _SEAL_SIZE + _START_SIZE]
        return _unpack_start(part) if marker and crc32(part) == crc else None


def segments(folder: Path) -> Iterator[Path]:
    """The segment files of a folder, oldest writer first."""
    return iter(sorted(folder.glob("*.segment")))


def begun_us(fd: int, slot: int) -> int | None:
    """The start of a slot's call in us since 1970; None when the slot is unused or torn.

    It reads the file instead of mapping it: truncating a mapped file kills its reader.
    """
    raw = os.pread(fd, _SEAL_SIZE + _START_SIZE, HEADER + slot * SLOT)
    part = raw[_SEAL_SIZE:]
    if len(part) < _START_SIZE or _unpack_seal(raw) != (1, crc32(part)):
        return None
    return _START.unpack(part)[1]


def first_unused(fd: int, position: int = 0) -> int:
    """The first unused slot at or after `position`. Slots are used in order, so a binary search takes sixteen small reads."""
    low, high = position, SLOTS
    while low < high:
        middle = (low + high) // 2
        if os.pread(fd, 1, HEADER + middle * SLOT) in (b"", b"\0"):
            high = middle
        else:
            low = middle + 1
    return low


def truncate(path: Path) -> None:
    """Truncate the file to its used slots. No process may have it mapped: reading beyond the end kills the reader."""
    with open(path, "r+b") as file:
        file.truncate(HEADER + first_unused(file.fileno()) * SLOT)


def dead_owners(folder: Path) -> list[str]:
    """Owner whose process is gone and who left no segment behind."""
    return [
        path.stem
        for path in folder.glob("*.alive")
        if _unlocked(path) and not any(folder.glob(f"{path.stem}-*.segment"))
    ]


def living_owners(folder: Path) -> list[str]:
    """Owner whose process is at work on this machine."""
    return [path.stem for path in folder.glob("*.alive") if not _unlocked(path)]


def forget_owner(folder: Path, owner: str) -> None:
    """Remove the files of an owner whose leases have expired: its lock and a segment that it was creating."""
    for path in folder.glob(f"{owner}-*{PARTIAL}"):
        path.unlink(missing_ok=True)
    (folder / f"{owner}.alive").unlink(missing_ok=True)


def new_owner() -> str:
    """A name that no other process on any machine ever had."""
    return f"{os.uname().nodename.split('.')[0][:20]}-{os.getpid()}-{os.urandom(6).hex()}"


def boot_id() -> str:
    """This boot of this machine, empty where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _unlocked(path: Path) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
