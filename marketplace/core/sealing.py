"""Secrets that the product has to read again: AES-256-GCM, each bound to the row that it belongs to.

The key is derived from the platform's secret key, which lives outside the database, for one purpose each.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12
FORMAT = b"\x01"


class Unreadable(Exception):
    """What is stored was not sealed with this key for this row."""


def seal(text: str, *, purpose: str, bound_to: str) -> bytes:
    """What to store of `text`; `bound_to` names the row, so that it opens in no other."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + _cipher(purpose).encrypt(nonce, text.encode(), bound_to.encode())


def open_sealed(sealed: bytes | memoryview, *, purpose: str, bound_to: str) -> str:
    """The text again. Raises Unreadable."""
    content = bytes(sealed)
    nonce, body = content[1 : 1 + NONCE_BYTES], content[1 + NONCE_BYTES :]
    if content[:1] != FORMAT:
        raise Unreadable("The stored secret has an unknown form.")
    try:
        return _cipher(purpose).decrypt(nonce, body, bound_to.encode()).decode()
    except InvalidTag:
        raise Unreadable("The stored secret was not sealed for this row with this key.") from None


def _cipher(purpose: str) -> AESGCM:
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
    return AESGCM(derive.derive(settings.SECRET_KEY.encode()))
