"""Signed messages from other systems: HMAC-SHA256 over `id.timestamp.body`, as Standard Webhooks has it (standardwebhooks.com).

A secret reads `whsec_` and Base64 of at least 24 bytes. The sender puts the id of the delivery, seconds since 1970, and one or
more signatures "v1,<Base64>" into the headers below. Several secrets of a sender are valid at once, so that they can rotate.
Whoever receives keeps the ids: within the tolerance the same message could be sent again.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from marketplace.core.query import whole_number

PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_S = 300  # docs/reliability.md, "Incoming webhooks"
LONGEST_ID = 100
SHORTEST_SECRET = 24


class Secret(NamedTuple):
    """Whose messages it signs, and the bytes that sign them."""

    sender: str
    key: bytes


class Delivery(NamedTuple):
    """A message that was signed well: who sent it, and its id there."""

    sender: str
    id: str


def secrets(text: str) -> list[Secret]:
    """From "name:whsec_…,name:whsec_…". Raises ValueError with a sentence, which quotes no secret."""
    return [_secret(part.strip()) for part in text.split(",") if part.strip()]


def _secret(part: str) -> Secret:
    sender, _, written = part.partition(":")
    try:
        key = (
            base64.b64decode(written.removeprefix(PREFIX), validate=True)
            if written.startswith(PREFIX)
            else b""
        )
    except binascii.Error:
        key = b""
    if not sender or len(sender) > 40 or len(key) < SHORTEST_SECRET:
        raise ValueError(
            f"A secret of a sender is written name:{PREFIX}… with Base64 of at least {SHORTEST_SECRET} bytes."
        )
    return Secret(sender, key)


def signature(key: bytes, delivery: str, timestamp: int | str, body: bytes) -> str:
    """The value of the signature header."""
    signed = f"{delivery}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def verify(accepted: Sequence[Secret], headers: Mapping[str, str], body: bytes) -> Delivery | None:
    """The Delivery when a secret signed it within five minutes of now; else None."""
    delivery, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    sent_at = whole_number(timestamp)
    if not 0 < len(delivery) <= LONGEST_ID or sent_at is None:
        return None
    if abs(time.time() - sent_at) > TOLERANCE_S:
        return None
    signatures = headers.get(SIGNATURE, "").split(" ")
    for secret in accepted:
        expected = signature(secret.key, delivery, timestamp, body).encode()
        if any(hmac.compare_digest(expected, given.encode()) for given in signatures):
            return Delivery(secret.sender, delivery)
    return None
