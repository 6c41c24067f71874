"""Where an upstream is: host, port, path prefix, TLS; and whose (an external one is judged at each connection)."""

from typing import NamedTuple
from urllib.parse import urlsplit


class Origin(NamedTuple):
    """The part of an upstream's address that connections are shared by."""

    host: str
    port: int
    tls: bool
    is_external: bool = False


def parse(url: str, is_external: bool = False) -> tuple[Origin, str]:
    """A base URL → its origin and its path prefix without a trailing slash. Raises ValueError."""
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username
        or parts.fragment
        or parts.query
    ):
        raise ValueError(f"not an upstream address: {url}")
    tls = parts.scheme == "https"
    return Origin(
        parts.hostname, parts.port or (443 if tls else 80), tls, is_external
    ), parts.path.rstrip("/")


def host_header(origin: Origin) -> str:
    """Host and port as the Host header says them."""
    usual = origin.port == (443 if origin.tls else 80)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if usual else f"{host}:{origin.port}"
