"""The cache of model records: loaded on first use, loaded again when they change, evicted when others need the memory.

A key names its model by id, so a name that nobody has costs nothing. A model without a listed version is cached too, as
one that has none. While Postgres is unavailable, cached records are served; a call for any other is answered 503, never 404.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from hosting.gateway import problems
from hosting.gateway.auth.resolve import Model, empty_model
from hosting.gateway.auth.single_flight import SingleFlight
from hosting.gateway.config import GatewayConfig
from hosting.gateway.database import DatabaseHealth, DatabaseUnavailable

BATCH = 100
Load = Callable[[list[int]], Awaitable[dict[int, Model]]]


class ModelCache:
    """Model records by id, at most `config.model_records`. `load` fetches from Postgres: {id: Model}, absent ones absent."""

    def __init__(self, config: GatewayConfig, load: Load, health: DatabaseHealth) -> None:
        self.loads = 0
        self._config = config
        self._load = load
        self._health = health
        self._records: OrderedDict[int, Model] = OrderedDict()  # roughly by last use, oldest first
        self._flight: SingleFlight[int] = SingleFlight(self._fetch, BATCH)
        self._stale_loads: set[int] = set()  # changed while they were being loaded
        self._trusted_from = 0.0

    def __len__(self) -> int:
        return len(self._records)

    def get(self, model_id: int) -> Model | None:
        """The record, without I/O. None: it must be fetched first."""
        model = self._records.get(model_id)
        if model is None or (model.loaded_at < self._trusted_from and self._health.is_up):
            return None
        model.was_used = True
        return model

    async def fetch(self, model_id: int) -> Model:
        """Load a record, or keep an old one while Postgres is unavailable. Raises Problem (503)."""
        await self._flight.load(model_id)
        model = self.get(model_id)
        if model is None:
            raise problems.unavailable("The model's routes cannot be read at the moment.")
        return model

    async def reload_changed(self, model_ids: set[int]) -> None:
        """These have changed in Postgres: load again what is cached, and once more what is being loaded. Raises DatabaseUnavailable."""
        self._stale_loads |= {model_id for model_id in model_ids if model_id in self._flight}
        cached = [model_id for model_id in model_ids if model_id in self._records]
        if not all(await asyncio.gather(*(self._flight.load(model_id) for model_id in cached))):
            raise DatabaseUnavailable

    def invalidate(self, before: float) -> None:
        """Anything may have changed: a record that was loaded before that moment (monotonic) is loaded again on its next use."""
        self._trusted_from = before

    async def _fetch(self, model_ids: list[int]) -> None:
        while model_ids:
            self._stale_loads.difference_update(model_ids)
            began = time.monotonic()
            self._health.check()
            self.loads += 1
            try:
                loaded = await self._load(model_ids)
            except DatabaseUnavailable:
                self._health.record_failure()
                raise
            self._health.record_success()
            for model_id in model_ids:
                if model_id not in self._stale_loads:
                    self._store(loaded.get(model_id) or empty_model(model_id), began)
            model_ids = [model_id for model_id in model_ids if model_id in self._stale_loads]

    def _store(self, model: Model, began: float) -> None:
        model.loaded_at, model.was_used = began, True
        self._records[model.id] = model
        while len(self._records) > self._config.model_records:
            model_id, oldest = self._records.popitem(last=False)
            if oldest.was_used:  # second chance
                oldest.was_used = False
                self._records[model_id] = oldest
