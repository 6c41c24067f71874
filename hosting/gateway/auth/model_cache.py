"""The models that were called lately: loaded on first use, loaded again when they change, forgotten when others need the room.

A key names its model by id, so a name that nobody has costs nothing. A model without a listed version is remembered too, as
one that has none. While Postgres is away, what is here goes on; what is not is "try again", never "there is none".
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from hosting.gateway import problems
from hosting.gateway.auth.resolve import Model, nothing
from hosting.gateway.auth.single_flight import SingleFlight
from hosting.gateway.config import Limits
from hosting.gateway.database import DatabaseAway, DatabaseHealth

BATCH = 100
Load = Callable[[list[int]], Awaitable[dict[int, Model]]]


class ModelCache:
    """Model records by id, at most `limits.model_records` of them. `load` fetches from Postgres: {id: Model}, absent ones absent."""

    def __init__(self, limits: Limits, load: Load, health: DatabaseHealth) -> None:
        self.loads = 0
        self._limits = limits
        self._load = load
        self._health = health
        self._records: OrderedDict[int, Model] = (
            OrderedDict()
        )  # those used longest ago first, roughly
        self._flight: SingleFlight[int] = SingleFlight(self._fetch, BATCH)
        self._overtaken: set[int] = set()
        self._trusted_from = 0.0

    def __len__(self) -> int:
        return len(self._records)

    def get(self, model_id: int) -> Model | None:
        """The record, without I/O. None: it has to be loaded first."""
        model = self._records.get(model_id)
        if model is None or (model.loaded < self._trusted_from and self._health.is_up):
            return None
        model.used = True
        return model

    async def fetch(self, model_id: int) -> Model:
        """Load a record, or find that Postgres is away and an old one will do. Raises Problem (503)."""
        await self._flight.load(model_id)
        model = self.get(model_id)
        if model is None:
            raise problems.away("The model's routes cannot be read at the moment.")
        return model

    async def changed(self, model_ids: set[int]) -> None:
        """These have changed in Postgres: what is here of them is loaded again, what is just being loaded once more. Raises DatabaseAway."""
        self._overtaken |= {model_id for model_id in model_ids if model_id in self._flight}
        held = [model_id for model_id in model_ids if model_id in self._records]
        if not all(await asyncio.gather(*(self._flight.load(model_id) for model_id in held))):
            raise DatabaseAway

    def distrust(self, before: float) -> None:
        """Anything may have changed: what was loaded before that moment (monotonic) is loaded again with its next use."""
        self._trusted_from = before

    async def _fetch(self, model_ids: list[int]) -> None:
        while model_ids:
            self._overtaken.difference_update(model_ids)
            began = time.monotonic()
            self._health.check()
            self.loads += 1
            try:
                found = await self._load(model_ids)
            except DatabaseAway:
                self._health.missed()
                raise
            self._health.answered()
            for model_id in model_ids:
                if model_id not in self._overtaken:
                    self._store(found.get(model_id) or nothing(model_id), began)
            model_ids = [model_id for model_id in model_ids if model_id in self._overtaken]

    def _store(self, model: Model, began: float) -> None:
        model.loaded, model.used = began, True
        self._records[model.id] = model
        while len(self._records) > self._limits.model_records:
            model_id, oldest = self._records.popitem(last=False)
            if oldest.used:  # a second chance
                oldest.used = False
                self._records[model_id] = oldest
