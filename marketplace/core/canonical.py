"""Canonical JSON and its digest: one byte string per value, for hashing and signing (RFC 8785-like)."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """JSON bytes with sorted keys, no spaces, UTF-8. Raises TypeError on what JSON cannot hold."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """Hex SHA-256 of canonical(value)."""
    return hashlib.sha256(canonical(value)).hexdigest()
