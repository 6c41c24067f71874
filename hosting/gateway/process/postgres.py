"""The queries of a worker process, run in the threads of its `Database`. Each raises DatabaseUnavailable."""

import asyncio
import contextlib
from datetime import date

from django.conf import settings

from consumption.metering import quota
from hosting.gateway.auth import snapshot
from hosting.gateway.auth.change_feed import Changes, FeedPosition
from hosting.gateway.auth.resolve import Model
from hosting.gateway.background_tasks import BackgroundTasks
from hosting.gateway.database import Database, DatabaseUnavailable
from hosting.gateway.records import ApiKeyRecord


class PostgresQueries:
    """What the caches and the quota leases ask Postgres. `owner`: the name under which this process leases quota."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._tasks = BackgroundTasks()
        self._one_rehash = asyncio.Lock()

    async def load_keys(self, kids: list[str]) -> list[ApiKeyRecord]:
        return await self._database.run(snapshot.api_keys, kids)

    async def load_models(self, model_ids: list[int]) -> dict[int, Model]:
        return await self._database.run(snapshot.models, model_ids)

    async def changes_since(self, position: FeedPosition | None) -> Changes:
        return await self._database.run(snapshot.changes_since, position)

    async def take_quota(
        self, subscription_id: int, start: date, limit: int, wanted: int, request_id: int
    ) -> tuple[int, int]:
        return await self._database.run(
            quota.take, subscription_id, start, limit, wanted, self._owner, request_id
        )

    async def return_quota(
        self, subscription_id: int, start: date, unspent: int, request_id: int
    ) -> None:
        await self._database.run(
            quota.give_back, subscription_id, start, self._owner, unspent, request_id
        )

    def rehash(self, record: ApiKeyRecord, mac: str) -> None:
        """Store a key under the current pepper, in the background."""
        self._tasks.spawn(self._rehash(record, mac))

    async def _rehash(self, record: ApiKeyRecord, mac: str) -> None:
        """One at a time: on the day after a new pepper every key comes by, and calls need the threads too."""
        async with self._one_rehash:
            with contextlib.suppress(DatabaseUnavailable):
                await self._database.run(
                    snapshot.rehash, record.key_id, record.mac, mac, settings.KEY_PEPPER_CURRENT
                )
