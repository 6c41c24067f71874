"""Calls in flight, limited over all workers of a machine without a request to anybody: slots in shared memory.

The table has a row for each subscription and each version and a column for each worker. A worker writes its own column
only and reads whole rows. To acquire a slot it first *announces* itself (writes its count plus one) and then *reads* the row;
when the sum is above the limit it takes the announcement back. Of workers that announce at the same moment at least the
last one sees all others, so the sum of those who stay is never above the limit. Two that race for the last slot may both
step back; a call that waits tries again every few milliseconds. Between the announcement and the read stands a lock
instruction, which on x86-64 is a full memory fence; on a processor where it is none, the race can admit at most
workers - 1 calls more. Each machine has a table of its own: with several gateway machines a limit holds on each of them.

The parent process makes the table, an unlinked file that its children inherit, gives each child a column that no living
process has, and clears the column when the child is gone. So the slots of a killed worker are free as soon as its parent has
seen it die, and nothing is left over from an earlier gateway. A gateway without a parent counts for itself.
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
NAME_BYTES, COUNT_BYTES = 8, 4


class SharedConcurrencyLimiter:
    """The slots of one subscription or version. `held`: the slots that calls of this process hold."""

    __slots__ = (
        "held",
        "waiters",
        "_counts",
        "_cell",
        "_read_row",
        "_memory",
        "_row",
        "_fence",
        "_poll",
        "_limit",
    )

    def __init__(self, table: "SharedSlotTable", row: int) -> None:
        self.held = 0
        self.waiters: deque[tuple[float, asyncio.Future[None]]] = deque()  # by deadline
        self._counts = table.counts
        self._cell, self._row = table.place(row)
        self._read_row, self._memory = table.read_row, table.memory
        self._fence = table.fence
        self._poll: asyncio.TimerHandle | None = None
        self._limit = 0

    def acquire(self, limit: int) -> bool:
        """Take a slot; False when all workers together hold `limit` already."""
        announced = self.held + 1
        self._counts[self._cell] = announced
        with self._fence:
            pass
        if sum(self._read_row(self._memory, self._row)) > limit:
            self._counts[self._cell] = self.held
            return False
        self.held = announced
        return True

    def release(self) -> None:
        """Give a slot back and wake one waiter of this process."""
        self.held -= 1
        self._counts[self._cell] = self.held
        if self.waiters:
            self._wake(1)

    def in_use(self) -> int:
        """Calls in flight, of all workers."""
        return sum(self._read_row(self._memory, self._row))

    async def wait(self, limit: int, deadline: float) -> None:
        """Until a slot seems to be free; the caller tries again. Raises TimeoutError after `deadline` (monotonic)."""
        if self.in_use() < limit:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        if (
            self.waiters and deadline < self.waiters[0][0]
        ):  # it was woken, and a newcomer was faster
            self.waiters.appendleft((deadline, waiter))
        else:
            self.waiters.append((deadline, waiter))
        self._limit = limit
        if self._poll is None:
            self._poll = loop.call_later(POLL_S, self._poll_row)
        await waiter

    def _poll_row(self) -> None:
        """Another worker may have freed a slot, and a deadline may have passed. One timer, however many wait."""
        self._poll = None
        self._wake(max(0, self._limit - self.in_use()))
        now = time.monotonic()
        while self.waiters and self.waiters[0][0] < now:
            _, waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_exception(TimeoutError())
        if self.waiters:
            self._poll = asyncio.get_running_loop().call_later(POLL_S, self._poll_row)

    def _wake(self, count: int) -> None:
        while self.waiters and (count or self.waiters[0][1].done()):
            _, waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1


class SharedSlotTable:
    """One worker's view of the shared memory. Without `fd` the table is private to this process."""

    def __init__(self, fd: int = -1, column: int = 0, columns: int = 1) -> None:
        self.fd = fd
        self.memory = mmap.mmap(fd, size(columns))
        self.counts = memoryview(self.memory)[ROWS * NAME_BYTES :].cast("i")
        self.read_row = struct.Struct(f"{columns}i").unpack_from
        self._names = memoryview(self.memory)[: ROWS * NAME_BYTES].cast("q")
        self._column, self._columns = column, columns
        self._rows: dict[int, int] = {}
        self._limiters: dict[int, SharedConcurrencyLimiter] = {}
        self._private: SharedSlotTable | None = None
        # Taking and freeing it makes all that was written before visible to all workers before anything is read after.
        self.fence = threading.Lock()

    @classmethod
    def from_environment(cls) -> "SharedSlotTable":
        """The table that the parent made for its children; a private one when there is no parent."""
        if FD not in os.environ:
            return cls()
        return cls(int(os.environ[FD]), int(os.environ[COLUMN]), int(os.environ[COLUMNS]))

    def of_subscription(self, pk: int) -> SharedConcurrencyLimiter:
        return self._limiter(pk * 2)

    def of_version(self, pk: int) -> SharedConcurrencyLimiter:
        return self._limiter(pk * 2 + 1)

    def place(self, row: int) -> tuple[int, int]:
        """Where this worker's count of a row is (index in `counts`), and where the row begins (bytes)."""
        start = ROWS * NAME_BYTES + row * self._columns * COUNT_BYTES
        return row * self._columns + self._column, start

    def _limiter(self, name: int) -> SharedConcurrencyLimiter:
        limiter = self._limiters.get(name)
        if limiter is None:
            limiter = self._limiters[name] = self._new_limiter(name)
        return limiter

    def _new_limiter(self, name: int) -> SharedConcurrencyLimiter:
        row = self._rows.get(name)
        if row is None:
            with self._locked():
                row = self._row(name)
        if row is not None:
            return SharedConcurrencyLimiter(self, row)
        if self._private is None:
            log.error(
                "the table of slots is full: new subscriptions and versions are limited per worker until the gateway is started again"
            )
            self._private = SharedSlotTable()
        return self._private._new_limiter(name)

    def _row(self, name: int) -> int | None:
        """The row of a name, entered if it is new; None when the table is full. Names are only ever added, in order."""
        for row in range(len(self._rows), ROWS):
            entered = self._names[row]
            if not entered:
                self._names[row] = entered = name
            self._rows[entered] = row
            if entered == name:
                return row
        return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time enters names."""
        if self.fd < 0:
            yield
            return
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)


class SlotTableColumns:
    """The parent's side: makes the table, allocates its columns, clears those of dead workers."""

    def __init__(self, folder: Path, workers: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.count = 2 * workers  # while workers are replaced, the old and the new ones coexist
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the gateway
        self.fd = self._file.fileno()
        os.ftruncate(self.fd, size(self.count))
        self._memory = mmap.mmap(self.fd, size(self.count))
        self._counts = memoryview(self._memory)[ROWS * NAME_BYTES :].cast("i")
        self._allocated: set[int] = set()

    def allocate(self) -> int:
        """A cleared column that no process has."""
        column = next(column for column in range(self.count) if column not in self._allocated)
        self._allocated.add(column)
        return column

    def release(self, column: int) -> None:
        """The process of the column is gone: free its slots."""
        self._allocated.discard(column)
        for row in range(ROWS):
            if self._counts[row * self.count + column]:
                self._counts[row * self.count + column] = 0

    def environment(self, column: int) -> dict[str, str]:
        """The environment variables by which a child finds its column."""
        return {FD: str(self.fd), COLUMN: str(column), COLUMNS: str(self.count)}


def size(columns: int) -> int:
    """Bytes of a table: the names of its rows, then the rows."""
    return ROWS * (NAME_BYTES + columns * COUNT_BYTES)
