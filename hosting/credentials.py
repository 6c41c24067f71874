"""Credentials of external endpoints: sealed, bound to their version; opened only where calls are forwarded."""

from marketplace.core import sealing
from marketplace.core.sealing import Unreadable

PURPOSE = "marketplace upstream credentials"

__all__ = ["Unreadable", "open_sealed", "seal"]


def seal(text: str, version_pk: int) -> bytes:
    """What to store in Upstream.credential."""
    return sealing.seal(text, purpose=PURPOSE, bound_to=f"upstream:{version_pk}")


def open_sealed(sealed: bytes | memoryview, version_pk: int) -> str:
    """The text of Upstream.credential. Raises Unreadable."""
    return sealing.open_sealed(sealed, purpose=PURPOSE, bound_to=f"upstream:{version_pk}")
