"""Credentials of external endpoints: sealed, bound to their version; opened only where their endpoint is called.

The gateway forwards calls with it; probes, checks and the independent evaluation ask with it.
"""

from catalog.models import ModelVersion
from hosting.models import Upstream
from marketplace.core import sealing
from marketplace.core.sealing import Unreadable

PURPOSE = "marketplace upstream credentials"

__all__ = ["Unreadable", "authorization", "of", "open_sealed", "seal"]


def seal(text: str, version_pk: int) -> bytes:
    """What to store in Upstream.credential."""
    return sealing.seal(text, purpose=PURPOSE, bound_to=f"upstream:{version_pk}")


def open_sealed(sealed: bytes | memoryview, version_pk: int) -> str:
    """The text of Upstream.credential. Raises Unreadable."""
    return sealing.open_sealed(sealed, purpose=PURPOSE, bound_to=f"upstream:{version_pk}")


def authorization(upstream: Upstream) -> str:
    """What its endpoint wants in the header Authorization; "" where nothing is stored. Raises Unreadable."""
    if not upstream.credential:
        return ""
    text = open_sealed(upstream.credential, upstream.version_id)
    if not text.isprintable():
        raise Unreadable("the stored credential is not one line of text")
    return text if " " in text else f"Bearer {text}"


def of(version: ModelVersion) -> str:
    """The same of a version, from its draft on; "" where it was stored for another address. Raises Unreadable."""
    upstream = Upstream.objects.filter(version=version, kind=Upstream.Kind.EXTERNAL).first()
    if upstream is None or upstream.base_url != version.external_url.rstrip("/"):
        return ""
    return authorization(upstream)
