"""The platform's Ed25519 signature. The key lives in a file outside the database."""

from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


def sign(message: bytes) -> str:
    """bytes → hex signature (128 characters)."""
    return _private_key().sign(message).hex()


def is_signed(message: bytes, signature: str, public_key_hex: str | None = None) -> bool:
    """True when `signature` (hex) over `message` (bytes) is the platform's."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key_hex or public_key()))
    try:
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key() -> str:
    """The platform's public key, 32 raw bytes as hex: what loaders verify against."""
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return _private_key().public_key().public_bytes(*raw).hex()


@lru_cache
def _private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex(Path(settings.SIGNING_KEY_FILE).read_text().strip())
    )
