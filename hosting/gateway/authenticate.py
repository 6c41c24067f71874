"""Whose call is it? The ring of key records that this process has seen, and the one way to add to it.

Only `KeyRing` writes records, and it refuses what a later load, a higher epoch or a revocation has overtaken, so no
request in flight can bring a revoked key back. An outage is never answered with 401: what cannot be checked is 503.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from consumption import keys, networks
from consumption.networks import Network
from hosting.gateway import problems
from hosting.gateway.limits import Limits

if TYPE_CHECKING:
    from hosting.gateway.admission import Account


class DatabaseAway(Exception):
    """Postgres did not answer in time."""


@dataclass(slots=True)
class Subscriber:
    """A key with all that its calls need: who pays, what may be called, how much. Only the ring touches the last seven.

    `proof`: digest of the text that was found good since the record was loaded, so that only its first call pays for the
    HMAC. It stays in this process, and 190 random bits cannot be found from it.
    """

    kid: str
    key_id: int
    mac: str
    pepper_version: int
    is_live: bool
    expires_at: float
    epoch: int
    subscription_id: int
    subscription_state: str
    application_id: int
    team_id: int
    unit_id: int
    model_id: int
    environment: int
    policy: str
    pinned_id: int
    pinned: tuple[int, int, int]
    rate: int
    burst: int
    concurrency: int
    quota: int | None
    networks: tuple[Network, ...] = ()
    who: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    account: "Account | None" = field(default=None, compare=False)
    sequence: int = field(default=0, compare=False)
    loaded: float = field(default=0.0, compare=False)
    used: bool = field(default=True, compare=False)
    is_strengthened: bool = field(default=False, compare=False)
    proof: bytes = field(default=b"", compare=False)


log = logging.getLogger(__name__)
BATCH = 500
Load = Callable[[list[str]], Awaitable[list[Subscriber]]]


def _leave(record: Subscriber, mac: str) -> None:
    """Peppers are not changed here."""


def _forget(record: Subscriber, limit: str) -> None:
    """Nobody counts what is turned away."""


class KeyRing:
    """Key records by kid. `load` fetches from Postgres; `attach` gives a record its admission account.

    `now_s`: seconds since 1970 by Postgres' clock, which judges expiry; this machine's may be wrong. Any of `peppers` may
    stand behind a record; `rehash` is given a record whose key was kept under an older one than `current_pepper`, when
    the key was good, and its digest under that one. It never sees the key's text. `turned_away` is given the record of
    a key whose text was good, but which has ended ("key") or was used from elsewhere than it may be ("network").
    """

    def __init__(
        self,
        limits: Limits,
        peppers: Mapping[int, str],
        load: Load,
        attach: Callable[[Subscriber], None],
        now_s: Callable[[], float],
        *,
        current_pepper: int = 1,
        rehash: Callable[[Subscriber, str], None] = _leave,
        turned_away: Callable[[Subscriber, str], None] = _forget,
    ) -> None:
        self.limits = limits
        self.peppers = {version: pepper.encode() for version, pepper in peppers.items()}
        self.records: dict[bytes, Subscriber] = {}
        self.database_is_up = True
        self.stale_answers = 0
        self.loads = 0
        self._load = load
        self._attach = attach
        self._now_s = now_s
        self.current_pepper = current_pepper
        self._rehash = rehash
        self._turned_away = turned_away
        self._sequence = 0
        self._loading: dict[bytes, asyncio.Future[bool]] = {}
        self._wanted: list[bytes] = []
        self._loader: asyncio.Task[None] | None = None
        self._unknown: dict[bytes, float] = {}
        self._overtaken: dict[bytes, int] = {}
        self._buried: dict[bytes, frozenset[str]] = {}
        self._failures: dict[str, tuple[float, int]] = {}
        self._down_until = 0.0
        self._looks_due = 0.0

    def known(self, raw: bytes, now: float, address: str) -> Subscriber | None:
        """The subscriber of a key, without I/O. None: it has to be loaded first. Raises Problem."""
        kid = raw[4:12]
        if kid in self._buried and self._is_buried(raw):
            raise self.failed(address, now)
        record = self.records.get(kid)
        if record is None:
            self._not_cached(raw, kid, now, address)
            return None
        age = now - record.loaded
        if age > self.limits.key_fresh_s:
            if self.database_is_up or age > self.limits.key_stale_s:
                return None
            self.stale_answers += 1
        if not self._is(record, raw):
            raise self.failed(address, now)
        if not record.is_live or self._now_s() > record.expires_at:
            self._turned_away(record, "key")
            raise self.failed(address, now)
        record.used = True
        if record.pepper_version < self.current_pepper:
            self._strengthen(record, raw)
        if record.networks and not networks.contain(record.networks, address):
            self._turned_away(record, "network")
            raise problems.address_not_allowed(address)
        return record

    def holds(self, raw: bytes) -> bool:
        """Is it the text of a key that is in the ring, wherever it is used from?"""
        record = self.records.get(raw[4:12])
        return record is not None and self._is(record, raw)

    def standing(self, raw: bytes) -> Subscriber | None:
        """The subscriber of a key that was good when its call began; None: it has to be loaded. Raises Problem when it has ended."""
        record = self.records.get(raw[4:12])
        if raw[4:12] in self._buried and self._is_buried(raw):
            raise problems.not_recognised()
        if record is None:
            if raw[4:12] in self._unknown:
                raise problems.not_recognised()
            return None
        record.used = True
        if not record.is_live:
            raise problems.not_recognised()
        return record

    async def fetch(self, raw: bytes) -> None:
        """Load the record of a well-formed key, or find that Postgres is away and an old one may do. Raises Problem (503).

        All that is asked for while a load runs is in the next one: however many keys are new at once, Postgres is asked a
        few questions, one at a time.
        """
        kid = raw[4:12]
        waiting = self._loading.get(kid)
        if waiting is None:
            waiting = self._loading[kid] = asyncio.get_running_loop().create_future()
            self._wanted.append(kid)
            if self._loader is None:
                self._loader = asyncio.ensure_future(self._load_wanted())
        if not await asyncio.shield(waiting) and not self._may_do(kid):
            raise problems.away("API keys cannot be checked at the moment.")

    async def refresh(self) -> None:
        """Load again every record that was used since the last time; forget those that are too old to be of use (F4: 120 s)."""
        now = time.monotonic()
        for kid in [kid for kid, record in self.records.items() if now - record.loaded > self.limits.key_stale_s]:
            del self.records[kid]
        wanted = [kid.decode() for kid, record in self.records.items() if self._still_wanted(record, now)]
        await self._reload(wanted)
        for record in self.records.values():
            record.used = False

    def revoke(self, kid: bytes) -> None:
        """Forget a key at once, and refuse any load that began before now."""
        self._sequence += 1
        self._overtaken[kid] = self._sequence
        self.records.pop(kid, None)
        self._unknown.pop(kid, None)
        if len(self._overtaken) > self.limits.unknown_keys:
            del self._overtaken[next(iter(self._overtaken))]

    def bury(self, kid: bytes, macs: Iterable[str]) -> None:
        """Refuse a key from now on, whatever Postgres says: the text that has one of these digests; none: any text of that kid."""
        before, fresh = self._buried.get(kid), frozenset(macs)
        self._buried[kid] = fresh if before is None else before | fresh if before and fresh else frozenset()

    def failed(self, address: str, now: float) -> problems.Problem:
        """The answer to a key that is not recognised; the twenty-first in a minute from one address is 429."""
        since, count = self._failures.get(address, (now, 0))
        if now - since > 60:
            since, count = now, 0
        if len(self._failures) > self.limits.unknown_keys:
            self._failures.clear()
        self._failures[address] = (since, count + 1)
        return problems.too_many_failures() if count >= self.limits.failures_per_minute else problems.not_recognised()

    def _is(self, record: Subscriber, raw: bytes) -> bool:
        """Does the key's text belong to the record? Raises Problem (503) when its pepper is not known here."""
        proof = sha256(raw).digest()
        if hmac.compare_digest(proof, record.proof):
            return True
        pepper = self.peppers.get(record.pepper_version)
        if pepper is None:
            raise problems.away("This API key cannot be checked here.")
        if not hmac.compare_digest(hmac.digest(pepper, raw, "sha256").hex(), record.mac):
            return False
        record.proof = proof
        return True

    def _may_do(self, kid: bytes) -> bool:
        """Is there a record that may be used while Postgres is away? (F4: up to 120 s)"""
        record = self.records.get(kid)
        return record is not None and not self.database_is_up and time.monotonic() - record.loaded <= self.limits.key_stale_s

    def _is_buried(self, raw: bytes) -> bool:
        macs = self._buried[raw[4:12]]
        return not macs or any(keys.mac(raw, pepper) in macs for pepper in self.peppers.values())

    def _strengthen(self, record: Subscriber, raw: bytes) -> None:
        """A key that was kept under an older pepper is to be kept under the current one; asked once for each record."""
        if self.database_is_up and not record.is_strengthened:
            record.is_strengthened = True
            self._rehash(record, keys.mac(raw, self.peppers[self.current_pepper]))

    def _not_cached(self, raw: bytes, kid: bytes, now: float, address: str) -> None:
        hmac.digest(next(iter(self.peppers.values())), raw, "sha256")  # unknown and wrong keys cost the same
        if keys.parse(raw) is None or self._unknown.get(kid, 0.0) > now:
            raise self.failed(address, now)
        if self._is_guessing(address, now) and not self._may_look(now):
            raise problems.too_many_failures()

    def _is_guessing(self, address: str, now: float) -> bool:
        since, count = self._failures.get(address, (0.0, 0))
        return count > self.limits.failures_per_minute and now - since < 60

    def _may_look(self, now: float) -> bool:
        """Addresses are shared by many behind a balancer: a guesser slows new keys of its address down, it locks none out."""
        self._looks_due = max(self._looks_due, now)
        if self._looks_due - now > 1.0:
            return False
        self._looks_due += 1.0 / self.limits.doubtful_looks_per_second
        return True

    async def _load_wanted(self) -> None:
        """Load in turn what is asked for, and say whether it could be."""
        while self._wanted:
            kids, self._wanted = self._wanted[:BATCH], self._wanted[BATCH:]
            was_loaded = False
            try:
                await self._fetch(kids)
                was_loaded = True
            except DatabaseAway:
                pass
            except Exception:
                log.exception("keys could not be loaded")
            for kid in kids:
                self._loading.pop(kid).set_result(was_loaded)
        self._loader = None

    async def _fetch(self, kids: list[bytes]) -> None:
        """Each is in the ring afterwards, or known to be no key. Raises DatabaseAway."""
        for _ in range(3):
            await self._reload([kid.decode() for kid in kids])
            kids = [kid for kid in kids if kid not in self.records and kid not in self._unknown]
        self._remember_unknown(kids, time.monotonic())

    async def _reload(self, kids: list[str]) -> None:
        if not kids:
            return
        now = time.monotonic()
        if now < self._down_until:
            raise DatabaseAway
        self._sequence += 1
        sequence = self._sequence
        self.loads += 1
        try:
            found = await self._load(kids)
        except DatabaseAway:
            self.database_is_up = False
            self._down_until = time.monotonic() + self.limits.database_probe_s
            raise
        self.database_is_up = True
        for record in found:
            self._store(record, sequence, now)
        present = {record.kid for record in found}
        self._remember_unknown((kid.encode() for kid in kids if kid not in present), now)

    def _store(self, record: Subscriber, sequence: int, began: float) -> None:
        kid = record.kid.encode()
        old = self.records.get(kid)
        if sequence < self._overtaken.get(kid, 0):
            return
        if old is not None and (record.epoch < old.epoch or sequence < old.sequence):
            return
        record.sequence, record.loaded = sequence, began
        record.who = (
            record.subscription_id,
            record.key_id,
            record.application_id,
            record.team_id,
            record.model_id,
        )
        record.used = old.used if old is not None else True
        self._attach(record)
        self.records[kid] = record
        self._unknown.pop(kid, None)

    def _remember_unknown(self, kids: Iterable[bytes], now: float) -> None:
        for kid in kids:
            self.records.pop(kid, None)
            if len(self._unknown) >= self.limits.unknown_keys:
                self._unknown.clear()
            self._unknown[kid] = now + self.limits.unknown_key_s

    def _still_wanted(self, record: Subscriber, now: float) -> bool:
        return record.used or now - record.loaded < self.limits.key_fresh_s
