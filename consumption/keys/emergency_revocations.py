"""The emergency revocation list: keys that gateways deny while Postgres is unavailable.

An entry is a line of JSON {"kid", "macs", "reason", "at"}. `macs` are the digests of the key's text under every pepper, so
that an invented text with somebody's kid revokes nothing. They are empty when only the kid was given; then the kid decides.
Entries are in Redis (the hash KEY, and one message to all gateways) and in EMERGENCY_REVOCATIONS_FILE, which the gateway on
the same machine reads every half second. Gateways answer 401 to a denied key, before and after a restart, with or without
Postgres. When Postgres answers again, the shipping process beside each gateway revokes the keys there
(`revoke_in_database`). The entries stay, for gateways that are still cut off and for a database restored from a backup.
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

from consumption.keys.actions import revoke_named
from consumption.models import ApiKey
from marketplace.accounts.models import User
from marketplace.core import keys, redis_client
from marketplace.core.errors import RuleError
from marketplace.core.invalidation import CHANNEL

log = logging.getLogger(__name__)
KEY = "gateway:emergency_revocations"
RETENTION_S = 366 * 24 * 3600  # no key lives longer


class EmergencyRevocation(NamedTuple):
    """One denied key. `at`: seconds since 1970."""

    kid: str
    macs: tuple[str, ...]
    reason: str
    at: float

    def covers(self, key: ApiKey) -> bool:
        """Does the revocation mean this key?"""
        return not self.macs or key.mac in self.macs


def for_text(text: bytes, reason: str) -> EmergencyRevocation:
    """The revocation of a key whose text is known."""
    macs = tuple(keys.mac(text, pepper) for pepper in settings.KEY_PEPPERS.values())
    return EmergencyRevocation(text[4 : 4 + keys.KID].decode(), macs, reason, time.time())


def for_kid(kid: str, reason: str) -> EmergencyRevocation:
    """The revocation of a key of which only the kid is known."""
    return EmergencyRevocation(kid, (), reason, time.time())


def serialize(revocation: EmergencyRevocation) -> bytes:
    """The revocation as one line without its end."""
    return json.dumps(revocation._asdict()).encode()


def parse(lines: Iterable[bytes]) -> list[EmergencyRevocation]:
    """The revocations of lines; an unreadable line is logged and skipped."""
    revocations = []
    for line in lines:
        try:
            fields = json.loads(line)
            revocations.append(
                EmergencyRevocation(
                    str(fields["kid"]),
                    tuple(map(str, fields["macs"])),
                    str(fields["reason"]),
                    float(fields["at"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            log.error("an emergency revocation cannot be read and is skipped: %r", line[:80])
    return revocations


def append_to_file(revocations: Iterable[EmergencyRevocation]) -> None:
    """Append to EMERGENCY_REVOCATIONS_FILE and flush it to disk. Raises OSError."""
    lines = b"".join(serialize(revocation) + b"\n" for revocation in revocations)
    fd = os.open(settings.EMERGENCY_REVOCATIONS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, lines)
        os.fsync(fd)
    finally:
        os.close(fd)


def read_file(path: Path) -> list[EmergencyRevocation]:
    """The revocations in the file, whole lines only; none when there is no file."""
    try:
        return parse(path.read_bytes().split(b"\n")[:-1])
    except FileNotFoundError:
        return []


def publish(revocations: Iterable[EmergencyRevocation]) -> None:
    """Send to all gateways, and store for those that start later. Raises RedisError."""
    with redis_client.connection(1.0) as redis:
        pipe = redis.pipeline(transaction=False)
        for revocation in revocations:
            pipe.hset(KEY, revocation.kid, serialize(revocation))
            message = {"kind": "emergency_revocation", **revocation._asdict()}
            pipe.publish(CHANNEL, json.dumps(message))
        pipe.expire(KEY, RETENTION_S)
        pipe.execute()


def revoke_in_database(done: set[EmergencyRevocation]) -> None:
    """Revoke the listed keys in Postgres, each once, as the system user `emergency`.

    `done` holds the revocations of earlier calls and grows. Raises DatabaseError when Postgres is unavailable.
    """
    listed = {*read_file(settings.EMERGENCY_REVOCATIONS_FILE)}
    with contextlib.suppress(RedisError), redis_client.connection(1.0) as redis:
        listed.update(parse(redis.hvals(KEY)))
    for revocation in listed - done:
        key = ApiKey.objects.filter(kid=revocation.kid).first()
        if key is not None and revocation.covers(key):
            with contextlib.suppress(RuleError):  # somebody revoked it meanwhile
                by = User.objects.system("emergency")
                for revoked in revoke_named(by, [key.kid], revocation.reason):
                    log.warning("%s is revoked in Postgres too", revoked)
        done.add(revocation)
