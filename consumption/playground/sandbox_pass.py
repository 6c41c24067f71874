"""The pass under which the portal sends one person's tries of one model through the gateway: signed, good for a minute, kept nowhere.

It stands in the place of an API key, and nobody sees it: the portal makes one for each try, after it has asked whether the person
may. Whoever can make keys can make passes, for both are signed with the pepper. A pass reaches nothing but the sandbox: no
subscription, no quota, no money (docs/playground.md, "How a try is sent"). Pure: no ORM, no settings.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Mapping
from typing import NamedTuple

PREFIX = b"mks_"
LIFE_S = 60

_FIELDS = struct.Struct(">BqqqqIII")
_MAC = 32
_PURPOSE = b"sandbox pass\0"  # so that no digest of a key is one of a pass


class SandboxPass(NamedTuple):
    """Who tries which version of which model, by their ids, and until when (seconds since 1970); and what the gateway lets through:
    calls a second, after a burst, and at a time. One person has one set of these limits. The hour is counted by the portal."""

    person: int
    model: int
    version: int
    expires_at: int
    rate: int = 5
    burst: int = 20
    concurrency: int = 4


def mint(granted: SandboxPass, pepper_version: int, pepper: str) -> str:
    """The text of a pass."""
    fields = _FIELDS.pack(pepper_version, *granted)
    return PREFIX.decode() + base64.urlsafe_b64encode(fields + _mac(fields, pepper)).decode()


def read(raw: bytes, peppers: Mapping[int, bytes]) -> SandboxPass | None:
    """The pass of this text when one of the peppers signed it, whether it has expired or not; None for anything else."""
    try:
        signed = base64.urlsafe_b64decode(raw[len(PREFIX) :])
    except (binascii.Error, ValueError):
        return None
    fields, given = signed[:-_MAC], signed[-_MAC:]
    if len(fields) != _FIELDS.size:
        return None
    pepper_version, *granted = _FIELDS.unpack(fields)
    pepper = peppers.get(pepper_version)
    if pepper is None or not hmac.compare_digest(_mac(fields, pepper), given):
        return None
    return SandboxPass(*granted)


def _mac(fields: bytes, pepper: str | bytes) -> bytes:
    key = pepper.encode() if isinstance(pepper, str) else pepper
    return hmac.digest(key, _PURPOSE + fields, "sha256")
