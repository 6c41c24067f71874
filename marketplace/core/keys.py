"""The API key as text: its shape, its checksum and its keyed digest. Pure: no ORM, no settings, so that the gateway may import it.

A key reads `mkc_<kid:8><secret:32><crc:6>`, Base62, 50 characters. `kid` is public and names the row; `secret`
carries 190 bits; `crc` is the CRC32 of everything before it, so that a mistyped or invented key costs no look-up.
The database keeps HMAC-SHA256(pepper, key) as 64 hex digits and the pepper's version, never the key.
"""

import hmac
import re
import secrets
import zlib
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KINDS = ("mkc", "mks", "mkp")
KID, SECRET, CRC = 8, 32, 6
LENGTH = 4 + KID + SECRET + CRC
PATTERN = r"\bmk[csp]_[0-9A-Za-z]{46}\b"  # published for secret scanners

_SHAPE = re.compile(rb"mk[csp]_[0-9A-Za-z]{46}")
_IN_TEXT = re.compile(PATTERN.encode())


class Minted(NamedTuple):
    """A new key: the text that its owner sees once, and its public name."""

    text: str
    kid: str


def mint(kind: str = "mkc") -> Minted:
    """A fresh key of a kind from KINDS."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of key: {kind}")
    kid = _random_text(KID)
    head = f"{kind}_{kid}{_random_text(SECRET)}"
    return Minted(head + checksum(head.encode()), kid)


def checksum(head: bytes) -> str:
    """CRC32 of `head` as six Base62 characters, most significant first."""
    value = zlib.crc32(head)
    digits = []
    for _ in range(CRC):
        value, digit = divmod(value, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def parse(raw: bytes) -> str | None:
    """The kid of a well-formed key, None for anything else. No I/O."""
    if len(raw) != LENGTH or not _SHAPE.fullmatch(raw):
        return None
    if checksum(raw[:-CRC]).encode() != raw[-CRC:]:
        return None
    return raw[4 : 4 + KID].decode()


def find_texts(raw: bytes) -> list[bytes]:
    """All well-formed keys inside any bytes, such as a query string or a leak report."""
    return [text for text in _IN_TEXT.findall(raw) if parse(text)]


def find(raw: bytes) -> list[str]:
    """The kids of all well-formed keys inside any bytes."""
    return [text[4 : 4 + KID].decode() for text in find_texts(raw)]


def mac(text: str | bytes, pepper: str | bytes) -> str:
    """HMAC-SHA256 of the key under a pepper, 64 hex digits: what the database stores."""
    return hmac.digest(_bytes(pepper), _bytes(text), "sha256").hex()


def verify(text: str | bytes, stored: str, pepper: str | bytes) -> bool:
    """Does this key belong to the stored digest? Constant time."""
    return hmac.compare_digest(mac(text, pepper), stored)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
