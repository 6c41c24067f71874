"""Emergency revocations and leaked keys: what must end at once, whether or not Postgres answers.

The emergency revocation list is a file on this machine and a hash in Redis (consumption.keys.emergency_revocations). A key that was sent in a
query string counts as leaked: it is revoked in Postgres, or put on the list while Postgres is unavailable.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterable

from django.conf import settings
from redis import RedisError as RedisLibraryError

from consumption.keys import emergency_revocations
from hosting.gateway.auth import snapshot
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.background_tasks import BackgroundTasks
from hosting.gateway.database import Database, DatabaseUnavailable
from hosting.gateway.limits.redis_client import RedisClient, RedisError, RedisUnavailable
from hosting.gateway.problems import Problem
from marketplace.core import keys as key_texts

log = logging.getLogger(__name__)
REDIS_EVERY_S = 5.0
MAX_UNVERIFIED = 100  # denied keys that no cache knows: invented texts must not fill the disk


class Revocations:
    """The emergency revocation list of this process, and how it learns of new entries."""

    def __init__(self, keys: KeyCache, database: Database, redis: RedisClient) -> None:
        self._keys = keys
        self._database = database
        self._redis = redis
        self._tasks = BackgroundTasks()
        self._file_seen = (0, 0)
        self._redis_due_at = 0.0
        self._unverified = 0

    async def poll(self) -> None:
        """Read the file that the emergency command writes on this machine, and what Redis was sent while nobody listened."""
        with contextlib.suppress(FileNotFoundError):
            stat = os.stat(settings.EMERGENCY_REVOCATIONS_FILE)
            if (stat.st_size, stat.st_mtime_ns) != self._file_seen:
                self._file_seen = (stat.st_size, stat.st_mtime_ns)
                self.deny(emergency_revocations.read_file(settings.EMERGENCY_REVOCATIONS_FILE))
        if time.monotonic() >= self._redis_due_at:
            with contextlib.suppress(RedisUnavailable, RedisError):
                entries = await self._redis.execute("HVALS", emergency_revocations.KEY)
                self.deny(emergency_revocations.parse(entries))
                self._redis_due_at = time.monotonic() + REDIS_EVERY_S

    def deny(self, entries: Iterable[emergency_revocations.EmergencyRevocation]) -> None:
        """Refuse these keys from now on."""
        for entry in entries:
            self._keys.deny(entry.kid.encode(), entry.macs)

    def on_message(self, payload: bytes) -> None:
        """An emergency revocation was published."""
        self.deny(emergency_revocations.parse([payload]))

    def revoke_leaked(self, query: bytes, address: str) -> bool:
        """Whether a query string has a key in it. Such a key counts as leaked; if it is a live one, it is revoked."""
        kids = key_texts.find(query)
        if kids:
            log.warning(
                "keys %s were sent in an address by %s and count as leaked", ",".join(kids), address
            )
            self._tasks.spawn(self._revoke_all(key_texts.find_texts(query)))
        return bool(kids)

    async def _revoke_all(self, texts: list[bytes]) -> None:
        for raw in texts:
            try:
                await self._revoke(raw)
            except DatabaseUnavailable:
                await self._deny_everywhere(raw)
            except Problem:  # it is no key, or Postgres is unavailable and nobody can tell
                if not self._keys.health.is_up:
                    await self._deny_everywhere(raw)

    async def _revoke(self, raw: bytes) -> None:
        kid = raw[4:12]
        if kid not in self._keys.records and self._keys.get(raw, time.monotonic(), "") is None:
            await self._keys.fetch(raw)
        if self._keys.has_text(raw):
            await self._database.run(snapshot.revoke_leaked_key, raw)
            self._keys.revoke(kid)

    async def _deny_everywhere(self, raw: bytes) -> None:
        """Postgres is unavailable: deny the key here and on every gateway; one that is not cached until Postgres can verify it."""
        if not self._keys.has_text(raw):
            self._unverified += 1
            if self._unverified > MAX_UNVERIFIED:
                return
        entries = [emergency_revocations.for_text(raw, snapshot.LEAKED)]
        self.deny(entries)
        for publish in (emergency_revocations.append_to_file, emergency_revocations.publish):
            try:
                await asyncio.to_thread(publish, entries)
            except (OSError, RedisLibraryError):
                log.warning("%s failed for a leaked key", publish.__name__)
