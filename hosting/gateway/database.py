"""Postgres as a gateway process uses it: a few threads with deadlines, and one shared health state.

Request code never waits for the ORM. It reads caches; what fills them asks through `Database` and learns from
`DatabaseHealth` whether asking makes sense.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created

Answer = TypeVar("Answer")


class DatabaseUnavailable(Exception):
    """Postgres did not answer in time."""


class DatabaseHealth:
    """Whether the last query was answered. After a failure nobody asks again for `probe_s` seconds."""

    def __init__(self, probe_s: float) -> None:
        self.is_up = True
        self._probe_s = probe_s
        self._ask_from = 0.0

    def check(self) -> None:
        """Raises DatabaseUnavailable while it is too early to ask again."""
        if time.monotonic() < self._ask_from:
            raise DatabaseUnavailable

    def record_success(self) -> None:
        self.is_up = True
        self._ask_from = 0.0

    def record_failure(self) -> None:
        self.is_up = False
        self._ask_from = time.monotonic() + self._probe_s


class Database:
    """A few threads that query Postgres for one event loop, each query within a deadline (seconds)."""

    def __init__(self, threads: int, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="orm")

    async def run(self, work: Callable[..., Answer], *args: Any) -> Answer:
        """`work(*args)` in a thread, where it may run twice. Raises DatabaseUnavailable when Postgres does not answer in time."""
        loop = asyncio.get_running_loop()
        query = loop.run_in_executor(self._threads, _run_with_retry, work, args)
        try:
            return await asyncio.wait_for(query, self.deadline_s)
        except (TimeoutError, OperationalError, InterfaceError) as error:
            raise DatabaseUnavailable from error

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _run_with_retry(work: Callable[..., Answer], args: tuple[Any, ...]) -> Answer:
    """A connection that died while it was idle costs a second try and no error."""
    try:
        return _run_once(work, args)
    except (OperationalError, InterfaceError):
        return _run_once(work, args)


def _run_once(work: Callable[..., Answer], args: tuple[Any, ...]) -> Answer:
    try:
        return work(*args)
    except (OperationalError, InterfaceError):
        connection.close()
        raise


def configure_connections(read_timeout_s: float = 30.0) -> None:
    """Give this process one plain connection a thread, with deadlines in the server, in the kernel and in the client.

    A statement without an answer for `read_timeout_s` raises OperationalError: a server or a proxy that hangs closes nothing.
    """
    database = settings.DATABASES["default"]
    options = database.setdefault("OPTIONS", {})
    options.pop("pool", None)
    options["connect_timeout"] = 2
    options["tcp_user_timeout"] = 2500
    options["options"] = "-c statement_timeout=2000 -c lock_timeout=1500"
    options["target_session_attrs"] = "read-write"
    database["CONN_MAX_AGE"] = None
    database["CONN_HEALTH_CHECKS"] = False
    connection_created.connect(
        partial(_limit_reads, read_timeout_s), dispatch_uid="read_timeout", weak=False
    )


def _limit_reads(seconds: float, connection: Any, **_: Any) -> None:
    raw = connection.connection
    raw.wait = partial(raw.wait, timeout=seconds)
