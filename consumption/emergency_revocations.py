"""Keys that must not be answered any more although Postgres cannot be told: emergency revocations.

A tombstone is a line of JSON {"kid", "macs", "reason", "at"}. `macs` are the digests, under every pepper, of the text that
was given, so that an invented text with somebody's kid ends nothing; none: the kid alone was given, and it is meant.
Tombstones lie in Redis (the hash KEY, and a message to all gateways at once) and in TOMBSTONES_FILE, which the gateway on the
same machine reads every half second. Gateways answer 401 to what is buried, before and after a restart, with or without
Postgres. When Postgres answers again the shipping process beside each gateway enters them there (`enter`); both are
kept, for gateways that are still cut off and for a database that is restored from an older backup.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from redis import RedisError

from consumption import keys
from consumption.actions import revoke_named
from consumption.models import ApiKey
from marketplace.accounts.models import User
from marketplace.core import redis_client
from marketplace.core.errors import RuleError
from marketplace.core.invalidation import CHANNEL

log = logging.getLogger(__name__)
KEY = "gateway:tombstones"
KEPT_S = 366 * 24 * 3600  # no key lives longer


class Tombstone(NamedTuple):
    """One key that is to be refused. `at`: seconds since 1970."""

    kid: str
    macs: tuple[str, ...]
    reason: str
    at: float

    def covers(self, key: ApiKey) -> bool:
        """Is this the key that was meant?"""
        return not self.macs or key.mac in self.macs


def for_text(text: bytes, reason: str) -> Tombstone:
    """Of a key whose text is known."""
    macs = tuple(keys.mac(text, pepper) for pepper in settings.KEY_PEPPERS.values())
    return Tombstone(text[4 : 4 + keys.KID].decode(), macs, reason, time.time())


def for_kid(kid: str, reason: str) -> Tombstone:
    """Of a key of which only the public name is known."""
    return Tombstone(kid, (), reason, time.time())


def write(tombstone: Tombstone) -> bytes:
    """As a line, without its end."""
    return json.dumps(tombstone._asdict()).encode()


def read(lines: Iterable[bytes]) -> list[Tombstone]:
    """The tombstones of lines; one that cannot be read is told to the log and left out."""
    found = []
    for line in lines:
        try:
            told = json.loads(line)
            found.append(
                Tombstone(
                    str(told["kid"]),
                    tuple(map(str, told["macs"])),
                    str(told["reason"]),
                    float(told["at"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            log.error("a tombstone cannot be read and is passed over: %r", line[:80])
    return found


def to_file(tombstones: Iterable[Tombstone]) -> None:
    """Append to TOMBSTONES_FILE, through to the disk. Raises OSError."""
    lines = b"".join(write(tombstone) + b"\n" for tombstone in tombstones)
    fd = os.open(settings.TOMBSTONES_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, lines)
        os.fsync(fd)
    finally:
        os.close(fd)


def from_file(path: Path) -> list[Tombstone]:
    """What was written so far, whole lines only; nothing when there is no file."""
    try:
        return read(path.read_bytes().split(b"\n")[:-1])
    except FileNotFoundError:
        return []


def to_redis(tombstones: Iterable[Tombstone]) -> None:
    """Tell all gateways at once, and those that start later. Raises RedisError."""
    with redis_client.connection(1.0) as line:
        pipe = line.pipeline(transaction=False)
        for tombstone in tombstones:
            pipe.hset(KEY, tombstone.kid, write(tombstone))
            pipe.publish(CHANNEL, json.dumps({"kind": "tombstone", **tombstone._asdict()}))
        pipe.expire(KEY, KEPT_S)
        pipe.execute()


def enter(known: set[Tombstone]) -> None:
    """Revoke in Postgres what is buried, each once; `known` are those that were looked at before, and grows.

    The system user `emergency` does it. Raises DatabaseError when Postgres is away.
    """
    for tombstone in {*from_file(settings.TOMBSTONES_FILE), *_from_redis()} - known:
        _enter(tombstone)
        known.add(tombstone)


def _from_redis() -> list[Tombstone]:
    with contextlib.suppress(RedisError), redis_client.connection(1.0) as line:
        return read(line.hvals(KEY))
    return []


def _enter(tombstone: Tombstone) -> None:
    key = ApiKey.objects.filter(kid=tombstone.kid).first()
    if key is not None and tombstone.covers(key):
        with contextlib.suppress(RuleError):  # somebody else was first
            for ended in revoke_named(
                User.objects.system("emergency"), [key.kid], tombstone.reason
            ):
                log.warning("%s is revoked in Postgres too", ended)
