"""Calls in flight, counted over all workers of a machine without asking anybody: a board in shared memory.

The board has a row for each subscription and each version and a column for each worker. A worker writes its own
column only and reads whole rows. To take a slot it *announces* itself (writes its count plus one) and then *looks*
(adds up the row); when the sum is above the limit it takes the announcement back. Of workers that announce at the same
moment at least the last one sees all others, so the sum of those who stay is never above the limit. Two that race for the
last slot may both step back; who waits looks again every few milliseconds. Between the announcement and the look
stands a lock instruction, which on x86-64 is a full memory fence; on a processor where it is none, the race can let at
most workers - 1 calls more in. Each machine has a board of its own: with several gateway machines a limit holds on
each of them.

The parent makes the board, an unlinked file that its children inherit, gives each child a column that no living process
has, and clears it when the child is gone. So the slots of a killed worker are free as soon as its parent has seen it
die, and nothing is left over from an earlier gateway. A gateway that has no parent counts for itself.
"""

import asyncio
import contextlib
import fcntl
import logging
import mmap
import os
import struct
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)
ROWS = 65_536
POLL_S = 0.004
FD, COLUMN, COLUMNS = "GATEWAY_SLOTS_FD", "GATEWAY_SLOTS_COLUMN", "GATEWAY_SLOTS_COLUMNS"
_NAME, _COUNT = 8, 4  # bytes of a row's name, and of a count


class Seats:
    """The slots of one subscription or version. `mine`: how many calls of this process hold one."""

    __slots__ = ("mine", "waiting", "_board", "_cell", "_row", "_look", "_limit")

    def __init__(self, board: "Board", row: int) -> None:
        self.mine = 0
        self.waiting: deque[tuple[float, asyncio.Future[None]]] = (
            deque()
        )  # until when, first the one that waits longest
        self._board = board
        self._cell, self._row = board.place(row)
        self._look: asyncio.TimerHandle | None = None
        self._limit = 0

    def enter(self, limit: int) -> bool:
        """Take a slot; False when all workers together have `limit` already."""
        mine = self.mine + 1
        board = self._board
        board.counts[self._cell] = mine
        board.fence()
        if sum(board.row_of(board.memory, self._row)) > limit:
            board.counts[self._cell] = self.mine
            return False
        self.mine = mine
        return True

    def leave(self) -> None:
        """Give a slot back; who waits in this process is woken."""
        self.mine -= 1
        self._board.counts[self._cell] = self.mine
        if self.waiting:
            self._wake(1)

    def taken(self) -> int:
        """Calls in flight, of all workers."""
        return sum(self._board.row_of(self._board.memory, self._row))

    async def wait(self, limit: int, by: float) -> None:
        """Until a slot seems to be free; the caller tries again. TimeoutError after `by` (monotonic)."""
        if self.taken() < limit:
            return
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        if self.waiting and by < self.waiting[0][0]:  # woken, and overtaken by a newcomer
            self.waiting.appendleft((by, waiting))
        else:
            self.waiting.append((by, waiting))
        self._limit = limit
        if self._look is None:
            self._look = loop.call_later(POLL_S, self._look_again)
        await waiting

    def _look_again(self) -> None:
        """Another worker may have freed a slot, and somebody's time may be up. One timer, however many wait."""
        self._look = None
        self._wake(max(0, self._limit - self.taken()))
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] < now:
            _, waiting = self.waiting.popleft()
            if not waiting.done():
                waiting.set_exception(TimeoutError())
        if self.waiting:
            self._look = asyncio.get_running_loop().call_later(POLL_S, self._look_again)

    def _wake(self, count: int) -> None:
        while self.waiting and (count or self.waiting[0][1].done()):
            _, waiting = self.waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                count -= 1


class Board:
    """One worker's view of the shared memory. Without `fd` a board of its own."""

    def __init__(self, fd: int = -1, column: int = 0, columns: int = 1) -> None:
        self.fd = fd
        self.memory = mmap.mmap(fd, size(columns))
        self.counts = memoryview(self.memory)[ROWS * _NAME :].cast("i")
        self.row_of = struct.Struct(f"{columns}i").unpack_from
        self._names = memoryview(self.memory)[: ROWS * _NAME].cast("q")
        self._column, self._columns = column, columns
        self._rows: dict[int, int] = {}
        self._seats: dict[int, Seats] = {}
        self._spill: Board | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> "Board":
        """The board that the parent made for its children; a private one when there is no parent."""
        if FD not in os.environ:
            return cls()
        return cls(int(os.environ[FD]), int(os.environ[COLUMN]), int(os.environ[COLUMNS]))

    def of_subscription(self, pk: int) -> Seats:
        return self._find(pk * 2)

    def of_version(self, pk: int) -> Seats:
        return self._find(pk * 2 + 1)

    def fence(self) -> None:
        """What was written is visible to all before anything after is read."""
        self._lock.acquire()
        self._lock.release()

    def place(self, row: int) -> tuple[int, int]:
        """Where this worker's count of a row is (in counts), and where the row begins (in bytes)."""
        return row * self._columns + self._column, ROWS * _NAME + row * self._columns * _COUNT

    def _find(self, name: int) -> Seats:
        seats = self._seats.get(name)
        if seats is None:
            seats = self._seats[name] = self._open(name)
        return seats

    def _open(self, name: int) -> Seats:
        row = self._rows.get(name)
        if row is None:
            with self._alone():
                row = self._row(name)
        if row is not None:
            return Seats(self, row)
        if self._spill is None:
            log.error(
                "the board of slots is full: what is new is counted in each worker for itself until the gateway is started again"
            )
            self._spill = Board()
        return self._spill._open(name)

    def _row(self, name: int) -> int | None:
        """The row of a name, entered if it is new; None when the board is full. Names are only ever added, in order."""
        for row in range(len(self._rows), ROWS):
            known = self._names[row]
            if not known:
                self._names[row] = known = name
            self._rows[known] = row
            if known == name:
                return row
        return None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time enters names."""
        if self.fd < 0:
            yield
            return
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)


class Columns:
    """The parent's side: makes the board, gives out its columns, clears those of the dead."""

    def __init__(self, folder: Path, workers: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.count = (
            2 * workers
        )  # while workers are replaced, the old and the new ones live side by side
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the gateway
        self.fd = self._file.fileno()
        os.ftruncate(self.fd, size(self.count))
        self._memory = mmap.mmap(self.fd, size(self.count))
        self._counts = memoryview(self._memory)[ROWS * _NAME :].cast("i")
        self._held: set[int] = set()

    def take(self) -> int:
        """A column of nobody's, cleared."""
        column = next(column for column in range(self.count) if column not in self._held)
        self._held.add(column)
        return column

    def give_back(self, column: int) -> None:
        """Its process is gone."""
        self._held.discard(column)
        for row in range(ROWS):
            if self._counts[row * self.count + column]:
                self._counts[row * self.count + column] = 0

    def environment(self, column: int) -> dict[str, str]:
        """What a child must be told to find its column."""
        return {FD: str(self.fd), COLUMN: str(column), COLUMNS: str(self.count)}


def size(columns: int) -> int:
    """Bytes of a board: the names of its rows, then the rows."""
    return ROWS * (_NAME + columns * _COUNT)
