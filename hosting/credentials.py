"""Credentials of external endpoints: AES-256-GCM, bound to their version; opened only where calls are forwarded.

The key is derived from the platform's secret key, which lives outside the database.
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
    """The stored credential was not sealed with this key for this version."""


def seal(text, version_pk):
    """str → bytes for Upstream.credential."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + _cipher().encrypt(nonce, text.encode(), _bound_to(version_pk))


def open_sealed(sealed, version_pk):
    """bytes of Upstream.credential → str. Raises Unreadable."""
    sealed = bytes(sealed)
    nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if sealed[:1] != FORMAT:
        raise Unreadable("The stored credential has an unknown form.")
    try:
        return _cipher().decrypt(nonce, body, _bound_to(version_pk)).decode()
    except InvalidTag:
        raise Unreadable(
            "The stored credential was not made for this version with this key."
        ) from None


def _bound_to(version_pk):
    return f"upstream:{version_pk}".encode()


def _cipher():
    derive = HKDF(
        algorithm=hashes.SHA256(), length=32, salt=None, info=b"marketplace upstream credentials"
    )
    return AESGCM(derive.derive(settings.SECRET_KEY.encode()))
