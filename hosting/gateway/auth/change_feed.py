"""Keeps what this process holds in step with Postgres: one cheap question, and only what changed is loaded again.

Postgres itself notes each change of a record (hosting.models.Change). A look asks for the notes that the snapshot of the last
look could not see: so a transaction that began long ago and commits late is not missed, whatever numbers its rows have. When
the notes do not reach back to the last look, or another server answers, nothing that is held is trusted (docs/gateway-records.md).
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from hosting.gateway.auth.key_cache import KeyRing
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.database import DatabaseAway, DatabaseHealth


class Position(NamedTuple):
    """What a look has seen: since when the server runs, its snapshot of transactions (pg_snapshot), and when it looked, by its clock."""

    server: datetime
    snapshot: str
    at: datetime


class Changes(NamedTuple):
    """What a look found: {kind: names}, and where it stands now. `is_whole` False: there may be more than is told."""

    position: Position
    names: dict[str, set[str]]
    is_whole: bool


class Feed:
    """Tells the caches what changed. `ask` raises DatabaseAway; then the next look asks for the same once more."""

    def __init__(
        self,
        ask: Callable[[Position | None], Awaitable[Changes]],
        keys: KeyRing,
        models: ModelCache,
        health: DatabaseHealth,
    ) -> None:
        self.looks = 0
        self.changes = 0
        self._ask = ask
        self._keys = keys
        self._models = models
        self._health = health
        self._position: Position | None = None

    @property
    def has_looked(self) -> bool:
        """Is there a beginning from which changes are known?"""
        return self._position is not None

    async def look(self) -> None:
        """Ask once, and bring what is held up to date. Raises DatabaseAway, and then nothing counts as seen."""
        began = time.monotonic()
        try:
            found = await self._ask(self._position)
        except DatabaseAway:
            self._health.missed()
            raise
        self._health.answered()
        self.looks += 1
        if found.is_whole:
            await self._apply(found.names)
        else:
            self._keys.distrust(began)
            self._models.distrust(began)
        self._keys.confirm(began)
        self._position = found.position

    async def _apply(self, names: dict[str, set[str]]) -> None:
        self.changes += sum(map(len, names.values()))
        ids = {kind: set(map(int, found)) for kind, found in names.items() if kind != "key"}
        await self._keys.changed({kid.encode() for kid in names.get("key", ())}, ids)
        await self._models.changed(ids.get("model", set()))
