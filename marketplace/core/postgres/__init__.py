"""How long anybody waits for Postgres: one that is silent, slow or full holds no page and no task for ever (docs/reliability.md, F4–F6).

A request and a task have a patience (`patient`): seconds for one answer, and seconds for all that they wait together.
When they are over the connection is closed and psycopg.OperationalError rises; the doors make 503 of it. A command such as
migrate has none: it waits for as long as its statement works, and the kernel tells it when the network is gone.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import psycopg

POOL_S = 2.0  # for a connection, and for the look whether it still works (F6)
SILENT_S = 2.0  # nobody was answered for so long
PAUSE_S = 1.0  # and then nobody asks for so long, so that refusals are quick while Postgres is away
# The server gives up waiting for a lock, and ends the statement of a client that has left.
AT_SERVER = "-c timezone=UTC -c lock_timeout=4s -c client_connection_check_interval=2s"
# The kernel gives up on a peer that acknowledges nothing (milliseconds) or does not answer its probes (seconds).
NETWORK = {
    "connect_timeout": 2,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


@dataclass
class Patience:
    """Seconds that one answer may take, and seconds that are left for all of them."""

    each: float
    left: float


_current: ContextVar[Patience | None] = ContextVar("patience", default=None)


def begin(each: float, in_all: float) -> None:
    """From now on whoever runs here (a task) waits so many seconds for an answer, and `in_all` for all of them."""
    _current.set(Patience(each, in_all))


@contextmanager
def patient(each: float, in_all: float) -> Iterator[None]:
    """The same for a block; what it waits counts for the block around it too, which it never outlasts."""
    outer = _current.get()
    token = _current.set(Patience(each, in_all if outer is None else min(in_all, outer.left)))
    began = time.monotonic()
    try:
        yield
    finally:
        _current.reset(token)
        if outer is not None:
            outer.left -= time.monotonic() - began


class Hearing:
    """When Postgres last answered this process, and until when nobody needs to ask it."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self._pause_until = 0.0

    def check(self) -> None:
        """Raises OperationalError while Postgres is known to be away."""
        if time.monotonic() < self._pause_until:
            raise psycopg.OperationalError("Postgres did not answer a moment ago")

    def missed(self) -> None:
        """Somebody waited in vain. When others are answered, Postgres is busy; when nobody is, it is away."""
        now = time.monotonic()
        if now - self.last > SILENT_S:
            self._pause_until = now + PAUSE_S


hearing = Hearing()


class Connection(psycopg.Connection[Any]):
    """A connection whose every wait ends when the patience of whoever waits ends."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        patience = _current.get()
        if timeout is not None or patience is None:
            return self._heard(super().wait(gen, interval, timeout))
        began, most = time.monotonic(), max(0.0, min(patience.each, patience.left))
        try:
            return self._heard(super().wait(gen, interval, most))
        except psycopg.OperationalError:
            if time.monotonic() - began < most:
                raise
            hearing.missed()
            self.pgconn.finish()  # an answer that still comes must not be taken for the next one's
            raise psycopg.OperationalError(f"Postgres did not answer within {most:.1f} s") from None
        finally:
            patience.left -= time.monotonic() - began

    def _heard(self, answer: Any) -> Any:
        hearing.last = time.monotonic()
        return answer
