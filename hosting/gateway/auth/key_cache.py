"""The cache of API key records: whose call is it?

Only `KeyCache` writes records, and it refuses a load that a later load, a higher epoch or a revocation has overtaken, so no
request in flight can bring a revoked key back. An outage is never answered with 401: a key that cannot be checked is 503.
"""

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from hmac import compare_digest

from consumption.keys import networks
from consumption.metering.usage_journal import SANDBOX
from consumption.playground import sandbox_pass
from consumption.playground.sandbox_pass import SandboxPass
from hosting.gateway import problems
from hosting.gateway.auth.failed_keys import FailedKeys
from hosting.gateway.auth.single_flight import SingleFlight
from hosting.gateway.config import GatewayConfig
from hosting.gateway.database import DatabaseHealth, DatabaseUnavailable
from hosting.gateway.records import ApiKeyRecord
from marketplace.core import keys

BATCH = 500
LOAD_ATTEMPTS = 3  # a key that changes during each of them is loaded by its next call
Load = Callable[[list[str]], Awaitable[list[ApiKeyRecord]]]
# Kind of a changed row: the field of a key record that names it.
DEPENDENCIES = {
    "subscription": "subscription_id",
    "plan": "plan_id",
    "application": "application_id",
}


def _ignore(record: ApiKeyRecord, detail: str) -> None:
    """Nobody wants to know."""


class KeyCache:
    """Key records by kid, at most `config.key_records`.

    `load` fetches records from Postgres. `attach` gives a record the limits of its subscription. `now_s` is seconds since 1970 by
    Postgres' clock, which judges expiry. Any of `peppers` may be behind a record; `rehash` gets a record whose key was
    stored under an older pepper than `current_pepper`, when the key was good, and its digest under that one, and never the
    key's text. `on_rejection` gets the record of a good key that has ended ("key") or was used from a network that is not
    its own ("network").

    A record is as old as its load, or as the last poll for changes (`confirm`) when that is younger.
    """

    def __init__(
        self,
        config: GatewayConfig,
        peppers: Mapping[int, str],
        load: Load,
        attach: Callable[[ApiKeyRecord], None],
        now_s: Callable[[], float],
        *,
        current_pepper: int = 1,
        rehash: Callable[[ApiKeyRecord, str], None] = _ignore,
        on_rejection: Callable[[ApiKeyRecord, str], None] = _ignore,
        health: DatabaseHealth | None = None,
    ) -> None:
        self.config = config
        self.peppers = {version: pepper.encode() for version, pepper in peppers.items()}
        self.current_pepper = current_pepper
        self.records: OrderedDict[bytes, ApiKeyRecord] = OrderedDict()  # roughly by last use
        self.health = health or DatabaseHealth(config.database_probe_s)
        self.failures = FailedKeys(config)
        self.stale_answers = 0
        self.loads = 0
        self._load = load
        self._attach = attach
        self._now_s = now_s
        self._rehash = rehash
        self._on_rejection = on_rejection
        self._flight: SingleFlight[bytes] = SingleFlight(self._fetch, BATCH)
        self._sequence = 0
        self._confirmed_at = 0.0
        self._trusted_from = 0.0
        self._unknown: dict[bytes, float] = {}
        self._overtaken: dict[bytes, int] = {}
        self._denied: dict[bytes, frozenset[str]] = {}

    def get(self, raw: bytes, now: float, address: str) -> ApiKeyRecord | None:
        """The record of a key that may be used now, without I/O. None: it must be fetched first. Raises Problem."""
        if raw.startswith(sandbox_pass.PREFIX):
            granted = sandbox_pass.read(raw, self.peppers)
            if granted is None or self._now_s() > granted.expires_at:
                raise self.failures.record(address, now)
            return self._in_sandbox(granted)
        kid = raw[4:12]
        if kid in self._denied and self._is_denied(raw):
            raise self.failures.record(address, now)
        record = self.records.get(kid)
        if record is None:
            self._check_unknown(raw, kid, now, address)
            return None
        confirmed_at = self._confirmed_at if record.loaded_at >= self._trusted_from else 0.0
        if (
            now - confirmed_at > self.config.key_fresh_s
            and now - record.loaded_at > self.config.key_fresh_s
            and not self._may_serve_stale(record, now)
        ):
            return None
        if not compare_digest(sha256(raw).digest(), record.verified_digest):
            self._verify(record, raw, address, now)
        if not record.is_live or self._now_s() > record.expires_at:
            self._on_rejection(record, "key")
            raise self.failures.record(address, now)
        record.was_used = True
        if record.pepper_version < self.current_pepper:
            self._request_rehash(record, raw)
        if record.networks and not networks.contain(record.networks, address):
            self._on_rejection(record, "network")
            raise problems.address_not_allowed(address)
        return record

    def has_text(self, raw: bytes) -> bool:
        """Whether it is the text of a cached key, wherever it is used from."""
        record = self.records.get(raw[4:12])
        return record is not None and self._matches(record, raw)

    def get_accepted(self, raw: bytes) -> ApiKeyRecord | None:
        """The record of a key that was accepted when its call began. None: it must be fetched. Raises Problem when the key has ended."""
        if raw.startswith(sandbox_pass.PREFIX) and (
            granted := sandbox_pass.read(raw, self.peppers)
        ):
            return self._in_sandbox(granted)
        kid = raw[4:12]
        record = self.records.get(kid)
        if kid in self._denied and self._is_denied(raw):
            raise problems.not_recognised()
        if record is None:
            if kid in self._unknown:
                raise problems.not_recognised()
            return None
        record.was_used = True
        if not record.is_live:
            raise problems.not_recognised()
        return record

    async def fetch(self, raw: bytes) -> None:
        """Load the record of a well-formed key, or keep an old one while Postgres is unavailable. Raises Problem (503).

        However many keys are new at once, Postgres is asked a few queries, one at a time.
        """
        kid = raw[4:12]
        if not await self._flight.load(kid) and not self._has_stale(kid):
            raise problems.unavailable("API keys cannot be checked at the moment.")

    async def reload_changed(self, kids: set[bytes], ids: Mapping[str, set[int]]) -> None:
        """These keys, or the rows that they depend on ({"subscription", "plan", "application": ids}), have changed in Postgres.

        Loads again what is cached of them, and once more what is being loaded. Raises DatabaseUnavailable.
        """
        for kid in kids:
            self._unknown.pop(kid, None)
        cached = {kid for kid in kids if kid in self.records}
        if any(ids.get(kind) for kind in DEPENDENCIES):
            cached |= {kid for kid, record in self.records.items() if _depends_on(record, ids)}
            kids = kids | set(self._flight)
        for kid in kids:
            if kid in self._flight:
                self._overtake(kid)
        names = [kid.decode() for kid in cached]
        for start in range(0, len(names), BATCH):
            await self._reload(names[start : start + BATCH])

    def confirm(self, at: float) -> None:
        """All cached records were as Postgres has them at that moment (monotonic)."""
        self._confirmed_at = at

    def invalidate(self, before: float) -> None:
        """Anything may have changed: a record that was loaded before that moment is loaded again on its next use."""
        self._trusted_from = before

    def revoke(self, kid: bytes) -> None:
        """Drop a key at once, and refuse any load that began before now."""
        self._overtake(kid)
        self.records.pop(kid, None)
        self._unknown.pop(kid, None)

    def deny(self, kid: bytes, macs: Iterable[str]) -> None:
        """Add a key to the emergency revocation list, which outranks Postgres: the text that has one of these digests; none: any text of that kid."""
        before, added = self._denied.get(kid), frozenset(macs)
        if before is None:
            self._denied[kid] = added
        else:
            self._denied[kid] = before | added if before and added else frozenset()

    def _in_sandbox(self, granted: SandboxPass) -> ApiKeyRecord:
        """The record of a person's try, which asks no store. Minus the person's id stands in the place of the subscription: one person's tries share their limits."""
        record = ApiKeyRecord(
            kid="",
            key_id=0,
            mac="",
            pepper_version=self.current_pepper,
            is_live=True,
            expires_at=granted.expires_at,
            epoch=0,
            subscription_id=-granted.person,
            subscription_state="active",
            application_id=0,
            team_id=0,
            model_id=granted.model,
            plan_id=0,
            environment=SANDBOX,
            policy="pin_exact",
            pinned_id=granted.version,
            pinned=(0, 0, 0, 0),
            rate=granted.rate,
            burst=granted.burst,
            concurrency=granted.concurrency,
            quota=None,
            billing_ids=(-granted.person, 0, 0, 0, granted.model),
        )
        self._attach(record)
        return record

    def _may_serve_stale(self, record: ApiKeyRecord, now: float) -> bool:
        """Whether Postgres is unavailable and the record young enough (failure F4: up to 120 s); then the answer is counted."""
        if self.health.is_up or now - self._known_good_at(record) > self.config.key_stale_s:
            return False
        self.stale_answers += 1
        return True

    def _verify(self, record: ApiKeyRecord, raw: bytes, address: str, now: float) -> None:
        """Raises Problem unless the key's text belongs to the record."""
        if not self._matches(record, raw):
            raise self.failures.record(address, now)
        record.verified_digest = sha256(raw).digest()

    def _matches(self, record: ApiKeyRecord, raw: bytes) -> bool:
        """Whether the key's text belongs to the record. Raises Problem (503) when its pepper is not known here."""
        pepper = self.peppers.get(record.pepper_version)
        if pepper is None:
            raise problems.unavailable("This API key cannot be checked here.")
        return compare_digest(hmac.digest(pepper, raw, "sha256").hex(), record.mac)

    def _has_stale(self, kid: bytes) -> bool:
        """Whether there is a record that may be used while Postgres is unavailable."""
        record = self.records.get(kid)
        if record is None or self.health.is_up:
            return False
        return time.monotonic() - self._known_good_at(record) <= self.config.key_stale_s

    def _is_denied(self, raw: bytes) -> bool:
        macs = self._denied[raw[4:12]]
        return not macs or any(keys.mac(raw, pepper) in macs for pepper in self.peppers.values())

    def _request_rehash(self, record: ApiKeyRecord, raw: bytes) -> None:
        """Ask once for each record to store its key under the current pepper."""
        if self.health.is_up and not record.rehash_requested:
            record.rehash_requested = True
            self._rehash(record, keys.mac(raw, self.peppers[self.current_pepper]))

    def _check_unknown(self, raw: bytes, kid: bytes, now: float, address: str) -> None:
        """Raises Problem unless the key may be looked up in Postgres."""
        # The same cost as for a known key, so that time does not tell unknown kids from wrong secrets.
        hmac.digest(next(iter(self.peppers.values())), raw, "sha256")
        if keys.parse(raw) is None or self._unknown.get(kid, 0.0) > now:
            raise self.failures.record(address, now)
        self.failures.check_lookup(address, now)

    def _known_good_at(self, record: ApiKeyRecord) -> float:
        """The last moment (monotonic) at which the record was what Postgres has."""
        loaded_at = record.loaded_at
        is_confirmed = self._confirmed_at > loaded_at >= self._trusted_from
        return self._confirmed_at if is_confirmed else loaded_at

    async def _fetch(self, kids: list[bytes]) -> None:
        """Afterwards each is cached or known to be no key, unless it changed meanwhile. Raises DatabaseUnavailable."""
        for _ in range(LOAD_ATTEMPTS):
            await self._reload([kid.decode() for kid in kids])
            kids = [kid for kid in kids if kid not in self.records and kid not in self._unknown]
            if not kids:
                return

    async def _reload(self, kids: list[str]) -> None:
        if not kids:
            return
        began = time.monotonic()
        self.health.check()
        self._sequence += 1
        sequence = self._sequence
        self.loads += 1
        try:
            records = await self._load(kids)
        except DatabaseUnavailable:
            self.health.record_failure()
            raise
        self.health.record_success()
        for record in records:
            self._store(record, sequence, began)
        present = {record.kid for record in records}
        absent = (kid.encode() for kid in kids if kid not in present)
        self._store_unknown(absent, sequence, began)

    def _overtake(self, kid: bytes) -> None:
        """Refuse the answer of any load of the key that is under way."""
        self._sequence += 1
        self._overtaken[kid] = self._sequence
        if len(self._overtaken) > self.config.unknown_keys:
            del self._overtaken[next(iter(self._overtaken))]

    def _store(self, record: ApiKeyRecord, sequence: int, began: float) -> None:
        kid = record.kid.encode()
        old = self.records.get(kid)
        if sequence < self._overtaken.get(kid, 0):
            return
        if old is not None and (record.epoch < old.epoch or sequence < old.sequence):
            return
        record.sequence, record.loaded_at = sequence, began
        record.billing_ids = (
            record.subscription_id,
            record.key_id,
            record.application_id,
            record.team_id,
            record.model_id,
        )
        record.was_used = True
        self._attach(record)
        self.records[kid] = record
        self._unknown.pop(kid, None)
        self._evict()

    def _evict(self) -> None:
        while len(self.records) > self.config.key_records:
            kid, oldest = self.records.popitem(last=False)
            if oldest.was_used:  # second chance
                oldest.was_used = False
                self.records[kid] = oldest

    def _store_unknown(self, kids: Iterable[bytes], sequence: int, now: float) -> None:
        for kid in kids:
            if sequence < self._overtaken.get(kid, 0):
                continue
            self.records.pop(kid, None)
            if len(self._unknown) >= self.config.unknown_keys:
                self._unknown.clear()
            self._unknown[kid] = now + self.config.unknown_key_s


def _depends_on(record: ApiKeyRecord, ids: Mapping[str, set[int]]) -> bool:
    return any(
        getattr(record, column) in ids[kind]
        for kind, column in DEPENDENCIES.items()
        if ids.get(kind)
    )
