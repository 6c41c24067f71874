"""The change feed: one cheap query tells what changed in Postgres, and only what changed is loaded again.

Postgres itself records each change of a row that the gateway reads (hosting.models.Change). A poll asks for the changes that the
snapshot of the last poll could not see, so a transaction that began long ago and commits late is not missed, whatever
numbers its rows have. When the recorded changes do not reach back to the last poll, or another server answers, no cached
record is trusted (docs/gateway.md, "What a process caches, and how it stays true").
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.database import DatabaseHealth, DatabaseUnavailable


class FeedPosition(NamedTuple):
    """What a poll has seen: the server's start time, its snapshot of transactions (pg_snapshot), and the time by its clock."""

    server: datetime
    snapshot: str
    at: datetime


class Changes(NamedTuple):
    """The answer to a poll: {kind: names}, and the new position. `is_complete` False: there may be changes beside these."""

    position: FeedPosition
    names: dict[str, set[str]]
    is_complete: bool


class ChangeFeed:
    """Reports changes to the caches. `query` raises DatabaseUnavailable; then the next poll asks from the same position."""

    def __init__(
        self,
        query: Callable[[FeedPosition | None], Awaitable[Changes]],
        keys: KeyCache,
        models: ModelCache,
        health: DatabaseHealth,
    ) -> None:
        self.polls = 0
        self.changes = 0
        self._query = query
        self._keys = keys
        self._models = models
        self._health = health
        self._position: FeedPosition | None = None

    @property
    def has_position(self) -> bool:
        """Whether there is a position from which changes are known."""
        return self._position is not None

    async def poll(self) -> None:
        """Query once, and bring the caches up to date. Raises DatabaseUnavailable, and then the position stays."""
        began = time.monotonic()
        try:
            changes = await self._query(self._position)
        except DatabaseUnavailable:
            self._health.record_failure()
            raise
        self._health.record_success()
        self.polls += 1
        if changes.is_complete:
            names = changes.names
            self.changes += sum(map(len, names.values()))
            ids = {kind: set(map(int, rows)) for kind, rows in names.items() if kind != "key"}
            await self._keys.reload_changed({kid.encode() for kid in names.get("key", ())}, ids)
            await self._models.reload_changed(ids.get("model", set()))
        else:
            self._keys.invalidate(began)
            self._models.invalidate(began)
        self._keys.confirm(began)
        self._position = changes.position
