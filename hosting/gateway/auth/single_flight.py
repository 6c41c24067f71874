"""Single flight: however many callers want the same record, it is loaded once, in batches, one load after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from hosting.gateway.database import DatabaseUnavailable

Name = TypeVar("Name")
log = logging.getLogger(__name__)


class SingleFlight(Generic[Name]):
    """Loads by name, at most `batch` at a time and one load after the other. `load` raises DatabaseUnavailable."""

    def __init__(self, load: Callable[[list[Name]], Awaitable[None]], batch: int) -> None:
        self._load = load
        self._batch = batch
        self._pending: dict[Name, asyncio.Future[bool]] = {}
        self._queue: list[Name] = []
        self._loader: asyncio.Task[None] | None = None

    def __contains__(self, name: object) -> bool:
        """Whether the name is being loaded or waits for its load."""
        return name in self._pending

    def __iter__(self) -> Iterator[Name]:
        return iter(list(self._pending))

    async def load(self, name: Name) -> bool:
        """Wait until the name is loaded; False when the load failed. A cancelled waiter stops no load that others wait for."""
        pending = self._pending.get(name)
        if pending is None:
            pending = self._pending[name] = asyncio.get_running_loop().create_future()
            self._queue.append(name)
            if self._loader is None:
                self._loader = asyncio.ensure_future(self._run())
        return await asyncio.shield(pending)

    async def _run(self) -> None:
        while self._queue:
            names, self._queue = self._queue[: self._batch], self._queue[self._batch :]
            was_loaded = False
            try:
                await self._load(names)
                was_loaded = True
            except DatabaseUnavailable:
                pass
            except Exception:
                log.exception("records could not be loaded")
            for name in names:
                self._pending.pop(name).set_result(was_loaded)
        self._loader = None
