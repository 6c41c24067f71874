"""Where an upstream is: host, port, path prefix, TLS; and whether it is external (then egress policy applies to each connection)."""

from typing import NamedTuple
from urllib.parse import urlsplit


class Origin(NamedTuple):
    """The part of an upstream's address by which connections are pooled."""

    host: str
    port: int
    tls: bool
    is_external: bool = False


def parse(url: str, is_external: bool = False) -> tuple[Origin, str]:
    """A base URL as its origin and its path prefix without a trailing slash. Raises ValueError."""
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
    origin = Origin(parts.hostname, parts.port or (443 if tls else 80), tls, is_external)
    return origin, parts.path.rstrip("/")


def host_header(origin: Origin) -> str:
    """Host and port as the Host header has them."""
    is_default_port = origin.port == (443 if origin.tls else 80)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if is_default_port else f"{host}:{origin.port}"
