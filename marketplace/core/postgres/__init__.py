"""Database deadlines: a silent, slow or full Postgres holds no request and no task for ever (docs/reliability.md, F4–F6).

Each request and each task has a deadline (`deadline`): seconds for one answer, and seconds for all answers together. When it
passes, the connection is closed and psycopg.OperationalError is raised; pages and the API answer 503. A command such as
migrate has no deadline: it waits as long as its statement works, and the kernel reports a broken network.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import psycopg

POOL_S = 2.0  # for a connection, and for the check whether it still works (F6)
SILENT_S = 2.0  # without any answer for so long, Postgres is unavailable
UNAVAILABLE_S = 1.0  # so long statements then fail at once
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
class Deadline:
    """Seconds that one answer may take, and seconds that are left for all of them."""

    per_answer_s: float
    left_s: float


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def set_deadline(per_answer_s: float, total_s: float) -> None:
    """Set the deadline of what runs here from now on, such as a task."""
    _current.set(Deadline(per_answer_s, total_s))


@contextmanager
def deadline(per_answer_s: float, total_s: float) -> Iterator[None]:
    """Set the deadline of a block. Its waiting counts for the block around it too, which it never outlasts."""
    outer = _current.get()
    left_s = total_s if outer is None else min(total_s, outer.left_s)
    token = _current.set(Deadline(per_answer_s, left_s))
    began = time.monotonic()
    try:
        yield
    finally:
        _current.reset(token)
        if outer is not None:
            outer.left_s -= time.monotonic() - began


class Health:
    """When Postgres last answered this process, and until when statements fail at once."""

    def __init__(self) -> None:
        self.answered_at = time.monotonic()
        self._unavailable_until = 0.0

    def check(self) -> None:
        """Raises OperationalError while Postgres is known to be unavailable."""
        if time.monotonic() < self._unavailable_until:
            raise psycopg.OperationalError("Postgres did not answer a moment ago")

    def record_timeout(self) -> None:
        """A statement got no answer. While others are answered Postgres is busy; when none is, it is unavailable."""
        now = time.monotonic()
        if now - self.answered_at > SILENT_S:
            self._unavailable_until = now + UNAVAILABLE_S


health = Health()


class Connection(psycopg.Connection[Any]):
    """A connection whose every wait ends at the current deadline."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        current = _current.get()
        if timeout is not None or current is None:
            return self._answered(super().wait(gen, interval, timeout))
        began, limit_s = time.monotonic(), max(0.0, min(current.per_answer_s, current.left_s))
        try:
            return self._answered(super().wait(gen, interval, limit_s))
        except psycopg.OperationalError:
            if time.monotonic() - began < limit_s:
                raise
            health.record_timeout()
            self.pgconn.finish()  # a late answer must not be read as the next statement's
            raise psycopg.OperationalError(
                f"Postgres did not answer within {limit_s:.1f} s"
            ) from None
        finally:
            current.left_s -= time.monotonic() - began

    def _answered(self, answer: Any) -> Any:
        health.answered_at = time.monotonic()
        return answer
