"""Whose call is it? The ring of key records that this process has seen, and the one way to add to it.

Only `KeyRing` writes records, and it refuses what a later load, a higher epoch or a revocation has overtaken, so no
request in flight can bring a revoked key back. An outage is never answered with 401: what cannot be checked is 503.
"""

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from consumption import keys, networks
from consumption.networks import Network
from hosting.gateway import problems
from hosting.gateway.auth.single_flight import SingleFlight
from hosting.gateway.config import Limits
from hosting.gateway.database import DatabaseAway, DatabaseHealth

if TYPE_CHECKING:
    from hosting.gateway.limits.admission import Account


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
    model_id: int
    plan_id: int
    environment: int
    policy: str
    pinned_id: int
    pinned: tuple[int, int, int, int]
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


BATCH = 500
Load = Callable[[list[str]], Awaitable[list[Subscriber]]]


def _leave(record: Subscriber, mac: str) -> None:
    """Peppers are not changed here."""


def _forget(record: Subscriber, limit: str) -> None:
    """Nobody counts what is turned away."""


class KeyRing:
    """Key records by kid, at most `limits.key_records` of them. `load` fetches from Postgres; `attach` gives a record its admission account.

    `now_s`: seconds since 1970 by Postgres' clock, which judges expiry; this machine's may be wrong. Any of `peppers` may
    stand behind a record; `rehash` is given a record whose key was kept under an older one than `current_pepper`, when
    the key was good, and its digest under that one. It never sees the key's text. `turned_away` is given the record of
    a key whose text was good, but which has ended ("key") or was used from elsewhere than it may be ("network").

    A record is as old as its load, or as the last look at what changed (`confirm`) when that is younger.
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
        health: DatabaseHealth | None = None,
    ) -> None:
        self.limits = limits
        self.peppers = {version: pepper.encode() for version, pepper in peppers.items()}
        self.records: OrderedDict[bytes, Subscriber] = (
            OrderedDict()
        )  # those used longest ago first, roughly
        self.health = health or DatabaseHealth(limits.database_probe_s)
        self.stale_answers = 0
        self.loads = 0
        self._load = load
        self._attach = attach
        self._now_s = now_s
        self.current_pepper = current_pepper
        self._rehash = rehash
        self._turned_away = turned_away
        self._sequence = 0
        self._flight: SingleFlight[bytes] = SingleFlight(self._fetch, BATCH)
        self._confirmed = 0.0
        self._trusted_from = 0.0
        self._unknown: dict[bytes, float] = {}
        self._overtaken: dict[bytes, int] = {}
        self._buried: dict[bytes, frozenset[str]] = {}
        self._failures: dict[str, tuple[float, int]] = {}
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
        age = now - self._as_of(record)
        if age > self.limits.key_fresh_s:
            if self.health.is_up or age > self.limits.key_stale_s:
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

        However many keys are new at once, Postgres is asked a few questions, one at a time.
        """
        kid = raw[4:12]
        if not await self._flight.load(kid) and not self._may_do(kid):
            raise problems.away("API keys cannot be checked at the moment.")

    async def changed(self, kids: set[bytes], ids: Mapping[str, set[int]]) -> None:
        """These keys, or the rows that they hang on ({"subscription", "plan", "application": ids}), have changed in Postgres.

        What is here of them is loaded again, what is just being loaded once more. Raises DatabaseAway.
        """
        for kid in kids:
            self._unknown.pop(kid, None)
        concerned = {kid for kid in kids if kid in self.records}
        if any(ids.get(kind) for kind in HANGS_ON):
            concerned |= {kid for kid, record in self.records.items() if _hangs_on(record, ids)}
            kids = kids | set(self._flight)
        for kid in kids:
            if kid in self._flight:
                self._overtake(kid)
        wanted = [kid.decode() for kid in concerned]
        for at in range(0, len(wanted), BATCH):
            await self._reload(wanted[at : at + BATCH])

    def confirm(self, at: float) -> None:
        """What is here was as Postgres has it at that moment (monotonic)."""
        self._confirmed = at

    def distrust(self, before: float) -> None:
        """Anything may have changed: what was loaded before that moment is loaded again with its next use."""
        self._trusted_from = before

    def revoke(self, kid: bytes) -> None:
        """Forget a key at once, and refuse any load that began before now."""
        self._overtake(kid)
        self.records.pop(kid, None)
        self._unknown.pop(kid, None)

    def deny(self, kid: bytes, macs: Iterable[str]) -> None:
        """Refuse a key from now on, whatever Postgres says: the text that has one of these digests; none: any text of that kid."""
        before, fresh = self._buried.get(kid), frozenset(macs)
        self._buried[kid] = (
            fresh if before is None else before | fresh if before and fresh else frozenset()
        )

    def failed(self, address: str, now: float) -> problems.Problem:
        """The answer to a key that is not recognised; the twenty-first in a minute from one address is 429."""
        since, count = self._failures.get(address, (now, 0))
        if now - since > 60:
            since, count = now, 0
        if len(self._failures) > self.limits.unknown_keys:
            self._failures.clear()
        self._failures[address] = (since, count + 1)
        return (
            problems.too_many_failures()
            if count >= self.limits.failures_per_minute
            else problems.not_recognised()
        )

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
        return (
            record is not None
            and not self.health.is_up
            and time.monotonic() - self._as_of(record) <= self.limits.key_stale_s
        )

    def _is_buried(self, raw: bytes) -> bool:
        macs = self._buried[raw[4:12]]
        return not macs or any(keys.mac(raw, pepper) in macs for pepper in self.peppers.values())

    def _strengthen(self, record: Subscriber, raw: bytes) -> None:
        """A key that was kept under an older pepper is to be kept under the current one; asked once for each record."""
        if self.health.is_up and not record.is_strengthened:
            record.is_strengthened = True
            self._rehash(record, keys.mac(raw, self.peppers[self.current_pepper]))

    def _not_cached(self, raw: bytes, kid: bytes, now: float, address: str) -> None:
        hmac.digest(
            next(iter(self.peppers.values())), raw, "sha256"
        )  # unknown and wrong keys cost the same
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

    def _as_of(self, record: Subscriber) -> float:
        """The last moment (monotonic) at which the record was what Postgres has."""
        loaded = record.loaded
        return self._confirmed if self._confirmed > loaded >= self._trusted_from else loaded

    async def _fetch(self, kids: list[bytes]) -> None:
        """Each is here afterwards, or known to be no key, unless it changed once more meanwhile. Raises DatabaseAway."""
        for _ in range(3):
            await self._reload([kid.decode() for kid in kids])
            kids = [kid for kid in kids if kid not in self.records and kid not in self._unknown]
            if not kids:
                return

    async def _reload(self, kids: list[str]) -> None:
        if not kids:
            return
        now = time.monotonic()
        self.health.check()
        self._sequence += 1
        sequence = self._sequence
        self.loads += 1
        try:
            found = await self._load(kids)
        except DatabaseAway:
            self.health.missed()
            raise
        self.health.answered()
        for record in found:
            self._store(record, sequence, now)
        present = {record.kid for record in found}
        self._remember_unknown((kid.encode() for kid in kids if kid not in present), sequence, now)

    def _overtake(self, kid: bytes) -> None:
        """Whatever load of it is under way, its answer is refused."""
        self._sequence += 1
        self._overtaken[kid] = self._sequence
        if len(self._overtaken) > self.limits.unknown_keys:
            del self._overtaken[next(iter(self._overtaken))]

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
        record.used = True
        self._attach(record)
        self.records[kid] = record
        self._unknown.pop(kid, None)
        while len(self.records) > self.limits.key_records:
            other, oldest = self.records.popitem(last=False)
            if oldest.used:  # a second chance
                oldest.used = False
                self.records[other] = oldest

    def _remember_unknown(self, kids: Iterable[bytes], sequence: int, now: float) -> None:
        for kid in kids:
            if sequence < self._overtaken.get(kid, 0):
                continue
            self.records.pop(kid, None)
            if len(self._unknown) >= self.limits.unknown_keys:
                self._unknown.clear()
            self._unknown[kid] = now + self.limits.unknown_key_s


HANGS_ON = {"subscription": "subscription_id", "plan": "plan_id", "application": "application_id"}


def _hangs_on(record: Subscriber, ids: Mapping[str, set[int]]) -> bool:
    return any(
        getattr(record, column) in ids[kind] for kind, column in HANGS_ON.items() if ids.get(kind)
    )
