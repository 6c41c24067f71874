"""Many ask for the same at once: it is loaded once, and what is asked for meanwhile is in the next load."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from hosting.gateway.database import DatabaseAway

Name = TypeVar("Name")
log = logging.getLogger(__name__)


class SingleFlight(Generic[Name]):
    """Loads by name, at most `batch` at a time and one load after the other. `load` raises DatabaseAway."""

    def __init__(self, load: Callable[[list[Name]], Awaitable[None]], batch: int) -> None:
        self._load = load
        self._batch = batch
        self._waiting: dict[Name, asyncio.Future[bool]] = {}
        self._wanted: list[Name] = []
        self._loader: asyncio.Task[None] | None = None

    def __contains__(self, name: object) -> bool:
        """Is it being loaded, or waiting for its turn?"""
        return name in self._waiting

    def __iter__(self) -> Iterator[Name]:
        return iter(list(self._waiting))

    async def load(self, name: Name) -> bool:
        """Wait until it is loaded; False when it could not be. Who is cancelled stops no load that others wait for."""
        waiting = self._waiting.get(name)
        if waiting is None:
            waiting = self._waiting[name] = asyncio.get_running_loop().create_future()
            self._wanted.append(name)
            if self._loader is None:
                self._loader = asyncio.ensure_future(self._run())
        return await asyncio.shield(waiting)

    async def _run(self) -> None:
        while self._wanted:
            names, self._wanted = self._wanted[: self._batch], self._wanted[self._batch :]
            was_loaded = False
            try:
                await self._load(names)
                was_loaded = True
            except DatabaseAway:
                pass
            except Exception:
                log.exception("records could not be loaded")
            for name in names:
                self._waiting.pop(name).set_result(was_loaded)
        self._loader = None
